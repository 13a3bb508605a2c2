/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One line for each change, and for each that was refused: who, what, which device, and how it
 * ended.  The journal gets the same as fields.
 */

#include "jobs.h"

void audit_job_ended(const struct job *job);

/* A call that @err refused for lack of rights. */
void audit_refused(const struct peer *who, const struct tio_error *err);

/* What a caller did without a job: "configuration read again". */
void audit_done(const struct peer *who, const char *vm, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
