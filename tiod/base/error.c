/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kinds[ERROR_KIND_COUNT] = {
	[ERROR_FAILED] = "StepFailed",
	[ERROR_INVALID] = "InvalidRequest",
	[ERROR_NOT_PERMITTED] = "NotPermitted",
	[ERROR_NO_FUNCTION] = "NoSuchFunction",
	[ERROR_NO_VM] = "NoSuchVm",
	[ERROR_NO_JOB] = "NoSuchJob",
	[ERROR_IN_USE] = "InUse",
	[ERROR_CONFLICT] = "Conflict",
	[ERROR_NOT_READY] = "NotReady",
	[ERROR_TIMEOUT] = "Timeout",
	[ERROR_STUCK] = "Stuck",
	[ERROR_BUSY] = "Busy",
};

const char *error_kind_to_string(enum error_kind kind)
{
	return kind < ERROR_KIND_COUNT ? kinds[kind] : NULL;
}

int error_kind_from_string(const char *text, enum error_kind *ret)
{
	for (int i = 0; i < ERROR_KIND_COUNT; i++) {
		if (strcmp(kinds[i], text) == 0) {
			*ret = (enum error_kind)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* Names of devices and replies of the kernel may hold anything: keep it one clean line. */
static void clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

__attribute__((format(printf, 4, 0))) static int set(struct tio_error *err,
						     enum error_kind kind, int code,
						     const char *fmt, va_list args)
{
	if (!err)
		return code;
	*err = (struct tio_error){ .code = code, .kind = kind };
	vsnprintf(err->text, sizeof(err->text), fmt, args);
	clean(err->text);
	return code;
}

int error_set(struct tio_error *err, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set(err, ERROR_FAILED, code, fmt, args);
	va_end(args);
	return code;
}

int error_kind_set(struct tio_error *err, enum error_kind kind, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set(err, kind, code, fmt, args);
	va_end(args);
	return code;
}

int error_wrap(struct tio_error *err, int code, const char *fmt, ...)
{
	char context[256], text[sizeof(err->text)];
	va_list args;

	if (!err)
		return code;
	va_start(args, fmt);
	vsnprintf(context, sizeof(context), fmt, args);
	va_end(args);

	memcpy(text, err->text, sizeof(text));
	snprintf(err->text, sizeof(err->text), "%s: %.380s", context, text);
	clean(err->text);
	return code;
}

void error_fix(struct tio_error *err, const char *fmt, ...)
{
	char fix[sizeof(err->fix)]; /* what it was may be among @args */
	va_list args;

	if (!err)
		return;
	va_start(args, fmt);
	vsnprintf(fix, sizeof(fix), fmt, args);
	va_end(args);
	clean(fix);
	memcpy(err->fix, fix, sizeof(fix));
}

void error_at(struct tio_error *err, struct bdf function, const char *step)
{
	if (!err)
		return;
	if (!err->function.valid)
		err->function = function;
	if (!err->step[0])
		snprintf(err->step, sizeof(err->step), "%s", step);
}

const char *errno_name(int code, char buf[static 24])
{
	const char *name = strerrorname_np(code < 0 ? -code : code);

	if (name)
		return name;
	snprintf(buf, 24, "errno %d", code < 0 ? -code : code);
	return buf;
}
