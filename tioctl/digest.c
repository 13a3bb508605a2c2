/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tioctl/digest.h"

#include <nettle/base16.h>
#include <nettle/base64.h>
#include <nettle/sha2.h>
#include <string.h>

#include "base/cleanup.h"
#include "tioctl/field.h"

_Static_assert(DIGEST_TEXT == 2 * SHA384_DIGEST_SIZE + 1, "room for the digits");

const char *digest_sha384(const void *data, size_t size, char buf[static DIGEST_TEXT])
{
	uint8_t digest[SHA384_DIGEST_SIZE];
	struct sha384_ctx context;

	sha384_init(&context);
	sha384_update(&context, size, data);
	sha384_digest(&context, sizeof(digest), digest);
	base16_encode_update(buf, sizeof(digest), digest);
	buf[DIGEST_TEXT - 1] = '\0';
	return buf;
}

long digest_from_base64(const char *text, uint8_t *ret, size_t size)
{
	struct base64_decode_ctx context;
	size_t length = strlen(text), n;
	auto_free uint8_t *data = NULL;

	n = BASE64_DECODE_LENGTH(length);
	data = must(malloc(n ? n : 1));
	base64_decode_init(&context);
	if (!base64_decode_update(&context, &n, data, length, text) ||
	    !base64_decode_final(&context) || n > size)
		return -1;
	if (n > 0)
		memcpy(ret, data, n);
	return (long)n;
}
