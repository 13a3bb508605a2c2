/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "handoff/metrics-records.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

#define PAGE_PREFIX "tiod_"

/* Families of ones and zeros, whose news is the label of the one. */
static const struct told_by_label {
	const char *family, *label, *name, *description;
} told_by_label[] = {
	{ "function_state", "state", "function_state", "The state that a function is in." },
	{ "assignment_info", "vm", "assignment_vm", "The VM that a function is assigned to." },
	{ "vm_state", "state", "vm_state", "The state that a VM's functions are in." },
	{ "tsm_info", "parent", "tsm_parent", "The device that a TSM belongs to." },
	{ "build_info", "version", "version", "The version of tiod." },
};

/* Where the page is read, with what its comments said last. */
struct reader {
	json_t *into;  /* borrowed */
	bool families; /* collect these, not records */
	bool failed;
	char help[256];
	const struct told_by_label *by_label; /* of the family; NULL: it has numbers */
};

static json_t *named(const char *name)
{
	char full[96];

	snprintf(full, sizeof(full), METRICS_RECORD_PREFIX "%s", name);
	return json_string(full);
}

static void append(struct reader *reader, json_t *record)
{
	if (!record || json_array_append_new(reader->into, record) < 0)
		reader->failed = true;
}

/* --- Families --- */

static void add_family(struct reader *reader, const char *name, const char *description,
		       const char *type)
{
	if (reader->families)
		append(reader, json_pack("{s:o, s:s, s:s}", "name", named(name), "description",
					 description, "type", type));
}

static void begin_family(struct reader *reader, const char *name, const char *type)
{
	char part[80];

	reader->by_label = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(told_by_label); i++)
		if (strcmp(told_by_label[i].family, name) == 0)
			reader->by_label = &told_by_label[i];
	if (reader->by_label) {
		add_family(reader, reader->by_label->name, reader->by_label->description,
			   "string");
		return;
	}
	if (strcmp(type, "histogram") != 0) {
		add_family(reader, name, reader->help, type);
		return;
	}
	snprintf(part, sizeof(part), "%s_count", name);
	add_family(reader, part, reader->help, "counter");
	snprintf(part, sizeof(part), "%s_sum", name);
	add_family(reader, part, reader->help, "counter");
}

/* "# HELP NAME TEXT" or "# TYPE NAME TYPE" */
static void read_comment(struct reader *reader, char *line)
{
	bool help = strncmp(line, "# HELP ", strlen("# HELP ")) == 0;
	char *name = line + strlen("# HELP "), *rest;

	if (!help && strncmp(line, "# TYPE ", strlen("# TYPE ")) != 0)
		return;
	rest = strchr(name, ' ');
	if (!rest || strncmp(name, PAGE_PREFIX, strlen(PAGE_PREFIX)) != 0)
		return;
	*rest++ = '\0';
	if (help)
		text_copy(reader->help, sizeof(reader->help), rest);
	else
		begin_family(reader, name + strlen(PAGE_PREFIX), rest);
}

/* --- Records --- */

/* Takes one KEY="VALUE" off @at and undoes the value's escapes in place. */
static bool next_label(char **at, char **ret_key, char **ret_value)
{
	char *equals = strchr(*at, '='), *from, *to;

	if (!equals || equals[1] != '"')
		return false;
	*ret_key = *at + (**at == ',');
	*equals = '\0';
	*ret_value = from = to = equals + 2;
	for (; *from && *from != '"'; from++) {
		if (*from == '\\' && from[1])
			from++;
		*to++ = *from;
	}
	*at = from + (*from == '"');
	*to = '\0';
	return true;
}

static const char *take(json_t *fields, const char *key)
{
	return json_string_value(json_object_get(fields, key));
}

/* The four labels of a function become the record's object. */
static json_t *take_object(json_t *fields)
{
	static const char *const keys[] = { "segment", "bus", "device", "function" };
	const char *parts[ARRAY_SIZE(keys)];
	char place[64];

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		parts[i] = take(fields, keys[i]);
		if (!parts[i])
			return NULL;
	}
	snprintf(place, sizeof(place), "%s:%s:%s.%s", parts[0], parts[1], parts[2], parts[3]);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		json_object_del(fields, keys[i]);
	return json_string(place);
}

static json_t *number(const char *text)
{
	char *end;
	long long whole = strtoll(text, &end, 10);

	return *end ? json_real(strtod(text, NULL)) : json_integer(whole);
}

/* @fields is taken over. */
static void add_record(struct reader *reader, const char *name, json_t *fields, json_t *value)
{
	json_t *object = take_object(fields);
	bool plain = json_object_size(fields) == 0;

	append(reader,
	       json_pack("{s:o, s:o*, s:o*, s:o}", "name", named(name), "object", object,
			 "fields", plain ? NULL : json_incref(fields), "value", value));
	json_decref(fields);
}

/* NAME or NAME{LABELS}, and its value. */
static void read_sample(struct reader *reader, char *line)
{
	char *value = strrchr(line, ' '), *labels = strchr(line, '{'), *key, *text;
	size_t bucket = labels ? (size_t)(labels - line) : 0;
	json_t *fields, *said = NULL;

	if (!value || strncmp(line, PAGE_PREFIX, strlen(PAGE_PREFIX)) != 0)
		return;
	*value++ = '\0';
	if (bucket > strlen("_bucket") && strncmp(labels - 7, "_bucket", 7) == 0)
		return;
	if (reader->by_label && strcmp(value, "0") == 0)
		return;
	fields = json_object();
	if (labels) {
		*labels++ = '\0';
		while (next_label(&labels, &key, &text))
			json_object_set_new(fields, key, json_string(text));
	}
	if (!reader->by_label) {
		add_record(reader, line + strlen(PAGE_PREFIX), fields, number(value));
		return;
	}
	said = json_incref(json_object_get(fields, reader->by_label->label));
	json_object_del(fields, reader->by_label->label);
	add_record(reader, reader->by_label->name, fields, said);
}

static json_t *read_page(const char *page, bool families)
{
	auto_free char *copy = strdup(page);
	struct reader reader = { .into = json_array(), .families = families };
	char *line, *rest = copy;

	while (copy && (line = strsep(&rest, "\n"))) {
		if (line[0] == '#')
			read_comment(&reader, line);
		else if (!families)
			read_sample(&reader, line);
	}
	if (copy && !reader.failed)
		return reader.into;
	json_decref(reader.into);
	return NULL;
}

json_t *metrics_families(const char *page)
{
	return read_page(page, true);
}

json_t *metrics_records(const char *page)
{
	return read_page(page, false);
}
