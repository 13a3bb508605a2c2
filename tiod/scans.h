/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Keeps the cache true: collects the kernel's events for a moment and reads what they
 * name in one worker at a time.  A worker that hangs inside the kernel is put aside with the
 * function that it hangs at, and others read the rest meanwhile.
 *
 * Reading the TSM's links waits for any connect that runs, so it is left out while a
 * job has its turn and made up for afterwards.
 */

#include <jansson.h>
#include <systemd/sd-event.h>

#include "bdf-set.h"
#include "handoff/metrics.h"
#include "host/uevents.h"
#include "work.h"

struct daemon;

#define SCANS_HUNG_MAX 3

/* One that runs, or that hangs. */
struct scan {
	struct daemon *daemon; /* borrowed */
	struct worker *worker; /* owned */
	struct work work;
	struct bdf_set dirty, gone; /* what it reads */
	uint64_t since;             /* cache->stamp when it started */
	bool late;                  /* its time is over */
	bool watch;                 /* nothing has changed: it only looks at registers */

	/* Once it is put aside. */
	bool hung;
	struct bdf_set held; /* what it may hang at: nobody else reads that */
	uint64_t hung_since; /* usec */
	char attribute[96];  /* that it hangs in, or "" */
};

struct scans {
	struct uevents *uevents;        /* owned */
	sd_event_source *input, *timer; /* owned */
	sd_event_source *later;         /* owned; reads what was missed once more */
	sd_event_source *udevd;         /* owned; NULL: it is not watched for */
	sd_event_source *relisten;      /* owned; on while @uevents may be deaf */
	bool deaf;                      /* no new listener could be had */
	bool enabled;                   /* events start scans */
	enum scan_reason reason;        /* of the next scan */
	uint64_t last_event;            /* usec */
	unsigned put_off;               /* so often, as events kept coming */

	/* What the next scan is to do. */
	struct bdf_set dirty, gone;
	struct bdf_set missed;  /* read without their links */
	struct bdf_set watched; /* whose registers are looked at, and nothing else */
	bool everything, from_nothing;
	bool look; /* for functions that are new; it is no work by itself */

	uint64_t started, ended; /* scans so far; one after the other */
	struct scan *now;        /* owned; the one that runs */
	struct scan *hung[SCANS_HUNG_MAX];
	size_t n_hung;
	struct bdf_set held; /* to be read when what hangs there has returned */
	unsigned failures;   /* in a row */
};

int scans_init(struct daemon *daemon, struct tio_error *err);
void scans_finish(struct daemon *daemon);

/* Events start scans from now on. */
void scans_enable(struct daemon *daemon);

/* What the next scan is counted as, unless there is a weightier reason already. */
void scans_because(struct daemon *daemon, enum scan_reason reason);

/* One more function, or all, for the next scan. */
void scans_mark(struct daemon *daemon, struct bdf bdf);
void scans_mark_everything(struct daemon *daemon);

/* Reads what a card's registers say, but nothing of tsm/: that may wait. */
void scans_watch(struct daemon *daemon, struct bdf bdf);

/* Looks for functions that nobody told of; does not begin by itself, see scans_hurry(). */
void scans_look(struct daemon *daemon);

/* Has what is to be read begin in @usec at the latest, or when what runs has ended. */
void scans_hurry(struct daemon *daemon, uint64_t usec);

/* The number, as scans->ended counts, of the scan that begins next. */
uint64_t scans_next(const struct daemon *daemon);

/* And of the one that reads @bdf, which has gone or may have; 0: no such news of it. */
uint64_t scans_with_news(const struct daemon *daemon, struct bdf bdf);

bool scans_has_work(const struct daemon *daemon);

/* Adds a sentence for each reading that hangs. */
void scans_report(const struct daemon *daemon, json_t *list);

/* Starts one at once; @first also reads assignments and journals. */
void scans_start(struct daemon *daemon, bool first, bool links);

/* Nobody has a turn at a TSM any more: links that were left out can be read. */
void scans_links_free(struct daemon *daemon);
