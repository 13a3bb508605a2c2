/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Keeps a user from filling the log with what it is refused: one line a second for each, and
 * with the next how many were left out.  Used by server.c; no clock of its own.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define QUIET_USERS 64 /* beyond, the one that was told of longest ago is forgotten */
#define QUIET_USEC  1000000

struct quiet {
	struct quiet_user {
		uid_t uid;
		uint64_t told; /* usec; 0: nobody */
		unsigned left_out;
	} users[QUIET_USERS];
};

/* May a line about @uid be written @now (usec, never 0)?  Then so many were left out before. */
bool quiet_pass(struct quiet *quiet, uid_t uid, uint64_t now, unsigned *left_out);
