/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * SHA-384 and base64, for what evidence.c saves.  digest.c is the only file that knows nettle.
 */

#include <stddef.h>
#include <stdint.h>

#define DIGEST_TEXT 97 /* 48 bytes as hexadecimal digits, and the NUL */

/* Returns @buf. */
const char *digest_sha384(const void *data, size_t size, char buf[static DIGEST_TEXT]);

/*
 * Decodes all of @text into @ret, which has room for @size bytes.  How many there were, or -1:
 * it is no base64, or longer than that.
 */
long digest_from_base64(const char *text, uint8_t *ret, size_t size);
