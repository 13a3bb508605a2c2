/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Reading the description of a host: JSON objects whose keys are all known.
 *
 * Every object is checked once against a table of its keys, so that the getters
 * below can do without errors: an unknown key or a wrong type is a sentence that
 * names it and the place.  Numbers may be strings, "0x10de".
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* 's' string, 'n' number or numeric string, 'r' real, 'b' bool, 'a' array, 'o' object,
 * 'S' string or null; a capital letter otherwise means that the key must be there. */
struct desc_key {
	const char *name;
	char type;
	bool needed;
};

/* Checks @obj; @keys ends with a NULL name.  -EINVAL with a sentence in desc_error(). */
int desc_check(const json_t *obj, const char *where, const struct desc_key *keys);

/* Records a sentence and returns -EINVAL. */
int desc_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), cold));
const char *desc_error(void);

bool desc_has(const json_t *obj, const char *key);
long long desc_int(const json_t *obj, const char *key, long long otherwise);
long long desc_value(const json_t *value, long long otherwise);
bool desc_bool(const json_t *obj, const char *key, bool otherwise);
double desc_real(const json_t *obj, const char *key, double otherwise);
const char *desc_text(const json_t *obj, const char *key, const char *otherwise);
/* "16M", "128G" or a number of bytes; 0 when it makes no sense. */
unsigned long long desc_size(const char *text);
/* "EBUSY" → 16, 0 when unknown. */
int desc_errno(const char *name);
