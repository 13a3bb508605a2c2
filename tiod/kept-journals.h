/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The journals of cards, kept open so that they can be written again when somebody deletes
 * them: without them a card could not be put back as it was.  Where they cannot be written
 * they are saved in the state folder, for the next tiod.  Used by presence.c.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/bdf.h"
#include "base/error.h"
#include "core/request.h"

struct daemon;

struct kept_journal {
	struct bdf family;
	int fd;     /* owned */
	bool saved; /* in the state folder, too */
};

struct kept_journals {
	struct kept_journal *list; /* owned */
	size_t n;
};

/*
 * The journal of @family may have been written, or have ended.  False: it is gone, and was not
 * to go.
 */
bool kept_note(struct daemon *daemon, struct bdf family);

/* How many are gone; what a worker is at just now is left to that. */
size_t kept_missing(const struct daemon *daemon);

/* Is one of the families of @request without its journal? */
bool kept_lacks(const struct daemon *daemon, const struct request *request);

/* Writes all that are gone; the first error, and in @ret_n how many were written. */
int kept_restore(struct daemon *daemon, size_t *ret_n, struct tio_error *err);

/* Saves those that are gone.  0 when each of them is. */
int kept_save(struct daemon *daemon, struct tio_error *err);

void kept_finish(struct kept_journals *kept);
