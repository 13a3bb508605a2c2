/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Fields of the daemon's replies, for whoever renders them.  A field that is absent, null
 * or of another type reads as empty, so that an older or newer daemon can still be shown.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>

/* tioctl does nothing that memory pressure could leave half done: it may simply stop. */
static inline void *must(void *pointer)
{
	if (!pointer)
		abort();
	return pointer;
}

static inline const char *field_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static inline json_int_t field_int(const json_t *object, const char *key, json_int_t otherwise)
{
	const json_t *value = json_object_get(object, key);

	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

static inline double field_number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static inline bool field_is(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static inline bool field_has(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return value && !json_is_null(value);
}

static inline void cleanup_json(json_t **json)
{
	json_decref(*json);
}

/* Ownership leaves an auto_json through this. */
static inline json_t *take_json(json_t **json)
{
	json_t *taken = *json;

	*json = NULL;
	return taken;
}

#define auto_json __attribute__((cleanup(cleanup_json)))
