/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The daemon process: one loop that starts workers, keeps what they found, and answers
 * clients from that.  It never reads or writes a kernel attribute itself.
 */

#include <systemd/sd-event.h>

#include "automatic.h"
#include "cache.h"
#include "config.h"
#include "events.h"
#include "host/host.h"
#include "idl.h"
#include "jobs.h"
#include "links.h"
#include "metrics.h"
#include "offers.h"
#include "presence.h"
#include "reload.h"
#include "scans.h"
#include "server.h"
#include "turns.h"
#include "waits.h"

#define DAEMON_INTERFACES 3

/* Where the start stands. */
enum daemon_phase {
	DAEMON_CONFIG,     /* reads the configuration */
	DAEMON_FIRST_SCAN, /* reads the host without the TSM's links */
	DAEMON_RECOVERING, /* finishes what the last tiod left in flight */
	DAEMON_LINKS,      /* reads the links and what recovery changed */
	DAEMON_READY,
	DAEMON_STOPPING,
};

struct daemon_options {
	struct host_roots roots;
	const char *config_dir, *socket;
	int lock;             /* of the runtime folder, borrowed */
	bool log_level_given; /* wins over the file's */
	enum log_level log_level;
};

struct daemon {
	const struct daemon_options *options; /* borrowed from main */
	sd_event *event;                      /* owned, as all below */
	enum daemon_phase phase;
	struct config config;
	struct host host;
	struct cache cache;
	struct scans scans;
	struct waits waits;
	struct jobs jobs;
	struct turns turns;
	struct events events;
	struct offers offers;
	struct links links;
	struct reload reload;
	struct metrics_counters metrics;
	struct server server;
	struct presence presence;
	struct automatic automatic;
	struct idl idl[DAEMON_INTERFACES];
	struct tio_error unreadable; /* why assignments are not known; code 0: they are */
	sd_event_source *grace;      /* ends the wait for running workers */
	sd_event_source *calm;       /* when stopping: all that clients have sent is read */
	bool recovered_any, killed_all;
};

/* Runs until it is told to stop.  0, or a negative errno with a sentence. */
int daemon_run(const struct daemon_options *options, struct tio_error *err);

/* Told by reload.c: a reading has ended, and daemon->config is @fresh or as it was. */
void daemon_config_read(struct daemon *daemon, bool fresh);

/* Told by scans.c and jobs.c; each may take the start, or the stop, one phase on. */
void daemon_scan_ended(struct daemon *daemon, const struct result *result,
		       const struct tio_error *why);
void daemon_job_ended(struct daemon *daemon);

/* Told by offers.c. */
void daemon_offer_written(struct daemon *daemon);

/* What workers need of the daemon's descriptors, ended by -1. */
void daemon_worker_fds(const struct daemon *daemon, int ret[static 6]);

/* For cache_merge_*(): changes go to the subscribers, doubts to the next scan. */
struct cache_watch daemon_watch(struct daemon *daemon);

uint64_t now_usec(void);
