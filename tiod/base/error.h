/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What went wrong, for a person.
 *
 * Functions that can fail return 0 or a negative errno; where an operator will read
 * the failure they also take a struct tio_error as their last argument, filled once,
 * where the failure is first seen.  Callers put context in front of it (error_wrap)
 * or name the step and the function it belongs to (error_at).  It holds no pointers:
 * a worker sends it through a pipe, the daemon keeps it, tioctl shows it.
 */

#include "base/bdf.h"

/* What kind of refusal; decides the Varlink error and tioctl's exit code. */
enum error_kind {
	ERROR_FAILED,        /* something was tried and failed */
	ERROR_INVALID,       /* the request makes no sense */
	ERROR_NOT_PERMITTED, /* not for this caller */
	ERROR_NO_FUNCTION,   /* no such function, or not one for this */
	ERROR_NO_VM,
	ERROR_NO_JOB,
	ERROR_IN_USE,    /* the host uses it */
	ERROR_CONFLICT,  /* another VM has it */
	ERROR_NOT_READY, /* the host lacks something */
	ERROR_TIMEOUT,   /* took too long and was given up */
	ERROR_STUCK,     /* could neither be finished nor undone */
	ERROR_BUSY,      /* a limit of the daemon: too many jobs, clients, … */
	ERROR_KIND_COUNT
};

struct tio_error {
	int code; /* negative errno, 0 while unset */
	enum error_kind kind;
	struct bdf function; /* BDF_NONE when it is about no function */
	char step[24];       /* row of the step table, "" outside of one */
	char attribute[96];  /* kernel attribute, "tsm/connect"; "" if none */
	char text[640];      /* one sentence, no newline, no final stop */
	char fix[384];       /* what to do or type; "" when nothing is known */
};

#define TIO_ERROR_NONE ((struct tio_error){ 0 })

/* Record a failure and return @code.  @err may be NULL. */
int error_set(struct tio_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), cold));
int error_kind_set(struct tio_error *err, enum error_kind kind, int code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5), cold));

/* Puts "<context>: " in front of a recorded failure and returns its code. */
int error_wrap(struct tio_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), cold));

/* Says what mends a recorded failure; replaces what was said before, and may quote it. */
void error_fix(struct tio_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), cold));

/* Names the function and step of a recorded failure, unless that is known already. */
void error_at(struct tio_error *err, struct bdf function, const char *step);

/* "EBUSY"; "errno 4711" when libc knows no name.  The string is constant or in @buf. */
const char *errno_name(int code, char buf[static 24]);

/* The last part of the Varlink error's name and back ("StepFailed", …); NULL / -EINVAL. */
const char *error_kind_to_string(enum error_kind kind);
int error_kind_from_string(const char *text, enum error_kind *ret);
