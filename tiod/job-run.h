/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A job's life with its worker: deadlines, turns, the worker's end, and recovery.  Used
 * by jobs.c only.
 */

#include "jobs.h"

/* Runs it, or ends it with an error. */
void job_start(struct job *job);

/* Kills its worker; @reason is what whoever asked is told. */
void job_stop(struct job *job, const struct tio_error *reason);

/* Tells whoever asked and frees it. */
void job_end(struct job *job, int code);
