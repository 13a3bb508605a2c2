/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Keeps there what tiod has in the runtime folder: its lock, the sockets' paths, the journals.
 * Somebody may clear /run while it runs; what went is made anew, the journals from their
 * files, which are kept open for that: without them a card could not be put back as it was.
 * Used by daemon.c.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "kept-journals.h"
#include "server.h"

struct daemon;

struct presence {
	int lock;                                     /* owned; -1: main's */
	sd_event_source *lock_watch;                  /* owned */
	sd_event_source *journal_watch;               /* owned */
	sd_event_source *watches[SERVER_SOCKETS_MAX]; /* owned */
	sd_event_source *timer;                       /* owned */
	ino_t journal_ino;                            /* of the folder that is watched */
	struct kept_journals kept;
	bool cleared;    /* the lock was gone, and not all has been made again */
	size_t restored; /* journals since then */
	char said[640];  /* the last that went wrong, told once */
};

/*
 * Once the sockets are there, and before any journal is read.  What cannot be watched is a
 * warning in the log.
 */
void presence_init(struct daemon *daemon);
void presence_finish(struct daemon *daemon);

/* The journal of @family may have been written. */
void presence_note(struct daemon *daemon, struct bdf family);

/* What is assigned has journals of an earlier tiod. */
void presence_note_all(struct daemon *daemon);

/*
 * Before a change of the families of @request: the journals that somebody deleted are written
 * again.  Refuses when that cannot be: the change would not know what to put back.
 */
int presence_check(struct daemon *daemon, const struct request *request, struct tio_error *err);
