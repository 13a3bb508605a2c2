/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tioctl/accept.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define WEIGHT_MAX 1000 /* a weight has three digits after the point */

static const char openmetrics[] = "application/openmetrics-text";
static const char plain[] = "text/plain";

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

/* "0.75": 750; what is no weight counts as 0. */
static int read_weight(const char *at)
{
	int weight = 0, digit = WEIGHT_MAX;

	if (*at == '1')
		return WEIGHT_MAX;
	if (at[0] != '0' || at[1] != '.')
		return 0;
	for (at += 2; isdigit((unsigned char)*at) && digit > 1; at++) {
		digit /= 10;
		weight += digit * (*at - '0');
	}
	return weight;
}

/* Of the element that begins at @at and ends before @end. */
static int weight_of(const char *at, const char *end)
{
	while ((at = memchr(at, ';', (size_t)(end - at)))) {
		at = skip_blanks(at + 1);
		if (at >= end)
			break;
		if (strncasecmp(at, "q=", 2) == 0)
			return read_weight(at + 2);
	}
	return WEIGHT_MAX;
}

static bool is_type(const char *at, const char *type)
{
	size_t length = strlen(type);

	return strncasecmp(at, type, length) == 0 && strchr(" \t;,", at[length]);
}

bool accept_wants_openmetrics(const char *header)
{
	int wanted = 0, otherwise = 0, weight;
	const char *at = header, *end;

	for (; at; at = *end ? end + 1 : NULL) {
		at = skip_blanks(at);
		end = at + strcspn(at, ",");
		weight = weight_of(at, end);
		if (is_type(at, openmetrics) && weight > wanted)
			wanted = weight;
		if (is_type(at, plain) && weight > otherwise)
			otherwise = weight;
	}
	return wanted > 0 && wanted >= otherwise;
}
