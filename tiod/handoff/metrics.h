/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a monitoring system is told, as text: OpenMetrics 1.0, or the older Prometheus format
 * that node_exporter's textfile collector reads.  Pure: made from the last known state and the
 * daemon's counters; nothing is read for it.
 *
 * Functions carry the labels of node_exporter's pcidevice collector (segment, bus, device,
 * function), so that the two can be joined.  VFs are told only while they are assigned.
 */

#include "core/assignments.h"
#include "core/snapshot.h"
#include "core/vm.h"

#define METRICS_STEPS_MAX    48 /* steps, and their undoing */
#define METRICS_FAILURES_MAX 64 /* pairs of step and errno; what comes later is left out */
#define METRICS_BUCKETS      10

/* Upper bounds in seconds; the last bucket, of all, is not among them. */
extern const double metrics_bounds[METRICS_BUCKETS];

struct metrics_step {
	char step[24];
	bool undo;
	uint64_t n, buckets[METRICS_BUCKETS]; /* each by itself, not summed up */
	double seconds;
};

struct metrics_failure {
	char step[24];
	int code; /* negative errno */
	uint64_t n;
};

/* Why the host is read; of several reasons the last of these counts. */
enum scan_reason {
	SCAN_WATCH, /* a look at links, and nothing else */
	SCAN_LINKS, /* links that were left out while a job had a turn */
	SCAN_DOUBT, /* what is known may be old */
	SCAN_RETRY, /* the last one failed or hung */
	SCAN_EVENT,
	SCAN_TSM,  /* a TSM came, changed or went */
	SCAN_LOST, /* events were dropped */
	SCAN_START,
	SCAN_REASONS,
};

/* Counted since the daemon started. */
struct metrics_counters {
	struct metrics_step steps[METRICS_STEPS_MAX];
	size_t n_steps;
	struct metrics_failure failures[METRICS_FAILURES_MAX];
	size_t n_failures;
	uint64_t kills, recoveries, falls;
	uint64_t scans[SCAN_REASONS], overruns;
};

struct metrics_input {
	const char *version;
	const struct snapshot *snap;
	const struct assignments *all;
	const struct metrics_counters *counters;

	/* The word of io.tiod.Function for one that is there, or is only assigned. */
	const char *(*state)(void *arg, struct bdf function);
	void *arg;

	const char *const *job_states; /* ended by NULL */
	const size_t *jobs;            /* one each */
	const struct vm *vms;          /* that are described */
	size_t n_vms;
	unsigned clients, strangers; /* connected; strangers are clients, too */
	uint64_t clients_refused;
	bool openmetrics;

	/* Gauges of their own. */
	double ready, problems, config_problems;
	double config_good;    /* 1: the last reading found no mistake */
	double config_good_at; /* seconds since 1970; 0: never */
	double config_seconds;
};

void metrics_count_step(struct metrics_counters *counters, const char *step, bool undo,
			double seconds);
void metrics_count_failure(struct metrics_counters *counters, const char *step, int code);

/* To be freed by the caller; NULL when memory is short. */
char *metrics_text(const struct metrics_input *input);
