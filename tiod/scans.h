/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Keeps the cache true: collects the kernel's events for a moment and reads what they
 * name in one worker at a time.
 *
 * Reading the TSM's links waits for any connect that runs, so it is left out while a
 * job has its turn and made up for afterwards.
 */

#include <systemd/sd-event.h>

#include "bdf-set.h"
#include "host/uevents.h"
#include "work.h"

struct daemon;

struct scans {
	struct uevents *uevents;        /* owned */
	sd_event_source *input, *timer; /* owned */
	bool enabled;                   /* events start scans */

	/* What the next scan is to do. */
	struct bdf_set dirty, gone;
	struct bdf_set missed; /* read without their links */
	bool everything, from_nothing;

	/* The one that runs. */
	struct worker *worker;
	struct work work;
	struct bdf_set now_dirty, now_gone;
	uint64_t since;    /* cache->stamp when it started */
	bool late;         /* its links took too long */
	unsigned failures; /* in a row */
};

int scans_init(struct daemon *daemon, struct tio_error *err);
void scans_finish(struct daemon *daemon);

/* Events start scans from now on. */
void scans_enable(struct daemon *daemon);

/* One more function, or all, for the next scan. */
void scans_mark(struct daemon *daemon, struct bdf bdf);
void scans_mark_everything(struct daemon *daemon);

bool scans_has_work(const struct daemon *daemon);

/* Starts one at once; @first also reads assignments and journals. */
void scans_start(struct daemon *daemon, bool first, bool links);

/* Nobody has a turn at a TSM any more: links that were left out can be read. */
void scans_links_free(struct daemon *daemon);
