/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Strings in fixed buffers, numbers from text, and one growing buffer.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Copies @from, cutting it off at the end of @to.  True when all of it fitted. */
bool text_copy(char *to, size_t size, const char *from);

/* Appends, printf-wise, to the string in @to; cuts it off at @size. */
void text_append(char *to, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The whole of @text as a number in @base (0: 0x… and decimal).  0, -EINVAL or -ERANGE. */
int text_to_u64(const char *text, int base, uint64_t *ret);

/* "64G", "512M", "2048K", "4096": bytes.  0, -EINVAL or -ERANGE. */
int text_to_bytes(const char *text, uint64_t *ret);

/* 2097152 as "2 MiB", 68719476736 as "64 GiB"; returns @buf. */
const char *text_from_bytes(uint64_t bytes, char *buf, size_t size);

/* yes/no, true/false, on/off, 1/0, Y/N.  0 or -EINVAL. */
int text_to_bool(const char *text, bool *ret);

/*
 * Letters, digits, '-', '_' and '.', first one a letter or digit, at most @max characters:
 * fit to become a file name and a part of a command line.
 */
bool text_is_name(const char *text, size_t max);

/* A string that grows.  Starts as { 0 }; text_finish() frees it. */
struct text {
	char *data; /* owned, terminated; NULL while empty */
	size_t length;
	size_t space;
};

/* 0 or -ENOMEM; on failure the text is as before. */
int text_add(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_finish(struct text *text);

#define auto_text __attribute__((cleanup(text_finish)))
