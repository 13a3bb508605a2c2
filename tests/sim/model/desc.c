/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/desc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char error_text[256];

int desc_fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(error_text, sizeof(error_text), fmt, args);
	va_end(args);
	return -EINVAL;
}

const char *desc_error(void)
{
	return error_text;
}

static bool is_number(const json_t *value)
{
	const char *text = json_string_value(value);
	char *end;

	if (json_is_integer(value))
		return true;
	if (!text || !*text)
		return false;
	strtoull(text, &end, 0);
	return *end == '\0';
}

static bool has_type(const json_t *value, char type)
{
	switch (type) {
	case 's':
		return json_is_string(value);
	case 'S':
		return json_is_string(value) || json_is_null(value);
	case 'n':
		return is_number(value);
	case 'r':
		return json_is_number(value);
	case 'b':
		return json_is_boolean(value);
	case 'a':
		return json_is_array(value);
	case 'o':
		return json_is_object(value);
	}
	return false;
}

static const char *type_name(char type)
{
	static const char *const names[] = {
		['s'] = "a string",  ['S'] = "a string or null", ['n'] = "a number",
		['r'] = "a number",  ['b'] = "true or false",    ['a'] = "an array",
		['o'] = "an object",
	};

	return names[(unsigned char)type];
}

int desc_check(const json_t *obj, const char *where, const struct desc_key *keys)
{
	const struct desc_key *key;
	const char *name;
	json_t *value;

	if (!json_is_object(obj))
		return desc_fail("%s: must be an object", where);

	json_object_foreach((json_t *)obj, name, value)
	{
		for (key = keys; key->name && strcmp(key->name, name) != 0; key++)
			;
		if (!key->name)
			return desc_fail("%s: unknown key \"%s\"", where, name);
		if (!has_type(value, key->type))
			return desc_fail("%s: \"%s\" must be %s", where, name,
					 type_name(key->type));
	}
	for (key = keys; key->name; key++)
		if (key->needed && !json_object_get(obj, key->name))
			return desc_fail("%s: \"%s\" is missing", where, key->name);
	return 0;
}

bool desc_has(const json_t *obj, const char *key)
{
	return json_object_get(obj, key) != NULL;
}

long long desc_value(const json_t *value, long long otherwise)
{
	if (json_is_integer(value))
		return json_integer_value(value);
	if (json_is_string(value))
		return (long long)strtoull(json_string_value(value), NULL, 0);
	return otherwise;
}

long long desc_int(const json_t *obj, const char *key, long long otherwise)
{
	return desc_value(json_object_get(obj, key), otherwise);
}

bool desc_bool(const json_t *obj, const char *key, bool otherwise)
{
	const json_t *value = json_object_get(obj, key);

	return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

double desc_real(const json_t *obj, const char *key, double otherwise)
{
	const json_t *value = json_object_get(obj, key);

	return json_is_number(value) ? json_number_value(value) : otherwise;
}

const char *desc_text(const json_t *obj, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(obj, key));

	return text ? text : otherwise;
}

unsigned long long desc_size(const char *text)
{
	static const char units[] = "KMGT";
	unsigned long long size;
	const char *unit;
	char *end;

	size = strtoull(text, &end, 0);
	if (*end == '\0')
		return size;
	unit = strchr(units, *end);
	if (!unit || end[1] != '\0')
		return 0;
	return size << (10 * (unit - units + 1));
}

int desc_errno(const char *name)
{
	static const struct {
		const char *name;
		int code;
	} codes[] = {
		{ "EPERM", EPERM },   { "ENOENT", ENOENT },         { "EINTR", EINTR },
		{ "EIO", EIO },       { "ENXIO", ENXIO },           { "EAGAIN", EAGAIN },
		{ "ENOMEM", ENOMEM }, { "EFAULT", EFAULT },         { "EBUSY", EBUSY },
		{ "EEXIST", EEXIST }, { "ENODEV", ENODEV },         { "EINVAL", EINVAL },
		{ "ENOSPC", ENOSPC }, { "ETIMEDOUT", ETIMEDOUT },   { "ENOSYS", ENOSYS },
		{ "ERANGE", ERANGE }, { "EOPNOTSUPP", EOPNOTSUPP },
	};

	for (size_t i = 0; name && i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(codes[i].name, name) == 0)
			return codes[i].code;
	return 0;
}
