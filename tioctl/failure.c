/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tioctl/failure.h"

#include <stdarg.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "tioctl/field.h"
#include "tioctl/render.h"

#define DAEMON_PREFIX "io.tiod."

static const enum exit_code exit_of_kind[ERROR_KIND_COUNT] = {
	[ERROR_FAILED] = EXIT_FAILED,
	[ERROR_INVALID] = EXIT_USAGE,
	[ERROR_NOT_PERMITTED] = EXIT_NOT_PERMITTED,
	[ERROR_NO_FUNCTION] = EXIT_NO_SUCH,
	[ERROR_NO_VM] = EXIT_NO_SUCH,
	[ERROR_NO_JOB] = EXIT_NO_SUCH,
	[ERROR_IN_USE] = EXIT_IN_USE,
	[ERROR_CONFLICT] = EXIT_IN_USE,
	[ERROR_NOT_READY] = EXIT_NOT_READY,
	[ERROR_TIMEOUT] = EXIT_TIMEOUT,
	[ERROR_STUCK] = EXIT_FAILED,
	[ERROR_BUSY] = EXIT_IN_USE,
};

/* Errors that are not of io.tiod; @sentence is for those that carry none. */
static const struct {
	const char *name;
	enum exit_code exit;
	const char *sentence, *fix;
} others[] = {
	{ FAILURE_UNREACHABLE, EXIT_NO_DAEMON, NULL, NULL },
	{ FAILURE_DENIED, EXIT_NOT_PERMITTED, NULL, NULL },
	{ FAILURE_GONE, EXIT_NO_DAEMON, NULL, NULL },
	{ FAILURE_SILENT, EXIT_TIMEOUT, NULL, NULL },
	{ FAILURE_MALFORMED, EXIT_FAILED, NULL, NULL },
	{ FAILURE_INTERRUPTED, EXIT_INTERRUPTED, NULL, NULL },
	{ FAILURE_USAGE, EXIT_USAGE, NULL, NULL },
	{ "org.varlink.service.InvalidParameter", EXIT_USAGE,
	  "tiod does not accept a parameter of this call",
	  "tioctl and tiod must be of the same version" },
	{ "org.varlink.service.PermissionDenied", EXIT_NOT_PERMITTED,
	  "tiod does not allow you this", "join the group \"tiod-admin\", or ask as root" },
	{ "org.varlink.service.MethodNotFound", EXIT_FAILED, "tiod does not know this call",
	  "tioctl and tiod must be of the same version" },
	{ "org.varlink.service.MethodNotImplemented", EXIT_FAILED,
	  "tiod does not implement this call yet", "" },
	{ "org.varlink.service.InterfaceNotFound", EXIT_FAILED,
	  "what listens there does not serve io.tiod", "name tiod's socket with --socket" },
	{ "org.varlink.service.ExpectedMore", EXIT_FAILED,
	  "tiod answers this call with a stream only",
	  "tioctl and tiod must be of the same version" },
};

int failure_exit_code(const char *name)
{
	enum error_kind kind;

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcmp(others[i].name, name) == 0)
			return others[i].exit;
	if (strncmp(name, DAEMON_PREFIX, strlen(DAEMON_PREFIX)) == 0)
		name += strlen(DAEMON_PREFIX);
	if (error_kind_from_string(name, &kind) == 0)
		return exit_of_kind[kind];
	return EXIT_FAILED;
}

json_t *failure_new(const char *fix, const char *fmt, ...)
{
	json_t *failure = must(json_object());
	auto_free char *sentence = NULL;
	json_t *text;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&sentence, fmt, args) < 0)
		abort();
	va_end(args);

	/* Paths and arguments need not be UTF-8; JSON must. */
	text = json_string(sentence);
	if (!text) {
		auto_free char *escaped = render_escape(sentence);

		text = must(json_string(escaped));
	}
	json_object_set_new(failure, "sentence", text);
	json_object_set_new(failure, "fix", must(json_string(fix)));
	return failure;
}

void failure_describe(const char *name, const json_t *failure, const char **sentence,
		      const char **fix)
{
	*sentence = field_text(failure, "sentence");
	*fix = field_text(failure, "fix");
	if (**sentence)
		return;
	*sentence = "tiod failed without saying why";
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (strcmp(others[i].name, name) == 0 && others[i].sentence) {
			*sentence = others[i].sentence;
			*fix = others[i].fix;
		}
	}
}

/* Names an error whose sentence is only ours, so that it can be looked up. */
static const char *name_to_show(const char *name, const json_t *failure)
{
	return *field_text(failure, "sentence") ? "" : name;
}

void failure_print(const struct screen *screen, const char *name, const json_t *failure,
		   const char *where)
{
	const char *function = field_text(failure, "function");
	const char *sentence, *fix, *shown = name_to_show(name, failure);
	size_t length;

	if (!*function)
		function = where ? where : "";
	failure_describe(name, failure, &sentence, &fix);
	length = strlen(function);
	if (length && strncmp(sentence, function, length) == 0 && sentence[length] == ':')
		length = 0;

	screen_text(screen, STYLE_PLAIN, "tioctl: ");
	if (length)
		screen_text(screen, STYLE_PLAIN, "%s: ", function);
	screen_text(screen, STYLE_PLAIN, "%s", sentence);
	if (*shown)
		screen_text(screen, STYLE_PLAIN, " [%s]", shown);
	if (*fix)
		screen_text(screen, STYLE_PLAIN, " (%s)", fix);
	screen_line(screen, "%s", "");
}

json_t *failure_document(const char *name, const json_t *failure)
{
	json_t *document = must(json_object());

	if (json_object_update(document, (json_t *)failure) < 0)
		abort();
	json_object_set_new(document, "name", must(json_string(name)));
	json_object_set_new(document, "exitCode", must(json_integer(failure_exit_code(name))));
	return document;
}
