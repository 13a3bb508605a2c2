/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/holders.h"
#include "host/sysfs.h"

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/*
 * The path that was opened says enough in most cases.  A container's nodes, or a /dev
 * behind links, look different: there the file itself is compared, but only if the name
 * fits, since looking at any file could wait for a dead file server.
 */
static bool is_node(const struct holder_search *search, const struct child *child, int fds,
		    const char *fd, const char *path)
{
	struct stat opened, own;

	if (!child->node[0] || strcmp(last_part(child->node), last_part(path)) != 0)
		return false;
	if (strncmp(path, "/dev/", 5) == 0 && strcmp(child->node, path + 5) == 0)
		return true;
	if (fstatat(fds, fd, &opened, AT_NO_AUTOMOUNT) < 0)
		return false;
	if (S_ISCHR(opened.st_mode) || S_ISBLK(opened.st_mode))
		return child->major && S_ISBLK(opened.st_mode) == child->block &&
		       opened.st_rdev == makedev(child->major, child->minor);
	return fstatat(search->host->dev_fd, child->node, &own, AT_NO_AUTOMOUNT) == 0 &&
	       own.st_dev == opened.st_dev && own.st_ino == opened.st_ino;
}

/*
 * A node that the plugin says its driver makes.  One that sysfs ties to a device is this
 * function's own or another one's, and that was asked before.
 */
static bool is_pattern(const struct holder_search *search, int fds, const char *fd,
		       const char *path)
{
	const struct children *children = search->children;
	struct stat opened;
	char known[64];

	if (strncmp(path, "/dev/", 5) != 0)
		return false;
	for (size_t i = 0; i < children->n_patterns; i++) {
		if (fnmatch(children->patterns[i], path + 5, FNM_PATHNAME) != 0)
			continue;
		if (fstatat(fds, fd, &opened, AT_NO_AUTOMOUNT) < 0)
			return false;
		snprintf(known, sizeof(known), "dev/%s/%u:%u/device",
			 S_ISBLK(opened.st_mode) ? "block" : "char", major(opened.st_rdev),
			 minor(opened.st_rdev));
		return !attr_exists(search->host->sys_fd, known);
	}
	return false;
}

/* --- A virtual machine --- */

static bool is_guest(int proc_fd, int pid)
{
	auto_closedir DIR *fds = NULL;
	char path[32], target[64];
	const char *fd;

	snprintf(path, sizeof(path), "%d/fd", pid);
	fds = attr_open_folder(proc_fd, path);
	while (fds && (fd = attr_next_entry(fds)))
		if (attr_read_link(dirfd(fds), fd, target, sizeof(target)) == 0 &&
		    strcmp(target, "anon_inode:kvm-vm") == 0)
			return true;
	return false;
}

/* "guest=web1,debug-threads=on" or "web1,process=…" */
static void take_name(const char *value, char *buf, size_t size)
{
	const char *guest = strstr(value, "guest=");

	snprintf(buf, size, "%s", guest ? guest + strlen("guest=") : value);
	buf[strcspn(buf, ",")] = '\0';
}

/* What follows -name, or -uuid, on QEMU's command line; the command where there is none. */
static int name_guest(const struct holder_search *search, struct holder *holder)
{
	auto_fclose FILE *file = NULL;
	auto_free char *word = NULL;
	bool name = false, uuid = false;
	size_t space = 0;
	char path[32];
	int r;

	text_copy(holder->where, sizeof(holder->where), holder->command);
	snprintf(path, sizeof(path), "%d/cmdline", holder->pid);
	r = holders_open_proc(search, path, &file);
	while (file && getdelim(&word, &space, '\0', file) > 0) {
		if (name || uuid)
			take_name(word, holder->where, sizeof(holder->where));
		if (name)
			return 0;
		name = strcmp(word, "-name") == 0 || strcmp(word, "--name") == 0;
		uuid = strcmp(word, "-uuid") == 0;
	}
	return r;
}

/* --- All processes --- */

static bool is_recorded(const struct holder_search *search, const struct holder *holder)
{
	for (size_t i = search->snap->n_holders; i > search->before; i--) {
		const struct holder *other = &search->snap->holders[i - 1];

		if (other->kind == holder->kind && other->pid == holder->pid &&
		    strcmp(other->what, holder->what) == 0 &&
		    strcmp(other->stack, holder->stack) == 0)
			return true;
	}
	return false;
}

static int add_process(const struct holder_search *search, int pid, struct child *child)
{
	struct holder holder = { .kind = HOLDER_PROCESS, .pid = pid };
	size_t before = search->snap->n_holders;
	int r = 0;

	holders_read_command(search->host, pid, holder.command, sizeof(holder.command));
	if (is_guest(search->host->proc_fd, pid)) {
		holder.kind = HOLDER_GUEST;
		r = name_guest(search, &holder);
	}
	if (r == 0)
		r = holders_add(search, holder, child);
	/* Completed by the child, it may be there already. */
	if (r == 0 && search->snap->n_holders > before) {
		holder = search->snap->holders[--search->snap->n_holders];
		if (!is_recorded(search, &holder))
			search->snap->n_holders++;
	}
	return r;
}

/* No other function could be meant. */
static bool is_only_one(const struct holder_search *search)
{
	size_t n = 0;

	for (size_t i = 0; i < search->snap->n_functions; i++)
		n += strcmp(search->snap->functions[i].driver, search->f->driver) == 0;
	return n == 1;
}

static int add_maybe(const struct holder_search *search, int pid, const char *path)
{
	struct holder holder = { .kind = is_only_one(search) ? HOLDER_PROCESS : HOLDER_MAYBE,
				 .pid = pid };

	text_copy(holder.what, sizeof(holder.what), path);
	if (is_recorded(search, &holder))
		return 0;
	holders_read_command(search->host, pid, holder.command, sizeof(holder.command));
	return holders_add(search, holder, NULL);
}

/*
 * A descriptor with O_PATH only stands for the file: udev, systemd and tiod's own scans look at
 * nodes that way.  One that cannot be asked about holds it, unless it was closed meanwhile.
 */
static bool is_held(int proc_fd, const char *task, int fds, const char *fd)
{
	char path[96], info[1024];
	const char *flags;
	unsigned int value;

	snprintf(path, sizeof(path), "%s/fdinfo/%.32s", task, fd);
	if (attr_read(proc_fd, path, info, sizeof(info)) < 0)
		return attr_exists(fds, fd);
	flags = strstr(info, "flags:");
	return !flags || sscanf(flags, "flags: %o", &value) != 1 || !(value & O_PATH);
}

static int look_at_file(const struct holder_search *search, int pid, const char *task, int fds,
			const char *fd)
{
	char path[PATH_MAX]; /* a container's node may be far below the root */
	struct child *child = NULL;

	if (attr_read_link(fds, fd, path, sizeof(path)) < 0 || path[0] != '/')
		return 0;
	for (size_t i = 0; !child && i < search->children->n; i++)
		if (is_node(search, &search->children->list[i], fds, fd, path))
			child = &search->children->list[i];
	if ((!child && !is_pattern(search, fds, fd, path)) ||
	    !is_held(search->host->proc_fd, task, fds, fd))
		return 0;
	return child ? add_process(search, pid, child) : add_maybe(search, pid, path);
}

/* @task: "97", or "97/task/99".  Says in @any whether it has any file open. */
static int look_at_task(const struct holder_search *search, int pid, const char *task,
			bool *any)
{
	auto_closedir DIR *fds = NULL;
	char path[56];
	const char *fd;
	int r;

	snprintf(path, sizeof(path), "%s/fd", task);
	r = holders_open_proc_folder(search, path, &fds);
	while (r == 0 && fds && (fd = attr_next_entry(fds))) {
		*any = true;
		r = look_at_file(search, pid, task, dirfd(fds), fd);
	}
	return r;
}

/*
 * A first thread that has ended has no files any more, and shows none, while the others have
 * them still; they share them.
 */
static int look_at_threads(const struct holder_search *search, int pid)
{
	auto_closedir DIR *threads = NULL;
	char path[48];
	const char *thread;
	bool any = false;
	int r;

	snprintf(path, sizeof(path), "%d/task", pid);
	r = holders_open_proc_folder(search, path, &threads);
	while (r == 0 && !any && threads && (thread = attr_next_entry(threads))) {
		snprintf(path, sizeof(path), "%d/task/%.16s", pid, thread);
		r = look_at_task(search, pid, path, &any);
	}
	return r;
}

static int look_at(const struct holder_search *search, int pid)
{
	bool any = false;
	char task[16];
	int r;

	snprintf(task, sizeof(task), "%d", pid);
	r = look_at_task(search, pid, task, &any);
	return r < 0 || any ? r : look_at_threads(search, pid);
}

int holders_find_processes(const struct holder_search *search)
{
	auto_closedir DIR *processes = NULL;
	const char *name;
	uint64_t pid;
	int r;

	if (search->children->n == 0 && search->children->n_patterns == 0)
		return 0;
	r = holders_open_proc_folder(search, ".", &processes);
	while (r == 0 && processes && (name = attr_next_entry(processes)))
		if (text_to_u64(name, 10, &pid) == 0 && pid != (uint64_t)getpid())
			r = look_at(search, (int)pid);
	return r;
}
