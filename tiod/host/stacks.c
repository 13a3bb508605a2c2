/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/stacks.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/sysfs.h"

/* lvm2 doubles the dashes within a name; the single one parts group and volume. */
void stacks_volume_group(const char *name, char *buf, size_t size)
{
	size_t n = 0;

	for (; *name && n + 1 < size; name++) {
		if (name[0] == '-' && name[1] != '-')
			break;
		name += name[0] == '-';
		buf[n++] = *name;
	}
	buf[*name == '-' ? n : 0] = '\0';
}

/* How the uuid of a mapped device begins says who made it. */
static enum stack_kind mapped_kind(const char *uuid)
{
	static const struct {
		const char *start;
		enum stack_kind kind;
	} makers[] = { { "LVM-", STACK_LVM },
		       { "CRYPT-", STACK_CRYPT },
		       { "mpath-", STACK_MULTIPATH } };

	for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
		if (strncmp(uuid, makers[i].start, strlen(makers[i].start)) == 0)
			return makers[i].kind;
	return STACK_DM;
}

static void name_mapped(int dir, struct child *child)
{
	char path[CHILD_PATH_MAX + 16], uuid[192];

	snprintf(path, sizeof(path), "%s/dm/name", child->path);
	if (attr_read(dir, path, child->name, sizeof(child->name)) < 0 || !child->name[0]) {
		text_copy(child->name, sizeof(child->name), child->node);
		return;
	}
	snprintf(path, sizeof(path), "%s/dm/uuid", child->path);
	child->stack = attr_read(dir, path, uuid, sizeof(uuid)) < 0 ? STACK_DM
								    : mapped_kind(uuid);
	if (child->stack == STACK_LVM)
		stacks_volume_group(child->name, child->group, sizeof(child->group));
	if (child->stack == STACK_LVM && !child->group[0])
		child->stack = STACK_DM;
}

static void name_stacked(int dir, struct child *child)
{
	static const struct {
		const char *start;
		enum stack_kind kind;
	} names[] = { { "dm-", STACK_DM },
		      { "md", STACK_MD },
		      { "bcache", STACK_BCACHE },
		      { "loop", STACK_LOOP } };

	child->stack = STACK_OTHER;
	text_copy(child->name, sizeof(child->name), child->node);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strncmp(child->node, names[i].start, strlen(names[i].start)) == 0)
			child->stack = names[i].kind;
	if (child->stack == STACK_DM)
		name_mapped(dir, child);
}

static bool is_listed(const struct children *children, const char *node)
{
	for (size_t i = 0; i < children->n; i++)
		if (children->list[i].block && strcmp(children->list[i].node, node) == 0)
			return true;
	return false;
}

/* A volume over two partitions is met twice, and counts once. */
static int add(const struct host *host, struct children *children, size_t lower,
	       const char *name)
{
	struct child child = { .block = true, .stacked = true, .lower = lower };

	if (is_listed(children, name))
		return 0;
	if (!text_copy(child.node, sizeof(child.node), name)) {
		children->cut = true;
		return 0;
	}
	snprintf(child.path, sizeof(child.path), "class/block/%.64s", name);
	children_read_number(host->sys_fd, &child);
	name_stacked(host->sys_fd, &child);
	return children_add(children, &child);
}

static int add_holders(const struct host *host, struct children *children, size_t lower)
{
	auto_closedir DIR *folder = NULL;
	char path[CHILD_PATH_MAX + 16];
	const char *name;
	int r = 0;

	snprintf(path, sizeof(path), "%s/holders", children->list[lower].path);
	folder = children_open_folder(children, host->sys_fd, path);
	while (r == 0 && folder && (name = attr_next_entry(folder)))
		r = add(host, children, lower, name);
	return r;
}

/* An array's own partitions are no holders of it. */
static int add_partitions(const struct host *host, struct children *children, size_t lower)
{
	auto_closedir DIR *folder = NULL;
	char path[320];
	const char *name;
	int r = 0;

	if (!children->list[lower].stacked)
		return 0;
	folder = children_open_folder(children, host->sys_fd, children->list[lower].path);
	while (r == 0 && folder && (name = attr_next_entry(folder))) {
		snprintf(path, sizeof(path), "%s/partition", name);
		if (attr_exists(dirfd(folder), path))
			r = add(host, children, lower, name);
	}
	return r;
}

/* A loop device that was set up on a disk, not on a file. */
static int add_loops(const struct host *host, struct children *children, size_t lower)
{
	auto_closedir DIR *folder = children_open_folder(children, host->sys_fd, "class/block");
	char path[128], backing[160];
	const char *name;
	int r = 0;

	while (r == 0 && folder && (name = attr_next_entry(folder))) {
		if (strncmp(name, "loop", 4) != 0)
			continue;
		snprintf(path, sizeof(path), "%.64s/loop/backing_file", name);
		if (attr_read(dirfd(folder), path, backing, sizeof(backing)) == 0 &&
		    strncmp(backing, "/dev/", 5) == 0 &&
		    strcmp(backing + 5, children->list[lower].node) == 0)
			r = add(host, children, lower, name);
	}
	return r;
}

int stacks_add(const struct host *host, struct children *children)
{
	int r = 0;

	/* What is added is at the end of the list, and looked at in its turn. */
	for (size_t i = 0; r == 0 && i < children->n; i++) {
		if (!children->list[i].block)
			continue;
		r = add_holders(host, children, i);
		if (r == 0)
			r = add_partitions(host, children, i);
		if (r == 0)
			r = add_loops(host, children, i);
	}
	return r;
}
