/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * GetEvidence: a worker reads it and writes the replies; they are sent from here as the client
 * takes them.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "methods-look.h"
#include "methods.h"

struct sending {
	struct call *call;
	char *text; /* owned: replies that each end in NUL */
	size_t size, sent;
	bool busy; /* send_more() is further down the stack */
	bool gone; /* while it was */
};

static void end(struct sending *sending)
{
	free(sending->text);
	free(sending);
}

static void on_client_gone(void *arg)
{
	struct sending *sending = arg;

	sending->gone = true;
	if (sending->busy)
		return;
	call_drop(sending->call);
	end(sending);
}

/* Takes the next reply out. */
static char *next_reply(struct sending *sending, size_t *ret_size)
{
	const char *text = sending->text + sending->sent;
	char *copy = strdup(text);

	*ret_size = strlen(text) + 1;
	sending->sent += *ret_size;
	return copy;
}

/* The last reply ends the call. */
static void send_more(void *arg)
{
	struct sending *sending = arg;
	struct call *call = sending->call;
	size_t size;
	char *reply;

	sending->busy = true;
	while (!sending->gone && !call_is_full(call)) {
		reply = next_reply(sending, &size);
		if (sending->sent < sending->size) {
			call_continue_text(call, reply, size);
			continue;
		}
		end(sending);
		call_reply_text(call, reply, size);
		return;
	}
	sending->busy = false;
	if (sending->gone)
		on_client_gone(sending);
}

static void on_evidence(struct job *job, void *arg)
{
	struct call *call = arg;
	struct sending *sending;

	if (job->code < 0) {
		methods_fail(call, &job->error);
		return;
	}
	if (!call->connection) {
		call_drop(call);
		return;
	}
	sending = calloc(1, sizeof(*sending));
	if (sending)
		sending->text = malloc(job->text_size);
	if (!sending || !sending->text) {
		free(sending);
		methods_reply(call, NULL);
		return;
	}
	memcpy(sending->text, job->text, job->text_size);
	sending->size = job->text_size;
	sending->call = call;
	call->gone = on_client_gone;
	call->drained = send_more;
	call->arg = sending;
	send_more(sending);
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
