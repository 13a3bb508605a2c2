/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The Varlink client: one connection to tiod, one call at a time, blocking in poll(2).
 * Whatever goes wrong, at either end, arrives as a struct reply with an error name, so
 * that the verbs have a single way to fail.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/fds.h"

#define CLIENT_SOCKET    "/run/tiod/io.tiod"
#define CLIENT_REPLY_MAX (16u * 1024 * 1024) /* what sd-varlink allows a message */

/* Plain calls are answered from the daemon's cache or by one scan: a minute is a hang. */
#define CLIENT_PATIENCE_MS 60000

struct client {
	const char *path; /* borrowed */
	int fd;           /* owned; -1 until the first call */
	int stop_fd;      /* borrowed; readable: give up waiting; -1: none */
	int patience_ms;  /* of a plain call */
	int send_s;       /* how long connecting, and sending, may take */
	bool more;        /* the call under way asked for a stream */
	char *data;       /* owned: received, not yet consumed */
	size_t length, scanned, space;
	int fds[FDS_MAX]; /* owned: came along with what was received */
	size_t n_fds;
};

struct reply {
	char error[128]; /* name of the error, "" for none */
	bool continues;
	json_t *parameters; /* owned; always an object; of an error: a Failure */
};

void client_init(struct client *client, const char *path);
void client_finish(struct client *client);

/*
 * Sends a call, connecting first if need be.  @parameters is taken over and may be NULL.
 * 0; or -1 with the failure in @reply.
 */
int client_send(struct client *client, const char *method, json_t *parameters, bool more,
		struct reply *reply);

/*
 * Waits up to @timeout_ms (-1: for ever) for the next reply of the call.  0: none yet;
 * 1: @reply holds one, or an error.
 */
int client_next(struct client *client, int timeout_ms, struct reply *reply);

void reply_finish(struct reply *reply);

#define auto_reply __attribute__((cleanup(reply_finish)))
