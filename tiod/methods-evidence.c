/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * GetEvidence: a worker reads it and writes the replies.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "methods-look.h"
#include "methods.h"
#include "stream.h"

static void on_evidence(struct job *job, void *arg)
{
	struct call *call = arg;
	char *text;

	if (job->code < 0) {
		methods_fail(call, &job->error);
		return;
	}
	text = malloc(job->text_size);
	if (!text) {
		methods_reply(call, NULL);
		return;
	}
	memcpy(text, job->text, job->text_size);
	stream_send(call, text, job->text_size);
}

/* Pairs of hexadecimal digits; how many bytes, or -EINVAL. */
static int parse_nonce(const char *text, uint8_t *ret, size_t size)
{
	char pair[3] = "";
	size_t n = strlen(text);
	uint64_t byte;

	if (n % 2 || n / 2 > size || strspn(text, "0123456789abcdefABCDEF") != n)
		return -EINVAL;
	for (size_t i = 0; i < n / 2; i++) {
		memcpy(pair, text + 2 * i, 2);
		if (text_to_u64(pair, 16, &byte) < 0)
			return -EINVAL;
		ret[i] = (uint8_t)byte;
	}
	return (int)(n / 2);
}

void method_get_evidence(struct daemon *daemon, struct call *call)
{
	struct look look = { .kind = LOOK_EVIDENCE };
	struct tio_error err = TIO_ERROR_NONE;
	int n = parse_nonce(methods_text(call, "nonce"), look.nonce, sizeof(look.nonce));

	if (n < 0) {
		error_kind_set(&err, ERROR_INVALID, -EINVAL,
			       "the nonce is not what a nonce can be: up to %zu bytes as "
			       "hexadecimal digits, two a byte",
			       sizeof(look.nonce));
		methods_fail(call, &err);
		return;
	}
	look.nonce_size = (size_t)n;
	if (look_find(daemon, call, &look.function, &err) < 0 ||
	    look_check_turns(daemon, &err) < 0)
		methods_fail(call, &err);
	else
		look_start(daemon, call, &look, on_evidence);
}
