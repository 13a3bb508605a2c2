/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Failures: the daemon's typed errors and tioctl's own, in one shape (the type Failure of
 * io.tiod.varlink), with the exit code and the line on stderr that follow from them.
 */

#include <jansson.h>

struct screen;

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOT_PERMITTED = 3,
	EXIT_NO_SUCH = 4,
	EXIT_IN_USE = 5,
	EXIT_NOT_READY = 6,
	EXIT_NO_DAEMON = 7,
	EXIT_TIMEOUT = 8,
	EXIT_PARTLY = 9,
	EXIT_INTERRUPTED = 130, /* 128 + SIGINT, as a shell says it */
};

/* tioctl's own error names; the rest are io.tiod.* and org.varlink.service.*. */
#define FAILURE_UNREACHABLE "tioctl.Unreachable"
#define FAILURE_DENIED      "tioctl.Denied"
#define FAILURE_GONE        "tioctl.Gone"
#define FAILURE_SILENT      "tioctl.Silent"
#define FAILURE_MALFORMED   "tioctl.Malformed"
#define FAILURE_INTERRUPTED "tioctl.Interrupted"
#define FAILURE_USAGE       "tioctl.Usage"
#define FAILURE_FILE        "tioctl.File"

/* What the exit code of an error name is; EXIT_FAILED for one that is not known. */
int failure_exit_code(const char *name);

/* A Failure with this sentence and fix ("" when there is none); never NULL. */
json_t *failure_new(const char *fix, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Sentence and fix ("" when there is none) of a failure, or what is known of its name; both are
 * @failure's or constant.
 */
void failure_describe(const char *name, const json_t *failure, const char **sentence,
		      const char **fix);

/*
 * "tioctl: 0000:e1:00.0: SENTENCE (FIX)".  @where stands in when @failure names no function;
 * NULL for none.
 */
void failure_print(const struct screen *screen, const char *name, const json_t *failure,
		   const char *where);

/* { "name": …, "exitCode": …, and the Failure's own fields }; never NULL. */
json_t *failure_document(const char *name, const json_t *failure);
