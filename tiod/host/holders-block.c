/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
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
#include "host/uevents.h"

static int find_swaps(const struct holder_search *search)
{
	auto_fclose FILE *file = holders_open_proc(search->host, "swaps");
	auto_free char *line = NULL;
	struct holder holder = { .kind = HOLDER_SWAP };
	struct child *child;
	size_t space = 0;
	int r = 0;

	while (r == 0 && file && getline(&line, &space, file) >= 0) {
		line[strcspn(line, " \t\n")] = '\0';
		holders_unescape(line);
		child = holders_find_node(search, line);
		text_copy(holder.where, sizeof(holder.where), line);
		if (child)
			r = holders_add(search, holder, child);
	}
	return r;
}

/*
 * ZFS links nothing in sysfs.  A member's label names its pool, and a pool that is in use has
 * a folder in /proc/spl/kstat/zfs.
 */
static int find_pools(const struct holder_search *search)
{
	char path[192], type[32];
	int r = 0;

	if (!attr_exists(search->host->proc_fd, "spl/kstat/zfs"))
		return 0;
	for (size_t i = 0; r == 0 && i < search->children->n; i++) {
		struct child *child = &search->children->list[i];
		struct holder holder = { .kind = HOLDER_POOL };
		dev_t number = makedev(child->major, child->minor);

		if (!child->block || child->used ||
		    uevents_property(number, "ID_FS_TYPE", type, sizeof(type)) < 0 ||
		    strcmp(type, "zfs_member") != 0 ||
		    uevents_property(number, "ID_FS_LABEL", holder.where,
				     sizeof(holder.where)) < 0)
			continue;
		snprintf(path, sizeof(path), "spl/kstat/zfs/%.128s", holder.where);
		if (attr_exists(search->host->proc_fd, path))
			r = holders_add(search, holder, child);
	}
	return r;
}

int holders_find_block(const struct holder_search *search)
{
	bool any = false;
	int r = 0;

	for (size_t i = 0; i < search->children->n; i++)
		any = any || search->children->list[i].block;
	if (any)
		r = find_swaps(search);
	if (r == 0 && any)
		r = find_pools(search);
	return r;
}

/* --- What nobody explained --- */

static bool has_upper(const struct children *children, size_t lower)
{
	for (size_t i = 0; i < children->n; i++)
		if (children->list[i].stacked && children->list[i].lower == lower)
			return true;
	return false;
}

/* A disk is claimed with each of its partitions. */
static bool has_used_part(const struct children *children, const struct child *disk)
{
	size_t length = strlen(disk->path);

	for (size_t i = 0; i < children->n; i++) {
		const struct child *child = &children->list[i];

		if (child->used && strncmp(child->path, disk->path, length) == 0 &&
		    child->path[length] == '/')
			return true;
	}
	return false;
}

/*
 * The kernel opens exclusively what it builds on or mounts, and refuses others who want that:
 * mkfs asks in the same way.
 */
static bool is_claimed(const struct holder_search *search, const struct child *child)
{
	struct stat st;
	int fd;

	if (fstatat(search->host->dev_fd, child->node, &st, AT_NO_AUTOMOUNT) < 0 ||
	    !S_ISBLK(st.st_mode) || st.st_rdev != makedev(child->major, child->minor))
		return false;
	fd = openat(search->host->dev_fd, child->node,
		    O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == EBUSY;
	close(fd);
	return false;
}

static int add_unexplained(const struct holder_search *search, bool stacked)
{
	struct children *children = search->children;
	struct holder holder = { .kind = stacked ? HOLDER_BLOCK : HOLDER_CLAIMED };
	int r = 0;

	for (size_t i = 0; r == 0 && i < children->n; i++) {
		struct child *child = &children->list[i];

		if (!child->block || child->stacked != stacked || child->used ||
		    has_upper(children, i) || has_used_part(children, child))
			continue;
		if (stacked || is_claimed(search, child))
			r = holders_add(search, holder, child);
	}
	return r;
}

/* What is built on a disk claims it: so that comes first. */
int holders_find_unexplained(const struct holder_search *search)
{
	int r = add_unexplained(search, true);

	return r == 0 ? add_unexplained(search, false) : r;
}
