/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <stdio.h>
#include <string.h>

#include "errname.h"
#include "reply.h"
#include "trace.h"

/* Enough for any test; a run that forgot to turn it off must not eat the memory. */
#define TRACE_MAX   100000
#define VALUE_SHOWN 256

static struct {
	json_t *list; /* owned; NULL until first turned on */
	bool on;
} trace;

bool trace_is_on(void)
{
	return trace.on;
}

/* The bytes as JSON can hold them: what is not ASCII becomes "\xNN". */
static json_t *printable(const char *bytes, size_t size)
{
	char text[VALUE_SHOWN * 4 + 1];
	size_t at = 0;

	if (size > VALUE_SHOWN)
		size = VALUE_SHOWN;
	for (size_t i = 0; i < size; i++) {
		unsigned char c = bytes[i];

		if ((c >= ' ' && c < 0x7f) || c == '\n' || c == '\t')
			text[at++] = c;
		else
			at += snprintf(text + at, 5, "\\x%02x", c);
	}
	return json_stringn(text, at);
}

void trace_add(const char *op, const char *path, const char *value, size_t size, ssize_t result,
	       pid_t pid)
{
	json_t *entry;

	if (!trace.on || json_array_size(trace.list) >= TRACE_MAX)
		return;
	entry = json_pack("{s:s,s:s,s:s,s:i}", "op", op, "path", path, "errno",
			  result < 0 ? errname_of(-result) : "", "pid", (int)pid);
	if (value)
		json_object_set_new(entry, "value", printable(value, size));
	json_array_append_new(trace.list, entry);
}

json_t *trace_command(const json_t *command)
{
	const char *mode = json_string_value(json_object_get(command, "mode"));
	json_t *reply;

	if (!mode)
		return reply_error("trace needs a mode: on, off, show or clear");
	if (!trace.list || !strcmp(mode, "on") || !strcmp(mode, "clear")) {
		json_decref(trace.list);
		trace.list = json_array();
	}
	if (!strcmp(mode, "on") || !strcmp(mode, "off")) {
		trace.on = !strcmp(mode, "on");
	} else if (!strcmp(mode, "show")) {
		reply = reply_ok();
		json_object_set_new(reply, "trace", json_deep_copy(trace.list));
		return reply;
	} else if (strcmp(mode, "clear") != 0) {
		return reply_error("trace has no mode \"%s\": on, off, show or clear", mode);
	}
	return reply_ok();
}

void trace_free(void)
{
	json_decref(trace.list);
	trace.list = NULL;
	trace.on = false;
}
