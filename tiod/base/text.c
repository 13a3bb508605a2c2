/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool text_copy(char *to, size_t size, const char *from)
{
	size_t len = strnlen(from, size);

	if (len < size) {
		memcpy(to, from, len + 1);
		return true;
	}
	memcpy(to, from, size - 1);
	to[size - 1] = '\0';
	return false;
}

void text_append(char *to, size_t size, const char *fmt, ...)
{
	size_t len = strnlen(to, size);
	va_list args;

	if (len >= size)
		return;
	va_start(args, fmt);
	vsnprintf(to + len, size - len, fmt, args);
	va_end(args);
}

int text_to_u64(const char *text, int base, uint64_t *ret)
{
	unsigned long long value;
	char *end;

	if (!isxdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, base);
	if (errno == ERANGE)
		return -ERANGE;
	if (*end != '\0')
		return -EINVAL;
	*ret = value;
	return 0;
}

static const char units[] = "KMGT";

int text_to_bytes(const char *text, uint64_t *ret)
{
	char number[24];
	size_t len = strlen(text);
	const char *unit;
	unsigned shift = 0;
	uint64_t value;
	int r;

	if (len == 0 || len >= sizeof(number))
		return -EINVAL;
	memcpy(number, text, len + 1);
	unit = strchr(units, toupper((unsigned char)number[len - 1]));
	if (unit) {
		shift = 10 * (unsigned)(unit - units + 1);
		number[len - 1] = '\0';
	}
	r = text_to_u64(number, 10, &value);
	if (r < 0)
		return r;
	if (value > (UINT64_MAX >> shift))
		return -ERANGE;
	*ret = value << shift;
	return 0;
}

const char *text_from_bytes(uint64_t bytes, char *buf, size_t size)
{
	unsigned unit = 0;

	while (unit < 4 && bytes >= 1024 && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	if (unit == 0)
		snprintf(buf, size, "%llu B", (unsigned long long)bytes);
	else
		snprintf(buf, size, "%llu %ciB", (unsigned long long)bytes, units[unit - 1]);
	return buf;
}

int text_to_bool(const char *text, bool *ret)
{
	static const char *const yes[] = { "yes", "true", "on", "1", "y" };
	static const char *const no[] = { "no", "false", "off", "0", "n" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
			*ret = strcasecmp(text, yes[i]) == 0;
			return 0;
		}
	}
	return -EINVAL;
}

bool text_is_name(const char *text, size_t max)
{
	size_t len = strlen(text);

	if (len == 0 || len > max || !isalnum((unsigned char)text[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("-_.", text[i]))
			return false;
	return true;
}

int text_add(struct text *text, const char *fmt, ...)
{
	size_t need, space;
	va_list args;
	char *data;
	int n;

	va_start(args, fmt);
	n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (n < 0)
		return -EINVAL;

	need = text->length + (size_t)n + 1;
	if (need > text->space) {
		space = need * 2;
		data = realloc(text->data, space);
		if (!data)
			return -ENOMEM;
		text->data = data;
		text->space = space;
	}
	va_start(args, fmt);
	vsnprintf(text->data + text->length, (size_t)n + 1, fmt, args);
	va_end(args);
	text->length += (size_t)n;
	return 0;
}

void text_finish(struct text *text)
{
	free(text->data);
	*text = (struct text){ 0 };
}
