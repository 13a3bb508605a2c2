/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/holders.h"
#include "host/sysfs.h"

/*
 * By the path that was opened, not by what it is: looking at the file itself could wait
 * for a dead file server.
 */
static const struct child *find_opened(const struct children *children, const char *path)
{
	if (strncmp(path, "/dev/", 5) != 0)
		return NULL;
	for (size_t i = 0; i < children->n; i++)
		if (children->list[i].node[0] && strcmp(children->list[i].node, path + 5) == 0)
			return &children->list[i];
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

static int add_process(const struct holder_search *search, int pid, const char *what)
{
	struct holder holder = { .function = search->f->bdf,
				 .kind = HOLDER_PROCESS,
				 .pid = pid };
	char path[32];

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
	char path[32], target[128];
	const char *fd;
	int r = 0;

	snprintf(path, sizeof(path), "%d/fd", pid);
	fds = attr_open_folder(search->host->proc_fd, path);
	while (r == 0 && fds && (fd = attr_next_entry(fds)))
		if (attr_read_link(dirfd(fds), fd, target, sizeof(target)) == 0 &&
		    find_opened(search->children, target))
			r = add_process(search, pid, target);
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
