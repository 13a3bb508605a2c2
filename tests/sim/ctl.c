/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "alloc.h"
#include "ctl.h"
#include "faults.h"
#include "model.h"
#include "out.h"
#include "reply.h"
#include "snapshot.h"

#define CLIENTS_MAX 64

static struct {
	int fd;
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;
	pthread_cond_t left;
	int clients[CLIENTS_MAX]; /* -1: free; guarded by @lock */
	unsigned int count;
} ctl = { .fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER, .left = PTHREAD_COND_INITIALIZER };

/* --- Commands --- */

static json_t *do_ping(const json_t *command)
{
	(void)command;
	return reply_ok();
}

static json_t *do_snapshot(const json_t *command)
{
	char *text = snapshot_take(json_is_true(json_object_get(command, "store")));
	json_t *reply = reply_ok();

	json_object_set_new(reply, "text", json_string(text));
	free(text);
	return reply;
}

/* clang-format off */
static const struct {
	const char *name;
	const char *needs; /* a key without which the verb is the model's; or NULL */
	json_t *(*run)(const json_t *command);
} verbs[] = {
	{ "ping",     NULL, do_ping        },
	{ "snapshot", NULL, do_snapshot    },
	{ "fault",    NULL, faults_add     },
	{ "faults",   NULL, faults_list    },
	{ "clear",    NULL, faults_clear   },
	{ "release",  "id", faults_release },
	{ "trace",    NULL, faults_trace   },
};
/* clang-format on */

static json_t *run_command(const json_t *command)
{
	const char *verb = json_string_value(json_object_get(command, "do"));
	json_t *reply;

	if (!verb)
		return reply_error("a command is an object with a \"do\"");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verb, verbs[i].name) != 0)
			continue;
		if (!verbs[i].needs || json_object_get(command, verbs[i].needs))
			return verbs[i].run(command);
	}
	reply = model_ctl(command);
	return reply ? reply : reply_error("there is no command \"%s\"", verb);
}

static json_t *answer_line(const char *line)
{
	json_error_t error;
	json_t *command = json_loads(line, 0, &error), *reply;

	if (!command)
		return reply_error("not JSON: %s", error.text);
	sim_lock();
	reply = run_command(command);
	sim_unlock();
	out_flush();
	json_decref(command);
	return reply;
}

/* --- Clients --- */

static bool client_enter(int fd)
{
	bool room = false;

	pthread_mutex_lock(&ctl.lock);
	for (size_t i = 0; i < CLIENTS_MAX && !room && ctl.running; i++) {
		if (ctl.clients[i] >= 0)
			continue;
		ctl.clients[i] = fd;
		ctl.count++;
		room = true;
	}
	pthread_mutex_unlock(&ctl.lock);
	return room;
}

static void client_leave(int fd)
{
	pthread_mutex_lock(&ctl.lock);
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (ctl.clients[i] == fd)
			ctl.clients[i] = -1;
	}
	close(fd);
	ctl.count--;
	pthread_cond_broadcast(&ctl.left);
	pthread_mutex_unlock(&ctl.lock);
}

static bool send_all(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, text, size, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		text += n;
		size -= n;
	}
	return true;
}

static void *serve_client(void *arg)
{
	int fd = (int)(intptr_t)arg, copy = dup(fd);
	FILE *in = copy < 0 ? NULL : fdopen(copy, "r");
	char *line = NULL, *text;
	size_t room = 0;
	bool ok = in;

	while (ok && getline(&line, &room, in) > 0) {
		json_t *reply = answer_line(line);

		text = json_dumps(reply, JSON_COMPACT);
		json_decref(reply);
		ok = text && send_all(fd, text, strlen(text)) && send_all(fd, "\n", 1);
		free(text);
	}
	free(line);
	if (in)
		fclose(in);
	client_leave(fd);
	return NULL;
}

static void *accept_clients(void *arg)
{
	pthread_t thread;
	int fd;

	(void)arg;
	while ((fd = accept4(ctl.fd, NULL, NULL, SOCK_CLOEXEC)) >= 0 || errno == EINTR) {
		if (fd < 0)
			continue;
		if (!client_enter(fd)) {
			close(fd);
			continue;
		}
		if (pthread_create(&thread, NULL, serve_client, (void *)(intptr_t)fd))
			client_leave(fd);
		else
			pthread_detach(thread);
	}
	return NULL;
}

int ctl_listen(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	stpncpy(addr.sun_path, path, sizeof(addr.sun_path) - 1);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 16) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

int ctl_start(int listening_fd)
{
	ctl.fd = listening_fd;
	memset(ctl.clients, 0xff, sizeof(ctl.clients));
	ctl.running = true;
	if (pthread_create(&ctl.thread, NULL, accept_clients, NULL)) {
		ctl.running = false;
		return -EAGAIN;
	}
	return 0;
}

void ctl_stop(void)
{
	if (!ctl.running)
		return;
	shutdown(ctl.fd, SHUT_RDWR);
	pthread_join(ctl.thread, NULL);
	close(ctl.fd);
	pthread_mutex_lock(&ctl.lock);
	ctl.running = false;
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (ctl.clients[i] >= 0)
			shutdown(ctl.clients[i], SHUT_RDWR);
	}
	while (ctl.count > 0)
		pthread_cond_wait(&ctl.left, &ctl.lock);
	pthread_mutex_unlock(&ctl.lock);
}
