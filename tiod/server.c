/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "aside.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "config.h"
#include "connection.h"
#include "core/report.h"

#define ACCEPTS_AT_ONCE 32 /* then clients that are here get their turn */
#define NO_GROUP        ((gid_t)-1)

static bool is_member(const gid_t *groups, size_t n, gid_t wanted)
{
	for (size_t i = 0; i < n; i++)
		if (groups[i] == wanted)
			return wanted != NO_GROUP;
	return false;
}

/* The groups of whoever connected, the primary one included; malloc'ed. */
static int peer_groups(int fd, gid_t primary, gid_t **ret, size_t *ret_n)
{
	socklen_t size = 0;
	gid_t *groups;

	(void)getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size);
	groups = calloc(size / sizeof(gid_t) + 1, sizeof(gid_t));
	if (!groups)
		return -ENOMEM;
	if (size > 0 && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
		size = 0;
	*ret_n = size / sizeof(gid_t);
	groups[(*ret_n)++] = primary;
	*ret = groups;
	return 0;
}

static int identify(const struct server *server, int fd, struct peer *ret)
{
	auto_free gid_t *groups = NULL;
	struct ucred who;
	socklen_t size = sizeof(who);
	size_t n = 0;
	bool owner;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
		return -errno;
	if (peer_groups(fd, who.gid, &groups, &n) < 0)
		return -ENOMEM;
	owner = who.uid == 0 || who.uid == geteuid();
	ret->uid = who.uid;
	ret->pid = who.pid;
	ret->may_change = owner || is_member(groups, n, server->changers);
	ret->may_read = ret->may_change || is_member(groups, n, server->readers);
	ret->n_groups = n < RIGHTS_GROUPS_MAX ? (unsigned)n : RIGHTS_GROUPS_MAX;
	memcpy(ret->groups, groups + n - ret->n_groups, ret->n_groups * sizeof(gid_t));
	return 0;
}

bool server_may_tell(struct server *server, uid_t uid)
{
	unsigned left_out = 0;
	uint64_t now = 0;

	if (sd_event_now(server->event, CLOCK_MONOTONIC, &now) < 0 ||
	    !quiet_pass(&server->quiet, uid, now, &left_out))
		return false;
	if (left_out > 0)
		log_warning("uid %u: and %u more refusals", (unsigned)uid, left_out);
	return true;
}

/* What is connected, of a client's own uid and beside it. */
struct crowd {
	unsigned same, strangers;
};

static struct crowd look_around(const struct server *server, uid_t uid)
{
	struct crowd crowd = { 0 };

	for (const struct connection *c = server->connections; c; c = c->next) {
		crowd.same += c->peer.uid == uid;
		crowd.strangers += c->stranger;
	}
	return crowd;
}

unsigned server_strangers(const struct server *server)
{
	return look_around(server, 0).strangers;
}

/* However few clients there may be, half of the room stays others'. */
static unsigned strangers_max(const struct server *server)
{
	unsigned half = server->max_connections / 2;

	return half < SERVER_STRANGERS ? half : SERVER_STRANGERS;
}

/* Root is never locked out by what others have opened, nor is anybody by strangers. */
static bool has_room(struct server *server, const struct peer *peer, bool stranger)
{
	struct crowd crowd = look_around(server, peer->uid);

	if (stranger &&
	    (crowd.same >= SERVER_PER_STRANGER || crowd.strangers >= strangers_max(server)))
		return false;
	return crowd.same < SERVER_CLIENTS_PER_UID &&
	       (server->n_connections < server->max_connections || peer->uid == 0);
}

/* One sentence is all that a client above the limit gets; a socket that is new takes it. */
static void turn_away(int fd, struct server *server, const struct peer *peer, bool stranger)
{
	struct tio_error err = TIO_ERROR_NONE;
	size_t size = 0;
	auto_free char *reply = NULL;

	if (!server->said_full && server_may_tell(server, peer->uid))
		log_warning("a client was turned away (uid %u, pid %d): %u of that user are "
			    "connected, %u in all",
			    (unsigned)peer->uid, (int)peer->pid,
			    look_around(server, peer->uid).same, server->n_connections);
	server->said_full = true;
	server->refused++;
	error_kind_set(&err, ERROR_BUSY, -EBUSY,
		       "too many clients are connected: %d of one user and %u in all may be",
		       stranger ? SERVER_PER_STRANGER : SERVER_CLIENTS_PER_UID,
		       stranger ? strangers_max(server) : server->max_connections);
	if (stranger)
		error_fix(&err, "close some; members of the groups " CONFIG_GROUP_READ
				" and " CONFIG_GROUP_CHANGE " may have more");
	else
		error_fix(&err, "close some, or try again later; MaxClients= in tiod.conf sets "
				"how many may be connected in all");
	reply = wire_reply(report_error(&err), report_error_name(&err), false, &size);
	if (reply && send(fd, reply, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("a client that was turned away did not hear it: %m");
}

/* Takes @client over. */
static int take_on(struct server *server, int client)
{
	bool clean = aside_refuse(client);
	struct peer peer = { 0 };
	int r = identify(server, client, &peer);
	bool stranger = r == 0 && !server->knows(server->arg, &peer);

	if (r == 0 && has_room(server, &peer, stranger))
		return connection_new(server, client, clean, &peer, stranger);
	if (r == 0)
		turn_away(client, server, &peer, stranger);
	aside_close(client, clean);
	return r;
}

/* False when nobody is waiting any more, or nobody can be taken on. */
static bool accept_one(struct server *server, int fd)
{
	int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int r;

	if (client < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
		/* connection_close() turns it on again; until then the loop would spin. */
		log_error("cannot accept a client: %m");
		if (server->connections)
			server_listen(server, false);
		return false;
	}
	if (client < 0)
		return false;
	r = take_on(server, client);
	if (r < 0)
		log_error("cannot take a client on: %s", strerror(-r));
	return r == 0;
}

static int on_listen(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	for (int i = 0; i < ACCEPTS_AT_ONCE && accept_one(userdata, fd); i++)
		continue;
	return 0;
}

static int on_reaper(sd_event_source *source, void *userdata)
{
	connection_reap(userdata);
	return 0;
}

/* --- The socket --- */

/* 1: at least one was passed, 0: none was. */
static int take_passed(struct server *server, struct tio_error *err)
{
	int n = sd_listen_fds(1);

	if (n <= 0)
		return n < 0 ? error_set(err, n, "take over the passed sockets: %s",
					 strerror(-n))
			     : 0;
	if (n > SERVER_SOCKETS_MAX)
		return error_set(err, -EINVAL,
				 "%d descriptors were passed; at most %d are understood", n,
				 SERVER_SOCKETS_MAX);
	for (int i = 0; i < n; i++) {
		if (listening_take(&server->sockets[i], SD_LISTEN_FDS_START + i, err) < 0)
			return err->code;
		server->n_sockets++;
	}
	return 1;
}

static int watch_socket(struct server *server, struct listening *socket)
{
	int r = sd_event_add_io(server->event, &socket->source, socket->fd, EPOLLIN, on_listen,
				server);

	return r < 0 ? r : sd_event_source_set_enabled(socket->source, SD_EVENT_OFF);
}

int server_init(struct server *server, sd_event *event, const char *path, struct tio_error *err)
{
	int r;

	server->event = event;
	server->readers = server->changers = NO_GROUP;
	r = take_passed(server, err);
	if (r == 0) {
		r = listening_make(&server->sockets[0], path, true, err);
		server->n_sockets = r == 0;
	}
	if (r < 0)
		return r;
	for (unsigned i = 0; i < server->n_sockets && r >= 0; i++)
		r = watch_socket(server, &server->sockets[i]);
	if (r >= 0)
		r = sd_event_add_defer(event, &server->reaper, on_reaper, server);
	if (r >= 0)
		r = sd_event_source_set_enabled(server->reaper, SD_EVENT_OFF);
	return r < 0 ? error_set(err, r, "watch the socket: %s", strerror(-r)) : 0;
}

void server_listen(struct server *server, bool on)
{
	for (unsigned i = 0; i < server->n_sockets; i++)
		if (server->sockets[i].source)
			sd_event_source_set_enabled(server->sockets[i].source,
						    on ? SD_EVENT_ON : SD_EVENT_OFF);
}

int server_make_again(struct server *server, unsigned i, struct tio_error *err)
{
	struct listening *old = &server->sockets[i], fresh;
	int on = SD_EVENT_OFF, r;

	r = listening_make(&fresh, old->path, false, err);
	if (r < 0)
		return r;
	r = watch_socket(server, &fresh);
	if (r < 0) {
		listening_close(&fresh);
		return error_set(err, r, "watch the socket: %s", strerror(-r));
	}
	(void)sd_event_source_get_enabled(old->source, &on);
	listening_close(old);
	*old = fresh;
	sd_event_source_set_enabled(old->source, on);
	return 0;
}

void server_open(struct server *server)
{
	server_listen(server, true);
}

void server_close(struct server *server)
{
	while (server->n_sockets > 0)
		listening_close(&server->sockets[--server->n_sockets]);
}

void server_finish(struct server *server)
{
	server_close(server);
	while (server->connections)
		connection_close(server->connections);
	connection_reap(server);
	server->reaper = sd_event_source_disable_unref(server->reaper);
}

bool server_is_awaited(const struct server *server)
{
	for (const struct connection *c = server->connections; c; c = c->next)
		if (c->out || !c->in)
			return true;
	return false;
}
