/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What runs in the plugins' process.  Nothing that happens here is believed outside.
 */

#include "host/plugin-process.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "host/confine.h"
#include "host/sysfs.h"

/* Beside what tiod itself takes; a sanitizer's own maps are in that. */
#define MEMORY_MAX ((rlim_t)64 << 20)

/* A process's exit status when the worker is gone or talks nonsense. */
#define EXIT_ALONE 3

#define NOBODY 65534

struct process {
	int socket;
	const struct tio_plugin *plugins[PLUGINS_MAX]; /* by file */
};

/* --- Less and less may be done --- */

static void limit(int resource, rlim_t max)
{
	struct rlimit old, wanted;

	if (getrlimit((__rlimit_resource_t)resource, &old) < 0)
		return;
	wanted.rlim_max = max < old.rlim_max ? max : old.rlim_max;
	wanted.rlim_cur = wanted.rlim_max;
	(void)setrlimit((__rlimit_resource_t)resource, &wanted);
}

/*
 * Counted from what there is: a sanitizer's shadow alone is far larger than any sensible
 * limit.
 */
static void limit_memory(int proc_fd)
{
	unsigned long long pages[6];
	rlim_t page = (rlim_t)sysconf(_SC_PAGESIZE);
	char text[160];

	if (attr_read(proc_fd, "self/statm", text, sizeof(text)) < 0 ||
	    sscanf(text, "%llu %llu %llu %llu %llu %llu", &pages[0], &pages[1], &pages[2],
		   &pages[3], &pages[4], &pages[5]) != 6)
		return;
	limit(RLIMIT_AS, pages[0] * page + 4 * MEMORY_MAX);
	limit(RLIMIT_DATA, pages[5] * page + MEMORY_MAX);
}

/* A crash is to end the process, whatever handlers there were. */
static void default_signals(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS,  SIGILL,  SIGFPE, SIGABRT,
				       SIGALRM, SIGTERM, SIGPIPE, SIGSYS };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		(void)signal(signals[i], SIG_DFL);
}

static void before_loading(const struct host *host, int socket, int dir)
{
	int low = socket < dir ? socket : dir, high = socket < dir ? dir : socket;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	default_signals();
	limit(RLIMIT_CORE, 0);
	limit_memory(host->proc_fd);
	if (low > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, (unsigned)low - 1, 0);
	if (high > low + 1)
		close_range((unsigned)low + 1, (unsigned)high - 1, 0);
	close_range((unsigned)high + 1, ~0u, 0);
}

static bool has_rights(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2] = { { 0 } };

	return syscall(SYS_capget, &header, sets) < 0 || sets[0].effective || sets[1].effective;
}

/*
 * From here on it is nobody and can open nothing: what it may read the worker reads for it.
 * In tiod's unit it may not become nobody, but there is seccomp then, which ends all that
 * rights are for; without seccomp it may.  Better no plugins than some with rights.
 */
static void after_loading(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };

	(void)setgroups(0, NULL);
	(void)setresgid(NOBODY, NOBODY, NOBODY);
	(void)setresuid(NOBODY, NOBODY, NOBODY);
	(void)syscall(SYS_capset, &header, none);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* another user's process has none */
	limit(RLIMIT_NPROC, 0);
	limit(RLIMIT_FSIZE, 0);
	limit(RLIMIT_NOFILE, 0);
	if (confine_to_sockets() < 0 && has_rights())
		_exit(EXIT_ALONE);
}

/* --- Talking --- */

static void say(const struct process *process, const struct plugin_message *message)
{
	if (send(process->socket, message, sizeof(*message), MSG_NOSIGNAL) !=
	    (ssize_t)sizeof(*message))
		_exit(EXIT_ALONE);
}

static void hear(const struct process *process, struct plugin_message *message)
{
	ssize_t n;

	do
		n = recv(process->socket, message, sizeof(*message), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(*message))
		_exit(n == 0 ? 0 : EXIT_ALONE);
}

static int read_attribute(const struct tio_reader *reader, const char *attribute, char *buf,
			  size_t size)
{
	const struct process *process = reader->host;
	struct plugin_message message = { .kind = PLUGIN_READ };

	if (!text_copy(message.text, sizeof(message.text), attribute))
		return -EPERM;
	say(process, &message);
	hear(process, &message);
	if (message.code < 0)
		return message.code;
	if ((size_t)message.code >= size)
		return -EFBIG;
	memcpy(buf, message.text, (size_t)message.code);
	buf[message.code] = '\0';
	return message.code;
}

/* --- Loading and answering --- */

static void load(struct process *process, const struct plugin_files *files, uint32_t file)
{
	struct plugin_message message = { .kind = PLUGIN_LOADING, .file = file };
	const char *name = files->names[file];
	struct tio_error why = TIO_ERROR_NONE;
	int r;

	say(process, &message);
	r = loader_open(files->dir, name, &process->plugins[file], &why);
	if (r == 0)
		r = declaration_read(process->plugins[file], name, &message.plugin, &why);
	message.kind = r < 0 ? PLUGIN_REFUSED : PLUGIN_DECLARED;
	if (r < 0)
		text_copy(message.text, sizeof(message.text), why.text);
	say(process, &message);
}

/* Rows may be of another size than ours: see declaration.c, which has checked them. */
static const struct tio_check *check_of(const struct tio_plugin *plugin, uint32_t index)
{
	return (const void *)((const char *)plugin->checks +
			      (size_t)index * plugin->check_size);
}

static void answer(struct process *process, struct plugin_message *message)
{
	const struct tio_plugin *plugin = process->plugins[message->file];
	struct tio_reader reader = { process, read_attribute };
	struct tio_function first = message->functions[0], second = message->functions[1];

	if (message->kind == PLUGIN_ASK_COMPANION) {
		message->kind = PLUGIN_COMPANION;
		message->code = plugin->is_companion(&first, &second) ? 1 : 0;
	} else {
		message->kind = PLUGIN_FINDING;
		memset(&message->finding, 0, sizeof(message->finding));
		check_of(plugin, message->check)->run(&first, &reader, &message->finding);
	}
	say(process, message);
}

void plugin_process_run(const struct host *host, const struct plugin_files *files,
			const bool *skip, int socket)
{
	struct plugin_message message = { .kind = PLUGIN_READY };
	struct process process = { .socket = socket };

	before_loading(host, socket, files->dir);
	for (uint32_t i = 0; i < files->n; i++)
		if (!skip[i])
			load(&process, files, i);
	after_loading();
	say(&process, &message);
	for (;;) {
		hear(&process, &message);
		answer(&process, &message);
	}
}
