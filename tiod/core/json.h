/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Small helpers over jansson for the two files that core writes and reads
 * (assignments and journals): strict reading with a sentence for what is wrong.
 */

#include <jansson.h>
#include <stdbool.h>

#include "base/bdf.h"

struct identity;
struct tio_error;

static inline void cleanup_json(json_t **json)
{
	json_decref(*json);
}

#define auto_json __attribute__((cleanup(cleanup_json)))

/* An address, or JSON null for BDF_NONE. */
json_t *json_bdf(struct bdf bdf);

/*
 * Fetch a member of @object: 0, or -EBADMSG with the member's name in @err when it is missing,
 * of another type, out of range or too long for @ret.
 */
int json_get_text(const json_t *object, const char *key, char *ret, size_t size,
		  struct tio_error *err);
int json_get_int(const json_t *object, const char *key, long long min, long long max,
		 long long *ret, struct tio_error *err);
int json_get_bool(const json_t *object, const char *key, bool *ret, struct tio_error *err);
int json_get_bdf(const json_t *object, const char *key, bool may_be_null, struct bdf *ret,
		 struct tio_error *err);
int json_get_array(const json_t *object, const char *key, json_t **ret, struct tio_error *err);

/* Seconds are told to the millisecond; the flag for json_dumps() keeps it so. */
#define JSON_SECONDS JSON_REAL_PRECISION(15)
json_t *json_seconds(double seconds);

/* {"vendor": …, "device": …, "serial": …}. */
json_t *json_identity(const struct identity *identity);
int json_get_identity(const json_t *object, struct identity *ret, struct tio_error *err);

/* The text of a file of ours as an object of that "version"; a new reference in @ret. */
int json_load_versioned(const char *text, size_t size, const char *what, int version,
			json_t **ret, struct tio_error *err);

/* Pretty-printed with a newline at the end; takes over @json (NULL: -ENOMEM). */
int json_to_file_text(json_t *json, char **ret, struct tio_error *err);
