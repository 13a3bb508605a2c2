/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The socket and its clients: accepts, reads and writes without ever waiting, keeps
 * the limits, and hands each call on.  Calls of one client are answered in their order,
 * one after the other; a client that goes away leaves its call to be finished unheard.
 */

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "core/rights.h"
#include "listening.h"
#include "quiet.h"
#include "wire.h"

#define SERVER_CLIENTS_PER_UID 64
#define SERVER_STRANGERS       64 /* in all, who may do nothing here; of one uid: */
#define SERVER_PER_STRANGER    8
#define SERVER_SOCKETS_MAX     2 /* ours, and one for systemd-report; both serve all */
#define SERVER_QUEUE_MAX       (1024 * 1024) /* beside one reply, however long that is */

struct connection;

struct call {
	struct wire_call wire; /* owned */
	struct peer who;
	struct connection *connection; /* NULL: nobody waits for a reply */

	/* May be set by whoever keeps the call. */
	void (*gone)(void *arg);    /* the client went away; the call must still be ended */
	void (*drained)(void *arg); /* all that was queued has been sent */
	void *arg;
};

struct server {
	sd_event *event;                              /* borrowed */
	struct listening sockets[SERVER_SOCKETS_MAX]; /* owned */
	unsigned n_sockets;
	sd_event_source *reaper; /* owned */
	struct connection *connections, *dead;
	unsigned n_connections, max_connections;
	bool said_full;
	uint64_t refused;        /* clients that were turned away */
	gid_t readers, changers; /* (gid_t)-1: no such group */
	struct quiet quiet;

	/* Gets every call that is well formed, and must end it some time. */
	void (*handle)(void *arg, struct call *call);
	/* May whoever connected do anything here?  Who may not gets less room. */
	bool (*knows)(void *arg, const struct peer *peer);
	void *arg;
};

/*
 * Takes over the descriptors that the service manager passed, or makes @path.  Nobody is
 * accepted before server_open().
 */
int server_init(struct server *server, sd_event *event, const char *path,
		struct tio_error *err);
void server_open(struct server *server);

/* The path of socket @i leads elsewhere now: makes it anew.  Who is connected stays so. */
int server_make_again(struct server *server, unsigned i, struct tio_error *err);
void server_listen(struct server *server, bool on);
void server_close(struct server *server); /* accepts no more */

/* May the log be told now what @uid may not?  Says what it was not told of before. */
bool server_may_tell(struct server *server, uid_t uid);
void server_finish(struct server *server);

unsigned server_strangers(const struct server *server);

/* True while replies wait to be sent, or somebody has connected and not asked yet. */
bool server_is_awaited(const struct server *server);

/* Each ends the call, but for call_continue(); the reference to @parameters is taken over. */
void call_reply(struct call *call, json_t *parameters);
/* @text is a whole message and is freed; NULL: memory is short, and the client is dropped. */
void call_reply_text(struct call *call, char *text, size_t size);
/*
 * With descriptors; those that are taken over become -1 in @fds.  They are closed here when
 * they have been sent.
 */
void call_reply_fds(struct call *call, json_t *parameters, int *fds, size_t n);
void call_error(struct call *call, const char *name, json_t *parameters);
void call_drop(struct call *call); /* without a reply; only if nobody waits for one */
void call_continue(struct call *call, json_t *parameters);
void call_continue_text(struct call *call, char *text, size_t size); /* as call_reply_text() */

/* Better not send more now: wait for drained(). */
bool call_is_full(const struct call *call);
