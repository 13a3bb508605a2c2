/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Reads the configuration in a worker and puts it in force.  Its files may lie on a file system
 * that hangs, and the users that it names may be asked of a server that is away: whatever it
 * waits for, tiod goes on with what was read last, and says what that is.
 */

#include <stdbool.h>
#include <systemd/sd-event.h>

struct call;
struct daemon;
struct tio_error;
struct worker;

/* Who waits for a reading to end. */
struct reload_waiter;

struct reload {
	struct worker *worker; /* owned; the one that reads, or that hangs */
	bool late, stuck;      /* it was given up; and is inside the kernel and does not go */
	bool again;            /* asked for since it began */
	bool known;            /* something was read since the start */
	struct reload_waiter *now, *next; /* owned; wait for this one, and for the next */
	sd_event_source *retry;           /* owned; only until something is known */
	char doing[320];                  /* what is read at this moment */
};

int reload_init(struct daemon *daemon, struct tio_error *err);
void reload_finish(struct daemon *daemon);

/*
 * Reads it, or reads it once more when this is done if it is being read already.  @call may be
 * NULL, and is answered when what was asked for is in force, or cannot be read.  At the start
 * daemon_config_read() follows in any case.
 */
void reload_start(struct daemon *daemon, struct call *call);

/* tiod is being stopped: nobody is kept waiting. */
void reload_cancel(struct daemon *daemon);
