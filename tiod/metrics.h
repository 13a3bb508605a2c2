/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Counts what the daemon does, and answers GetMetrics from that and the cache.
 */

#include "handoff/metrics.h"

struct daemon;
struct job;
struct progress;

/* A step of @job began, or ended. */
void metrics_progress(struct job *job, const struct progress *progress);

/* @job ended as its code and error say. */
void metrics_job(const struct job *job);

/* To be freed by the caller; NULL when memory is short. */
char *metrics_page(const struct daemon *daemon, bool openmetrics);
