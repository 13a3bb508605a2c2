/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "connection.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "aside.h"
#include "base/fds.h"
#include "base/log.h"
#include "timer.h"

#define FIRST_SPACE   4096
#define STALL_USEC    (30 * 1000000ull)
#define STALL_EXACT   1000000u
#define FULL_ENOUGH   (256 * 1024)
#define CALLS_AT_ONCE 64 /* then others get their turn */

/* --- Ends --- */

static void unlink_from(struct connection **list, struct connection *c)
{
	while (*list != c)
		list = &(*list)->next;
	*list = c->next;
}

void connection_close(struct connection *c)
{
	struct server *server = c->server;
	struct call *call = c->call;

	if (c->dead)
		return;
	c->dead = true;
	c->io = sd_event_source_disable_unref(c->io);
	c->stall = sd_event_source_disable_unref(c->stall);
	aside_close(c->fd, c->clean);
	unlink_from(&server->connections, c);
	server->n_connections--;
	server->said_full = false;
	server_listen(server, true);
	c->next = server->dead;
	server->dead = c;
	sd_event_source_set_enabled(server->reaper, SD_EVENT_ONESHOT);

	c->call = NULL;
	if (call) {
		call->connection = NULL;
		if (call->gone)
			call->gone(call->arg);
	}
}

static void free_chunk(struct chunk *chunk)
{
	fds_close(chunk->fds, &chunk->n_fds);
	free(chunk->fds);
	free(chunk->data);
	free(chunk);
}

void connection_reap(struct server *server)
{
	while (server->dead) {
		struct connection *c = server->dead;

		server->dead = c->next;
		while (c->out) {
			struct chunk *chunk = c->out;

			c->out = chunk->next;
			free_chunk(chunk);
		}
		free(c->in);
		free(c);
	}
}

static void drop(struct connection *c, const char *why)
{
	if (server_may_tell(c->server, c->peer.uid))
		log_warning("a client was disconnected (uid %u, pid %d): %s",
			    (unsigned)c->peer.uid, (int)c->peer.pid, why);
	connection_close(c);
}

/* --- Out --- */

static void watch(struct connection *c)
{
	uint32_t events = 0;

	if (c->dead)
		return;
	if (!c->eof && c->in_size < WIRE_MESSAGE_MAX)
		events |= EPOLLIN;
	if (c->out || c->again)
		events |= EPOLLOUT;
	sd_event_source_set_io_events(c->io, events);
}

/* Beside those who do not read, those who may do nothing here and say nothing either. */
static void restart_stall(struct connection *c)
{
	if (!c->out && !c->stranger) {
		sd_event_source_set_enabled(c->stall, SD_EVENT_OFF);
		return;
	}
	(void)timer_set(c->stall, STALL_USEC);
}

/* Sends what the socket takes. */
static void flush(struct connection *c)
{
	while (c->out && !c->dead) {
		struct chunk *chunk = c->out;
		ssize_t n = fds_send(c->fd, chunk->data + chunk->sent,
				     chunk->size - chunk->sent, chunk->fds, chunk->n_fds,
				     MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0) {
			connection_close(c);
			return;
		}
		c->out_fds -= chunk->n_fds;
		fds_close(chunk->fds, &chunk->n_fds);
		chunk->sent += (size_t)n;
		c->out_size -= (size_t)n;
		restart_stall(c);
		if (chunk->sent < chunk->size)
			continue;
		c->out = chunk->next;
		if (!c->out)
			c->out_end = &c->out;
		free_chunk(chunk);
		restart_stall(c);
	}
	watch(c);
}

/* Takes @chunk and what it holds over; its text may be missing, as memory may be short. */
static void enqueue_chunk(struct connection *c, struct chunk *chunk)
{
	size_t size = chunk ? chunk->size : 0;

	/* One reply may be longer than the limit; a reader that lets them pile up may not. */
	if (!chunk || !chunk->data || c->out_size > SERVER_QUEUE_MAX) {
		drop(c, c->out_size > SERVER_QUEUE_MAX ? "it does not read its replies"
						       : "memory is short");
		if (chunk)
			free_chunk(chunk);
		return;
	}
	if (!c->out)
		restart_stall(c);
	*c->out_end = chunk;
	c->out_end = &chunk->next;
	c->out_size += size;
	c->out_fds += chunk->n_fds;
	if (c->out == chunk) {
		restart_stall(c);
		flush(c);
	}
}

/* Takes @data over. */
static void enqueue(struct connection *c, char *data, size_t size)
{
	struct chunk *chunk = calloc(1, sizeof(*chunk));

	if (chunk)
		*chunk = (struct chunk){ .data = data, .size = size };
	else
		free(data);
	enqueue_chunk(c, chunk);
}

static int on_stall(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct connection *c = userdata;

	if (c->out)
		drop(c, "it has not read a byte for 30 s");
	else if (c->call)
		restart_stall(c);
	else
		connection_close(c);
	return 0;
}

/* --- Calls --- */

static void process(struct connection *c);

static void call_free(struct call *call)
{
	wire_call_finish(&call->wire);
	free(call);
}

static void end_call(struct call *call)
{
	struct connection *c = call->connection;

	call_free(call);
	if (!c)
		return;
	c->call = NULL;
	if (!c->processing)
		process(c);
}

static void send_reply(struct call *call, json_t *parameters, const char *error, bool continues)
{
	size_t size = 0;
	char *data;

	if (!call->connection) {
		json_decref(parameters);
		return;
	}
	data = wire_reply(parameters, error, continues, &size);
	enqueue(call->connection, data, size);
}

void call_reply(struct call *call, json_t *parameters)
{
	call->gone = NULL;
	send_reply(call, parameters, NULL, false);
	end_call(call);
}

void call_reply_text(struct call *call, char *text, size_t size)
{
	call->gone = NULL;
	if (call->connection)
		enqueue(call->connection, text, size);
	else
		free(text);
	end_call(call);
}

void call_reply_fds(struct call *call, json_t *parameters, int *fds, size_t n)
{
	struct chunk *chunk = calloc(1, sizeof(*chunk));

	call->gone = NULL;
	if (!call->connection || !chunk) {
		free(chunk);
		call_reply(call, parameters);
		return;
	}
	chunk->fds = calloc(n + 1, sizeof(*fds));
	chunk->data = chunk->fds ? wire_reply(parameters, NULL, false, &chunk->size) : NULL;
	for (size_t i = 0; chunk->data && i < n; i++) {
		chunk->fds[chunk->n_fds++] = fds[i];
		fds[i] = -1;
	}
	if (!chunk->fds)
		json_decref(parameters);
	enqueue_chunk(call->connection, chunk);
	end_call(call);
}

void call_error(struct call *call, const char *name, json_t *parameters)
{
	call->gone = NULL;
	send_reply(call, parameters, name, false);
	end_call(call);
}

void call_drop(struct call *call)
{
	assert(!call->connection);
	call_free(call);
}

void call_continue(struct call *call, json_t *parameters)
{
	if (call->wire.more)
		send_reply(call, parameters, NULL, true);
	else
		json_decref(parameters);
}

void call_continue_text(struct call *call, char *text, size_t size)
{
	if (call->connection)
		enqueue(call->connection, text, size);
	else
		free(text);
}

bool call_is_full(const struct call *call)
{
	return call->connection && call->connection->out_size > FULL_ENOUGH;
}

static void begin_call(struct connection *c, struct wire_call *wire)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call) {
		wire_call_finish(wire);
		drop(c, "memory is short");
		return;
	}
	*call = (struct call){ .wire = *wire, .who = c->peer };
	if (!wire->oneway) {
		call->connection = c;
		c->call = call;
	}
	c->server->handle(c->server->arg, call);
}

/* --- In --- */

/* True when a whole message was taken out of the buffer. */
static bool take_message(struct connection *c)
{
	struct tio_error why = TIO_ERROR_NONE;
	const char *text = c->in + c->in_start;
	struct wire_call wire;
	size_t length = 0;
	int r;

	r = wire_next(text, c->in_size, &c->in_seen, &length);
	if (r == -EMSGSIZE) {
		drop(c, "its message is longer than 1 MiB");
		return false;
	}
	if (r == 0)
		return false;
	r = wire_parse_call(text, length - 1, &wire, &why);
	if (r < 0) {
		drop(c, why.text);
		return false;
	}
	c->in_start += length;
	c->in_size -= length;
	begin_call(c, &wire);
	return true;
}

/*
 * Calls that wait for the reader of their answers are not begun.  Of descriptors one answer
 * may wait: they are few, and everybody's.
 */
static bool may_begin(const struct connection *c)
{
	return !c->dead && !c->call && c->in_size > 0 && c->out_size <= FULL_ENOUGH &&
	       c->out_fds == 0;
}

static void process(struct connection *c)
{
	int n = 0;

	c->processing = true;
	while (n < CALLS_AT_ONCE && may_begin(c) && take_message(c))
		n++;
	c->processing = false;
	if (c->dead)
		return;
	c->again = n == CALLS_AT_ONCE && may_begin(c);

	/* A half-closed client still gets its answers; one that hung up does not. */
	if (!c->again && (c->hung_up || (c->eof && !c->call && !c->out)))
		connection_close(c);
	else
		watch(c);
}

/* Room behind what is there; false when memory is short. */
static bool make_room(struct connection *c)
{
	size_t space = c->in_space ? c->in_space * 2 : FIRST_SPACE;
	char *in;

	if (c->in_start > 0) {
		memmove(c->in, c->in + c->in_start, c->in_size);
		c->in_start = 0;
	}
	if (c->in_size < c->in_space)
		return true;
	in = realloc(c->in, space);
	if (!in)
		return false;
	c->in = in;
	c->in_space = space;
	return true;
}

static void fill(struct connection *c)
{
	while (!c->eof && c->in_size < WIRE_MESSAGE_MAX) {
		ssize_t n;

		if (!make_room(c)) {
			drop(c, "memory is short");
			return;
		}
		n = aside_read(c->fd, c->in + c->in_size, c->in_space - c->in_size);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EPROTO) {
			drop(c, "it sent descriptors along");
			return;
		}
		if (n <= 0)
			c->eof = true;
		else
			c->in_size += (size_t)n;
	}
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct connection *c = userdata;
	bool had_output = c->out;

	if (revents & EPOLLOUT)
		flush(c);
	if (!c->dead && had_output && !c->out && c->call && c->call->drained)
		c->call->drained(c->call->arg);
	if (!c->dead && (revents & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		fill(c);
	if (c->dead)
		return 0;
	c->hung_up = revents & (EPOLLHUP | EPOLLERR);
	process(c);
	return 0;
}

int connection_new(struct server *server, int fd, bool clean, const struct peer *peer,
		   bool stranger)
{
	struct connection *c = calloc(1, sizeof(*c));
	int r = -ENOMEM;

	if (!c) {
		aside_close(fd, clean);
		return r;
	}
	*c = (struct connection){
		.server = server, .peer = *peer, .fd = fd, .clean = clean, .stranger = stranger
	};
	c->out_end = &c->out;
	r = sd_event_add_io(server->event, &c->io, fd, EPOLLIN, on_io, c);
	if (r >= 0)
		r = timer_new(server->event, &c->stall, STALL_EXACT, on_stall, c);
	if (r < 0) {
		sd_event_source_disable_unref(c->io);
		sd_event_source_disable_unref(c->stall);
		aside_close(fd, clean);
		free(c);
		return r;
	}
	restart_stall(c);
	c->next = server->connections;
	server->connections = c;
	server->n_connections++;
	return 0;
}
