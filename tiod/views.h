/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Reports that join what the kernel shows with what the daemon knows of jobs and errors.
 */

#include <jansson.h>

#include "base/bdf.h"
#include "core/host.h"
#include "core/rights.h"

struct daemon;
struct groups;
struct job;

/*
 * A function that is there or is only assigned; as io.tiod.Function, with all members of its
 * group.  For one alone: it sorts all functions of the host by their groups.
 */
json_t *view_function(const struct daemon *daemon, struct bdf bdf);

/* Its state alone. */
const char *view_state(const struct daemon *daemon, struct bdf bdf);

/*
 * One of many, with the first members of its group: @groups are those of the cache's snapshot,
 * made once for all of them.
 */
json_t *view_one_of_all(const struct daemon *daemon, struct bdf bdf,
			const struct groups *groups);

/* As io.tiod.Progress. */
json_t *view_progress(const struct job *job, const struct progress *progress);

/* What keeps tiod from its work, a sentence each. */
json_t *view_problems(const struct daemon *daemon);

/* The changes that run or wait; with @ended the last ones that ended come first. */
json_t *view_jobs(const struct daemon *daemon, bool ended);

/* Those of them that @who began. */
json_t *view_jobs_of(const struct daemon *daemon, const struct peer *who);
