/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Keeps there what tiod has in the runtime folder: its lock, the sockets' paths, the journals.
 * Somebody may clear /run while it runs; what went is made anew, the journals from their
 * files, which are kept open for that: without them a card could not be put back as it was.
 * Used by daemon.c.
 */

#include <stddef.h>
#include <systemd/sd-event.h>

#include "base/bdf.h"
#include "server.h"

struct daemon;

struct kept_journal {
	struct bdf family;
	int fd; /* owned */
};

struct presence {
	int lock;                                                  /* owned; -1: main's */
	sd_event_source *lock_watch, *watches[SERVER_SOCKETS_MAX]; /* owned */
	sd_event_source *timer;                                    /* owned */
	struct kept_journal *journals;                             /* owned */
	size_t n_journals;
};

/* Once the sockets are there.  What cannot be watched is a warning in the log. */
void presence_init(struct daemon *daemon);
void presence_finish(struct daemon *daemon);

/* The journal of @family may have been written. */
void presence_note(struct daemon *daemon, struct bdf family);

/* What is assigned has journals of an earlier tiod. */
void presence_note_all(struct daemon *daemon);
