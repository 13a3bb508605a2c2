/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the end of a job's worker means: an answer, a recovery by another worker, a family
 * that is stuck, or a place further back in the queue.  Used by job-run.c only.
 */

#include "jobs.h"
#include "result.h"

/* As the worker's ended(); may free @job, or start another worker for it. */
void job_worker_ended(struct job *job, const struct result *result,
		      const struct tio_error *why);

/* There was no worker to be had.  Frees @job. */
void job_not_started(struct job *job, const struct tio_error *why);

/* Shows its families as stuck. */
void job_mark_stuck(struct job *job, const struct tio_error *why);
