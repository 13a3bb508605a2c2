/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
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

static const struct child *find_opened(const struct holder_search *search, int fds,
				       const char *fd)
{
	char path[256];

	if (attr_read_link(fds, fd, path, sizeof(path)) < 0 || path[0] != '/')
		return NULL;
	for (size_t i = 0; i < search->children->n; i++)
		if (is_node(search, &search->children->list[i], fds, fd, path))
			return &search->children->list[i];
	return NULL;
}

static bool is_recorded(const struct holder_search *search, int pid, const char *what)
{
	for (size_t i = search->snap->n_holders; i > 0; i--) {
		const struct holder *holder = &search->snap->holders[i - 1];

		if (holder->kind == HOLDER_PROCESS && holder->pid == pid &&
		    bdf_equal(holder->function, search->f->bdf) &&
		    strcmp(holder->what, what) == 0)
			return true;
	}
	return false;
}

static int add_process(const struct holder_search *search, int pid, const struct child *child)
{
	char what[80];
	struct holder holder = { .function = search->f->bdf,
				 .kind = HOLDER_PROCESS,
				 .pid = pid };
	char path[32];

	snprintf(what, sizeof(what), "/dev/%s", child->node);
	if (is_recorded(search, pid, what))
		return 0;
	snprintf(path, sizeof(path), "%d/comm", pid);
	attr_read(search->host->proc_fd, path, holder.command, sizeof(holder.command));
	text_copy(holder.what, sizeof(holder.what), what);
	return snapshot_add_holder(search->snap, &holder);
}

static int look_at(const struct holder_search *search, int pid)
{
	auto_closedir DIR *fds = NULL;
	const struct child *child;
	char path[32];
	const char *fd;
	int r = 0;

	snprintf(path, sizeof(path), "%d/fd", pid);
	fds = attr_open_folder(search->host->proc_fd, path);
	while (r == 0 && fds && (fd = attr_next_entry(fds))) {
		child = find_opened(search, dirfd(fds), fd);
		if (child)
			r = add_process(search, pid, child);
	}
	return r;
}

int holders_find_processes(const struct holder_search *search)
{
	auto_closedir DIR *processes = NULL;
	const char *name;
	uint64_t pid;
	int r = 0;

	if (search->children->n == 0)
		return 0;
	processes = attr_open_folder(search->host->proc_fd, ".");
	while (r == 0 && processes && (name = attr_next_entry(processes)))
		if (text_to_u64(name, 10, &pid) == 0 && pid != (uint64_t)getpid())
			r = look_at(search, (int)pid);
	return r;
}
