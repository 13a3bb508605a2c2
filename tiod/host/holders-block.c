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
	auto_fclose FILE *file = NULL;
	auto_free char *line = NULL;
	struct holder holder = { .kind = HOLDER_SWAP };
	struct child *child;
	size_t space = 0;
	int r = holders_open_proc(search, "swaps", &file);

	while (r == 0 && file && getline(&line, &space, file) >= 0) {
		line[strcspn(line, " \t\n")] = '\0';
		holders_unescape(line);
		child = holders_find_node(search, line);
		text_copy(holder.where, sizeof(holder.where), line);
		if (child)
			r = holders_add(search, holder, child);
	}
	return r < 0 ? r : holders_end_proc(search, "swaps", file);
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
 * mkfs asks in the same way.  1: it is claimed; 0: it is not; or why that is not known.
 */
static int ask_claim(const struct holder_search *search, const struct child *child)
{
	auto_close int fd = -1;
	struct stat st;

	if (fstatat(search->host->dev_fd, child->node, &st, AT_NO_AUTOMOUNT) < 0)
		return -errno;
	if (!S_ISBLK(st.st_mode) || st.st_rdev != makedev(child->major, child->minor))
		return -ENOTBLK;
	fd = openat(search->host->dev_fd, child->node,
		    O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0)
		return 0;
	/* The claim comes first; then the driver may find no medium, or the disk gone. */
	if (errno == ENOMEDIUM || errno == ENXIO || errno == ENODEV)
		return 0;
	return errno == EBUSY ? 1 : -errno;
}

static int add_claim(const struct holder_search *search, struct child *child)
{
	struct holder holder = { .kind = HOLDER_CLAIMED };
	int r = ask_claim(search, child);

	if (r >= 0)
		return r ? holders_add(search, holder, child) : 0;
	if (r == -ENOMEM)
		return r;
	return holders_add_unseen(search,
				  "run tiod where it sees the host's /dev and may open disks, "
				  "as its unit does",
				  "whether /dev/%s is claimed within the kernel: %s",
				  child->node, strerror(-r));
}

static bool is_explained(const struct children *children, size_t i)
{
	const struct child *child = &children->list[i];

	return !child->block || child->used || has_upper(children, i) ||
	       has_used_part(children, child);
}

/* What is built on a disk claims it: so that comes first. */
int holders_find_unexplained(const struct holder_search *search)
{
	struct children *children = search->children;
	struct holder holder = { .kind = HOLDER_BLOCK };
	int r = 0;

	for (size_t i = 0; r == 0 && i < children->n; i++)
		if (children->list[i].stacked && !is_explained(children, i))
			r = holders_add(search, holder, &children->list[i]);
	/* Without a number nobody can open it, and nothing claim it. */
	for (size_t i = 0; r == 0 && i < children->n; i++)
		if (!children->list[i].stacked && children->list[i].major &&
		    !is_explained(children, i))
			r = add_claim(search, &children->list[i]);
	return r;
}
