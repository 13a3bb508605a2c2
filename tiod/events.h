/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Monitor's subscribers: first all functions, then "ready", then what changes.  One that
 * reads too slowly gets no queue without end but "resync" and everything anew.
 */

#include <systemd/sd-event.h>

#include "bdf-set.h"
#include "core/host.h"
#include "server.h"

struct daemon;
struct job;
struct link;
struct monitor;

struct events {
	struct monitor *monitors;        /* owned */
	struct bdf_set changed, removed; /* since the last flush */
	sd_event_source *flush;          /* owned */
};

int events_init(struct daemon *daemon, struct tio_error *err);
void events_finish(struct daemon *daemon);

/* Takes the call over. */
void events_subscribe(struct daemon *daemon, struct call *call);

/* Told to subscribers when the loop comes round, once, as it stands then. */
void events_changed(struct daemon *daemon, struct bdf bdf);
void events_removed(struct daemon *daemon, struct bdf bdf);

void events_progress(struct daemon *daemon, const struct job *job,
		     const struct progress *progress);
void events_job(struct daemon *daemon, const struct job *job, const char *state);
void events_link(struct daemon *daemon, const struct link *link);
void events_tsm(struct daemon *daemon, const char *tsm, const char *action);
