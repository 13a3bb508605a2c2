/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream.h"

#include <stdlib.h>
#include <string.h>

#include "server.h"

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

void stream_send(struct call *call, char *text, size_t size)
{
	struct sending *sending = NULL;

	if (call->connection)
		sending = calloc(1, sizeof(*sending));
	if (!sending) {
		free(text);
		if (call->connection)
			call_reply_text(call, NULL, 0);
		else
			call_drop(call);
		return;
	}
	*sending = (struct sending){ .call = call, .text = text, .size = size };
	call->gone = on_client_gone;
	call->drained = send_more;
	call->arg = sending;
	send_more(sending);
}
