/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Lead bytes: how many follow, which bits are the character's, and the least it may be. */
static const struct lead {
	unsigned char mask, value;
	unsigned follow;
	uint32_t least;
} leads[] = {
	{ 0x80, 0x00, 0, 0 },
	{ 0xe0, 0xc0, 1, 0x80 },
	{ 0xf0, 0xe0, 2, 0x800 },
	{ 0xf8, 0xf0, 3, 0x10000 },
};

static const struct {
	uint32_t first, last;
} hostile[] = {
	{ 0, 0x1f },        /* C0 */
	{ 0x7f, 0x9f },     /* DEL, C1 */
	{ 0x061c, 0x061c }, /* Arabic letter mark */
	{ 0x200b, 0x200f }, /* no width; marks of direction */
	{ 0x2028, 0x202e }, /* line and paragraph ends; embeddings and overrides */
	{ 0x2060, 0x206f }, /* isolates and invisible operators */
	{ 0xd800, 0xdfff }, /* surrogates */
	{ 0xfeff, 0xfeff }, /* byte order mark */
	{ 0x110000, ~0u },  /* beyond Unicode */
};

static bool is_hostile(uint32_t c)
{
	for (size_t i = 0; i < ARRAY_SIZE(hostile); i++)
		if (c >= hostile[i].first && c <= hostile[i].last)
			return true;
	return false;
}

size_t escape_harmless(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;

	for (size_t i = 0; i < ARRAY_SIZE(leads); i++) {
		const struct lead *lead = &leads[i];
		uint32_t c = at[0] & (unsigned char)~lead->mask;

		if ((at[0] & lead->mask) != lead->value)
			continue;
		/* The end of the text is no following byte, so nothing is read behind it. */
		for (unsigned k = 1; k <= lead->follow; k++) {
			if ((at[k] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (at[k] & 0x3f);
		}
		return c < lead->least || is_hostile(c) ? 0 : lead->follow + 1;
	}
	return 0;
}

void escape_blot(char *text)
{
	size_t n;

	for (char *p = text; *p; p += n) {
		n = escape_harmless(p);
		if (n > 0)
			continue;
		*p = '?';
		n = 1;
	}
}

const char *escape_copy(char *to, size_t size, const char *from)
{
	size_t used = 0, n, need;
	char part[8];

	for (; *from; from += n, used += need) {
		n = escape_harmless(from);
		if (n == 0)
			need = (size_t)snprintf(part, sizeof(part), "\\x%02x",
						(unsigned char)*from);
		else
			need = (size_t)snprintf(part, sizeof(part), "%s%.*s",
						*from == '"' || *from == '\\' ? "\\" : "",
						(int)n, from);
		n = n ?: 1;
		if (used + need >= size)
			break;
		memcpy(to + used, part, need);
	}
	to[used] = '\0';
	return to;
}
