/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A job's life with its worker: deadlines, turns, the worker's end, and recovery.  Used
 * by jobs.c only.
 */

#include "jobs.h"

/* Runs it, or ends it with an error. */
void job_start(struct job *job);

/* One more worker for what job->work says. */
void job_start_worker(struct job *job);

/* "undoing rebind of 0000:e1:00.0", or what it does between the steps. */
const char *job_doing(const struct job *job, char *buf, size_t size);

/* Kills its worker; @reason is what whoever asked is told. */
void job_stop(struct job *job, const struct tio_error *reason);

/* Tells whoever asked and frees it. */
void job_end(struct job *job, int code);
