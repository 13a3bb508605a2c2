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

/* Counted since the daemon started. */
struct metrics_counters {
	struct metrics_step steps[METRICS_STEPS_MAX];
	size_t n_steps;
	struct metrics_failure failures[METRICS_FAILURES_MAX];
	size_t n_failures;
	uint64_t kills, recoveries, falls;
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
	size_t config_problems, problems;
	bool ready;
	bool openmetrics;
};

void metrics_count_step(struct metrics_counters *counters, const char *step, bool undo,
			double seconds);
void metrics_count_failure(struct metrics_counters *counters, const char *step, int code);

/* To be freed by the caller; NULL when memory is short. */
char *metrics_text(const struct metrics_input *input);
