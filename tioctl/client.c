/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tioctl/client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/failure.h"
#include "tioctl/field.h"

/* connect(2) and send(2) wait when the daemon's queues are full; a live one drains them. */
#define SEND_PATIENCE_S 10

#define READ_SIZE (64u * 1024)

#define FIX_START "start it with \"systemctl start tiod\", or name its socket with --socket"
#define FIX_GROUP "join the group \"tiod\": \"usermod -aG tiod USER\", then log in again"
#define FIX_LATER "tiod may be overloaded or stuck: see \"journalctl -u tiod\""
#define FIX_AGAIN                                                                              \
	"a change under way is finished or taken back when tiod starts again: "                \
	"\"systemctl status tiod\", then \"tioctl status\""

void client_init(struct client *client, const char *path)
{
	*client = (struct client){ .path = path,
				   .fd = -1,
				   .stop_fd = -1,
				   .patience_ms = CLIENT_PATIENCE_MS,
				   .send_s = SEND_PATIENCE_S };
}

static void disconnect(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	fds_close(client->fds, &client->n_fds);
	client->length = 0;
	client->scanned = 0;
}

void client_finish(struct client *client)
{
	disconnect(client);
	free(client->data);
	client->data = NULL;
	client->space = 0;
}

void reply_finish(struct reply *reply)
{
	json_decref(reply->parameters);
	*reply = (struct reply){ 0 };
}

/* Fills @reply with an error of ours; the connection is of no further use. */
static void fail(struct client *client, struct reply *reply, const char *name, json_t *failure)
{
	disconnect(client);
	reply_finish(reply);
	text_copy(reply->error, sizeof(reply->error), name);
	reply->parameters = failure;
}

static void fail_connect(struct client *client, struct reply *reply, int code)
{
	const char *why = strerror(code);

	if (code == EACCES || code == EPERM)
		fail(client, reply, FAILURE_DENIED,
		     failure_new(FIX_GROUP, "may not use %s: %s", client->path, why));
	else if (code == EAGAIN)
		fail(client, reply, FAILURE_SILENT,
		     failure_new(FIX_LATER,
				 "tiod at %s did not take the connection within %d s",
				 client->path, client->send_s));
	else
		fail(client, reply, FAILURE_UNREACHABLE,
		     failure_new(FIX_START, "cannot reach tiod at %s: %s", client->path, why));
}

/* Connects, unless that was done.  0, or -1 with the failure in @reply. */
static int ensure_connected(struct client *client, struct reply *reply)
{
	const struct timeval patience = { .tv_sec = client->send_s };
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (client->fd >= 0)
		return 0;
	if (!text_copy(address.sun_path, sizeof(address.sun_path), client->path)) {
		fail_connect(client, reply, ENAMETOOLONG);
		return -1;
	}
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0) {
		fail_connect(client, reply, errno);
		return -1;
	}
	setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		fail_connect(client, reply, errno);
		return -1;
	}
	return 0;
}

static int send_all(struct client *client, const char *data, size_t size, struct reply *reply)
{
	ssize_t n;

	while (size) {
		n = send(client->fd, data, size, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		/* It may have said why it closed: that is still to be read. */
		if (n < 0 && errno == EPIPE)
			return 0;
		if (n < 0) {
			fail(client, reply, errno == EAGAIN ? FAILURE_SILENT : FAILURE_GONE,
			     failure_new(FIX_LATER, "tiod did not take the call: %s",
					 strerror(errno)));
			return -1;
		}
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

int client_send(struct client *client, const char *method, json_t *parameters, bool more,
		struct reply *reply)
{
	auto_json json_t *call = must(json_object());
	auto_free char *data = NULL;

	json_object_set_new(call, "method", must(json_string(method)));
	if (json_object_size(parameters))
		json_object_set_new(call, "parameters", parameters);
	else
		json_decref(parameters);
	if (more)
		json_object_set_new(call, "more", json_true());

	if (ensure_connected(client, reply) < 0)
		return -1;
	client->more = more;
	data = must(json_dumps(call, JSON_COMPACT));
	return send_all(client, data, strlen(data) + 1, reply);
}

static void fail_malformed(struct client *client, struct reply *reply, const char *what)
{
	fail(client, reply, FAILURE_MALFORMED,
	     failure_new("is it tiod that listens there, and of the same version as tioctl?",
			 "the answer at %s is not understood: %s", client->path, what));
}

/* What is wrong with a reply's envelope, or NULL. */
static const char *check_envelope(const struct client *client, json_t *message)
{
	const json_t *value;
	const char *key;
	bool continues = field_is(message, "continues");

	if (!json_is_object(message))
		return "not an object";
	json_object_foreach(message, key, value)
	{
		if (strcmp(key, "parameters") == 0 && !json_is_object(value) &&
		    !json_is_null(value))
			return "\"parameters\" is not an object";
		if (strcmp(key, "error") == 0 && !json_is_string(value))
			return "\"error\" is not a string";
		if (strcmp(key, "continues") == 0 && !json_is_boolean(value))
			return "\"continues\" is not a boolean";
		if (strcmp(key, "parameters") && strcmp(key, "error") &&
		    strcmp(key, "continues"))
			return "a key that Varlink does not have";
	}
	if (continues && !client->more)
		return "a stream that was not asked for";
	if (continues && json_object_get(message, "error"))
		return "an error in the middle of a stream";
	return NULL;
}

static void read_message(struct client *client, size_t size, struct reply *reply)
{
	auto_json json_t *message = NULL;
	const json_t *parameters;
	json_error_t error;
	const char *wrong;

	message = json_loadb(client->data, size, JSON_REJECT_DUPLICATES, &error);
	wrong = message ? check_envelope(client, message) : error.text;
	if (wrong) {
		fail_malformed(client, reply, wrong);
		return;
	}
	client->length -= size + 1;
	client->scanned = 0;
	memmove(client->data, client->data + size + 1, client->length);

	reply_finish(reply);
	reply->continues = field_is(message, "continues");
	text_copy(reply->error, sizeof(reply->error), field_text(message, "error"));
	parameters = json_object_get(message, "parameters");
	reply->parameters = json_is_object(parameters) ? json_incref((json_t *)parameters)
						       : must(json_object());
}

/* Takes one whole message out of what was received.  Whether there was one. */
static bool take_message(struct client *client, struct reply *reply)
{
	const char *end = client->length > client->scanned
				  ? memchr(client->data + client->scanned, '\0',
					   client->length - client->scanned)
				  : NULL;

	if (end) {
		read_message(client, (size_t)(end - client->data), reply);
		return true;
	}
	client->scanned = client->length;
	if (client->length < CLIENT_REPLY_MAX)
		return false;
	fail_malformed(client, reply, "it is larger than 16 MiB");
	return true;
}

/* 1: @reply holds a failure; 0: something was received. */
static int receive(struct client *client, struct reply *reply)
{
	int fds[FDS_MAX];
	size_t n_fds;
	ssize_t n;

	if (client->space - client->length < READ_SIZE) {
		client->space = 2 * client->space + READ_SIZE;
		client->data = must(realloc(client->data, client->space));
	}
	do
		n = fds_receive(client->fd, client->data + client->length, READ_SIZE, fds,
				&n_fds, 0);
	while (n < 0 && errno == EINTR);
	if (n_fds > FDS_MAX - client->n_fds)
		fds_close(fds, &n_fds);
	memcpy(client->fds + client->n_fds, fds, n_fds * sizeof(*fds));
	client->n_fds += n_fds;
	if (n <= 0) {
		fail(client, reply, FAILURE_GONE,
		     failure_new(FIX_AGAIN, "tiod went away before it had answered: %s",
				 n < 0 ? strerror(errno) : "connection closed"));
		return 1;
	}
	client->length += (size_t)n;
	return 0;
}

/* Waits for the socket.  1: readable; 0: not within @timeout_ms; -1: told to stop. */
static int wait_readable(const struct client *client, int timeout_ms)
{
	struct pollfd fds[] = {
		{ .fd = client->fd, .events = POLLIN },
		{ .fd = client->stop_fd, .events = POLLIN },
	};
	int r;

	r = poll(fds, 2, timeout_ms);
	if (r > 0 && fds[1].revents)
		return -1;
	return r > 0;
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int client_next(struct client *client, int timeout_ms, struct reply *reply)
{
	const long long until = now_ms() + timeout_ms;
	long long left;
	int r;

	while (!take_message(client, reply)) {
		left = until - now_ms();
		if (timeout_ms >= 0 && left <= 0)
			return 0;
		r = wait_readable(client, timeout_ms < 0 ? -1 : (int)left);
		if (r < 0) {
			fail(client, reply, FAILURE_INTERRUPTED,
			     failure_new("watch it with \"tioctl status\"",
					 "interrupted; tiod goes on with it"));
			return 1;
		}
		if (r > 0 && receive(client, reply))
			return 1;
	}
	return 1;
}
