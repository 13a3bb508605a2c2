/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/plugins.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/plugin-process.h"

/* Plugins that end the process while they are loaded; after so many the rest is left. */
#define DEATHS_MAX 3

struct supervisor {
	const struct host *host; /* borrowed */
	struct plugins *plugins; /* borrowed: whose list it fills */
	struct plugin_files files;
	bool skip[PLUGINS_MAX];     /* files that are no use */
	uint32_t file[PLUGINS_MAX]; /* of each in plugins->list */
	unsigned deaths;
	pid_t pid; /* -1: no process */
	int socket;
};

/* --- The process --- */

static int start(struct supervisor *s, struct tio_error *err)
{
	auto_close int ours = -1, theirs = -1;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return error_set(err, -errno, "start the plugins' process: %s",
				 strerror(errno));
	ours = fds[0];
	theirs = fds[1];
	s->pid = fork();
	if (s->pid == 0)
		plugin_process_run(s->host, &s->files, s->skip, theirs);
	if (s->pid < 0)
		return error_set(err, -errno, "start the plugins' process: %s",
				 strerror(errno));
	s->socket = take_fd(&ours);
	return 0;
}

/* Ends it; returns how it ended, which may have been before. */
static int end(struct supervisor *s)
{
	int status = 0;

	if (s->pid <= 0)
		return 0;
	close(s->socket);
	kill(s->pid, SIGKILL);
	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	s->pid = -1;
	s->socket = -1;
	return status;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 0, -ETIMEDOUT, or -EPIPE when it has gone or talks nonsense. */
static int hear(const struct supervisor *s, int64_t until, struct plugin_message *ret)
{
	struct pollfd pfd = { .fd = s->socket, .events = POLLIN };
	int64_t left = until - now_ms();
	ssize_t n;
	int r;

	do
		r = poll(&pfd, 1, left > 0 ? (int)left : 0);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return -ETIMEDOUT;
	n = recv(s->socket, ret, sizeof(*ret), MSG_DONTWAIT);
	return n == (ssize_t)sizeof(*ret) ? 0 : -EPIPE;
}

/* "was ended by signal 11 (SIGSEGV)": ends it, if it has not ended, and says why. */
static const char *explain(struct supervisor *s, int r, char *buf, size_t size)
{
	int status = end(s);

	if (r == -ETIMEDOUT)
		snprintf(buf, size, "did not come back within %d s", PLUGIN_ANSWER_MS / 1000);
	else if (r == -EBADMSG)
		snprintf(buf, size, "gave an answer that makes no sense");
	else if (WIFSIGNALED(status))
		snprintf(buf, size, "was ended by signal %d (SIG%s)", WTERMSIG(status),
			 sigabbrev_np(WTERMSIG(status)) ?: "?");
	else
		snprintf(buf, size, "ended by itself with status %d", WEXITSTATUS(status));
	return buf;
}

/* --- Loading --- */

__attribute__((format(printf, 3, 4))) static void refuse(struct supervisor *s, uint32_t file,
							 const char *fmt, ...)
{
	struct plugin_refused *refused = &s->plugins->refused[s->plugins->n_refused++];
	char text[sizeof(refused->why)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	declaration_text(refused->why, sizeof(refused->why), text);
	text_copy(refused->file, sizeof(refused->file), s->files.names[file]);
	s->skip[file] = true;
}

static void take_declared(struct supervisor *s, uint32_t file, const struct plugin *plugin)
{
	struct plugins *plugins = s->plugins;

	if (declaration_check(plugin) < 0) {
		refuse(s, file, "%s says nonsense", s->files.names[file]);
		return;
	}
	for (size_t i = 0; i < plugins->n; i++) {
		if (strcmp(plugins->list[i].name, plugin->name) == 0) {
			refuse(s, file, "%s: there is a plugin %s already",
			       s->files.names[file], plugin->name);
			return;
		}
	}
	s->file[plugins->n] = file;
	plugins->list[plugins->n++] = *plugin;
}

/* Takes one file's messages.  0, 1: that was the last; or -errno as of hear(). */
static int take_message(struct supervisor *s, uint32_t *file)
{
	struct plugin_message message;
	int r = hear(s, now_ms() + PLUGIN_ANSWER_MS, &message);

	if (r < 0)
		return r;
	if (message.kind == PLUGIN_READY)
		return 1;
	if (message.file >= s->files.n || s->skip[message.file])
		return -EBADMSG;
	*file = message.file;
	if (message.kind == PLUGIN_DECLARED) {
		take_declared(s, *file, &message.plugin);
	} else if (message.kind == PLUGIN_REFUSED) {
		message.text[sizeof(message.text) - 1] = '\0';
		refuse(s, *file, "%.300s", message.text);
	} else if (message.kind != PLUGIN_LOADING) {
		return -EBADMSG;
	}
	return 0;
}

/* Loads all that is not to be skipped.  0, 1: a file was found bad, again; or -errno. */
static int load(struct supervisor *s, struct tio_error *err)
{
	char why[80];
	uint32_t file = 0;
	int r;

	s->plugins->n = 0;
	r = start(s, err);
	if (r < 0)
		return r;
	do
		r = take_message(s, &file);
	while (r == 0);
	if (r > 0)
		return 0;
	refuse(s, file, "%s, while it was loaded, %s", s->files.names[file],
	       explain(s, r, why, sizeof(why)));
	if (++s->deaths < DEATHS_MAX)
		return 1;
	s->plugins->n = 0;
	for (uint32_t i = 0; i < s->files.n; i++)
		if (!s->skip[i])
			refuse(s, i, "%s is left out, since %d others did not bear loading",
			       s->files.names[i], DEATHS_MAX);
	return 0;
}

/* --- Asking --- */

/* Answers what a plugin wants to read, until it has come to its @answer. */
static int converse(struct supervisor *s, struct plugin_message *message,
		    enum plugin_message_kind answer)
{
	struct bdf about = plugins_address(message->functions[0].address);
	int64_t until = now_ms() + PLUGIN_ANSWER_MS;
	char attribute[PLUGIN_ATTRIBUTE_MAX];
	int r;

	for (;;) {
		if (send(s->socket, message, sizeof(*message), MSG_NOSIGNAL) < 0)
			return -EPIPE;
		r = hear(s, until, message);
		if (r < 0)
			return r;
		if (message->kind == answer)
			return 0;
		if (message->kind != PLUGIN_READ)
			return -EBADMSG;
		if (now_ms() > until)
			return -ETIMEDOUT;
		message->text[sizeof(message->text) - 1] = '\0';
		text_copy(attribute, sizeof(attribute), message->text);
		message->kind = PLUGIN_BYTES;
		message->code = plugin_attribute_read(s->host->sys_fd, about, attribute,
						      message->text);
	}
}

/* @about: what the question was. */
static int fail(struct supervisor *s, size_t plugin, int r, const char *about,
		struct bdf function, struct tio_error *err)
{
	const struct plugin *asked = &s->plugins->list[plugin];
	char why[80];

	error_kind_set(err, ERROR_NOT_READY, -EIO, "plugin %s, asked about %s, %s", asked->name,
		       about, explain(s, r, why, sizeof(why)));
	error_at(err, function, "");
	error_fix(err, "update %s or remove it from %s; `tioctl plugins` shows all",
		  asked->file, s->host->plugin_dir);
	return -EIO;
}

static int ask(struct supervisor *s, size_t plugin, struct plugin_message *message,
	       enum plugin_message_kind answer, const char *about, struct tio_error *err)
{
	struct bdf function = plugins_address(message->functions[0].address);
	int r = s->pid > 0 ? 0 : -ESRCH;

	if (r < 0)
		return error_kind_set(err, ERROR_NOT_READY, r, "the plugins' process is gone");
	message->file = s->file[plugin];
	r = converse(s, message, answer);
	if (r == 0 && answer == PLUGIN_FINDING)
		r = declaration_check_finding(&message->finding);
	return r < 0 ? fail(s, plugin, r, about, function, err) : 0;
}

static int ask_companion(void *arg, size_t plugin, const struct tio_function *lead,
			 const struct tio_function *sibling, struct tio_error *err)
{
	struct plugin_message message = { .kind = PLUGIN_ASK_COMPANION };
	int r;

	message.functions[0] = *lead;
	message.functions[1] = *sibling;
	r = ask(arg, plugin, &message, PLUGIN_COMPANION, "companions", err);
	return r < 0 ? r : message.code == 1;
}

static int ask_check(void *arg, size_t plugin, size_t check, const struct tio_function *f,
		     struct tio_finding *ret, struct tio_error *err)
{
	struct plugin_message message = { .kind = PLUGIN_ASK_CHECK, .check = (uint32_t)check };
	struct supervisor *s = arg;
	char about[64];
	int r;

	message.functions[0] = *f;
	snprintf(about, sizeof(about), "\"%s\"", s->plugins->list[plugin].checks[check]);
	r = ask(s, plugin, &message, PLUGIN_FINDING, about, err);
	if (r == 0)
		*ret = message.finding;
	return r;
}

static const struct plugins_ops ops = { ask_companion, ask_check };

/* --- Both --- */

static int get_room(struct supervisor **ret_s, struct plugins *ret, struct tio_error *err)
{
	struct supervisor *s = calloc(1, sizeof(*s));

	*ret = (struct plugins){ .list = calloc(PLUGINS_MAX, sizeof(*ret->list)),
				 .refused = calloc(PLUGINS_MAX, sizeof(*ret->refused)),
				 .ops = &ops,
				 .arg = s };
	if (s) {
		s->files = PLUGIN_FILES_NONE;
		s->pid = -1;
		s->socket = -1;
		s->plugins = ret;
	}
	*ret_s = s;
	return s && ret->list && ret->refused
		       ? 0
		       : error_set(err, -ENOMEM, "start the plugins' process: out of memory");
}

int host_plugins_start(const struct host *host, struct plugins *ret, struct tio_error *err)
{
	struct supervisor *s;
	int r;

	r = get_room(&s, ret, err);
	if (r == 0) {
		s->host = host;
		r = loader_list(host->plugin_dir, &s->files, err);
	}
	if (r == 0 && s->files.n > 0) {
		do
			r = load(s, err);
		while (r > 0);
	}
	if (r < 0) {
		host_plugins_stop(ret);
		if (err)
			err->kind = ERROR_NOT_READY;
		error_wrap(err, r, "plugins cannot be used");
		error_fix(err,
			  "look at %s: root's, with plugins in it, and nobody else may write "
			  "to it or to them",
			  host->plugin_dir);
	}
	return r;
}

void host_plugins_stop(struct plugins *plugins)
{
	struct supervisor *s = plugins->arg;

	if (s) {
		end(s);
		loader_finish(&s->files);
	}
	free(s);
	free(plugins->list);
	free(plugins->refused);
	*plugins = (struct plugins){ 0 };
}
