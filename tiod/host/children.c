/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/children.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "host/host.h"
#include "host/stacks.h"
#include "host/sysfs.h"

#define CHILDREN_MAX 4096

/* Folders with many entries and no devices in them. */
static const char *const barren[] = { "power",        "msi_irqs", "mq",     "queue",
				      "queues",       "stat",     "tsm",    "statistics",
				      "doe_features", "holders",  "slaves", "integrity" };

static bool is_barren(const struct children *children, const char *name)
{
	struct bdf bdf;

	for (size_t i = 0; i < ARRAY_SIZE(barren); i++)
		if (strcmp(name, barren[i]) == 0)
			return true;
	return children->bridge && bdf_parse(name, &bdf) == 0;
}

static bool is_bridge(const struct function *f)
{
	return f->kind == FUNCTION_ROOT_PORT || f->kind == FUNCTION_BRIDGE ||
	       f->class >> 16 == 0x06;
}

static bool is_folder(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

DIR *children_open_folder(struct children *children, int dir, const char *path)
{
	DIR *folder = attr_open_folder(dir, path);

	/* A device may leave meanwhile; whatever else there is to it stays unknown. */
	if (!folder && errno != ENOENT && errno != ENODEV)
		children->cut = true;
	return folder;
}

/* False when the value is longer than any that the kernel gives. */
static bool take_line(struct child *child, const char *key, const char *value)
{
	uint64_t number;

	if (strcmp(key, "DEVNAME") == 0)
		return text_copy(child->node, sizeof(child->node), value);
	if (strcmp(key, "INTERFACE") == 0)
		return text_copy(child->interface, sizeof(child->interface), value);
	if (strcmp(key, "DEVTYPE") == 0)
		child->block = strcmp(value, "disk") == 0 || strcmp(value, "partition") == 0;
	else if (strcmp(key, "MAJOR") == 0 && text_to_u64(value, 10, &number) == 0)
		child->major = (unsigned int)number;
	else if (strcmp(key, "MINOR") == 0 && text_to_u64(value, 10, &number) == 0)
		child->minor = (unsigned int)number;
	return true;
}

int children_add(struct children *children, const struct child *child)
{
	if (children->n == CHILDREN_MAX) {
		children->cut = true;
		return 0;
	}
	return array_add(&children->list, &children->n, child, sizeof(*child));
}

static int add_folder(struct children *children, int dir, const char *path)
{
	struct child child = { 0 };
	char text[ATTR_SIZE_MAX], *rest = text, *line;
	int r = attr_read(dir, "uevent", text, sizeof(text));

	if (r < 0 && r != -ENOENT && r != -ENODEV)
		children->cut = true;
	if (r < 0)
		return 0;
	text_copy(child.path, sizeof(child.path), path);
	while ((line = strsep(&rest, "\n"))) {
		char *value = strchr(line, '=');

		if (!value)
			continue;
		*value = '\0';
		if (!take_line(&child, line, value + 1))
			children->cut = true;
	}
	return child.node[0] || child.interface[0] ? children_add(children, &child) : 0;
}

void children_read_number(int sys_fd, struct child *child)
{
	char path[CHILD_PATH_MAX + 8], number[32];

	snprintf(path, sizeof(path), "%s/dev", child->path);
	if (attr_read(sys_fd, path, number, sizeof(number)) < 0 ||
	    sscanf(number, "%u:%u", &child->major, &child->minor) != 2)
		child->major = child->minor = 0;
}

/*
 * As deep as it goes: a disk may be behind any number of hubs or expanders.  Links are not
 * followed, so it ends; at the latest where a path has no room.
 */
static int walk(struct children *children, int root, const char *path)
{
	auto_closedir DIR *folder = children_open_folder(children, root, path);
	char below[CHILD_PATH_MAX];
	const char *name;
	int r = 0;

	while (r == 0 && folder && (name = attr_next_entry(folder))) {
		if (is_barren(children, name) || !is_folder(dirfd(folder), name))
			continue;
		if ((size_t)snprintf(below, sizeof(below), "%s/%s", path, name) >=
		    sizeof(below))
			children->cut = true;
		else
			r = walk(children, root, below);
	}
	return r == 0 && folder ? add_folder(children, dirfd(folder), path) : r;
}

/*
 * With native multipath the disk of an NVMe controller hangs below a virtual subsystem
 * instead, whose folder has links to its controllers.
 */
static int walk_subsystem(struct children *children, int root, const char *controller)
{
	static const char all[] = "class/nvme-subsystem";
	auto_closedir DIR *folder = children_open_folder(children, root, all);
	const char *name;
	char path[256];
	int r = 0;

	while (r == 0 && folder && (name = attr_next_entry(folder))) {
		snprintf(path, sizeof(path), "class/nvme-subsystem/%.64s/%.64s", name,
			 controller);
		if (!attr_exists(root, path))
			continue;
		snprintf(path, sizeof(path), "class/nvme-subsystem/%.64s", name);
		r = walk(children, root, path);
	}
	return r;
}

/* "nvme3", a controller's own node, and not "nvme3n1". */
static bool is_nvme_controller(const char *node)
{
	return strncmp(node, "nvme", 4) == 0 && node[4] != '\0' &&
	       node[4 + strspn(node + 4, "0123456789")] == '\0';
}

/* --- Nodes that are not in the function's folder --- */

static int add_node(struct children *children, const char *node)
{
	struct child child = { 0 };

	text_copy(child.node, sizeof(child.node), node);
	return children_add(children, &child);
}

/* The older way to VFIO devices opens their group. */
static int add_vfio_group(struct children *children, const struct function *f)
{
	char node[32];

	if (f->iommu_group < 0 || (!f->cdev[0] && strncmp(f->driver, "vfio", 4) != 0))
		return 0;
	snprintf(node, sizeof(node), "vfio/%d", f->iommu_group);
	return add_node(children, node);
}

/* NVIDIA's own driver makes nodes that sysfs does not know; /proc tells their number. */
static int add_nvidia(struct children *children, const struct host *host,
		      const struct function *f)
{
	static const char key[] = "Device Minor:";
	char address[BDF_STRLEN], path[80], text[ATTR_SIZE_MAX], node[32];
	unsigned int minor;
	const char *line;

	if (strcmp(f->driver, "nvidia") != 0)
		return 0;
	snprintf(path, sizeof(path), "driver/nvidia/gpus/%s/information",
		 bdf_format(f->bdf, address));
	if (attr_read(host->proc_fd, path, text, sizeof(text)) < 0)
		return 0;
	line = strstr(text, key);
	if (!line || sscanf(line + strlen(key), " %u", &minor) != 1)
		return 0;
	snprintf(node, sizeof(node), "nvidia%u", minor);
	return add_node(children, node);
}

/*
 * Nodes that a plugin names and sysfs ties to no function.  Where the driver itself told which
 * one is this function's, the others are not asked about.
 */
static void take_patterns(struct children *children, const struct function *f,
			  const struct plugin_traits *traits, size_t own)
{
	if (!traits || !f->driver[0] || strncmp(f->driver, "vfio", 4) == 0 || children->n > own)
		return;
	children->patterns = traits->nodes;
	children->n_patterns = traits->n_nodes;
}

static void find_hidden(struct children *children, int sys_fd, const char *function)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/net", function);
	children->hidden_interface = attr_exists(sys_fd, path);
	for (size_t i = 0; i < children->n; i++)
		if (children->list[i].interface[0])
			children->hidden_interface = false;
}

int children_list(const struct host *host, const struct function *f,
		  const struct plugin_traits *traits, struct children *ret)
{
	struct children children = { .bridge = is_bridge(f) };
	char path[64], address[BDF_STRLEN];
	size_t own;
	int r;

	snprintf(path, sizeof(path), "bus/pci/devices/%s", bdf_format(f->bdf, address));
	r = walk(&children, host->sys_fd, path);
	own = children.n;
	for (size_t i = 0; r == 0 && i < own; i++)
		if (is_nvme_controller(children.list[i].node))
			r = walk_subsystem(&children, host->sys_fd, children.list[i].node);
	find_hidden(&children, host->sys_fd, path);
	if (r == 0)
		r = add_vfio_group(&children, f);
	own = children.n;
	if (r == 0)
		r = add_nvidia(&children, host, f);
	take_patterns(&children, f, traits, own);
	if (r == 0)
		r = stacks_add(host, &children);
	if (r < 0) {
		children_finish(&children);
		return r;
	}
	*ret = children;
	return 0;
}

void children_finish(struct children *children)
{
	free(children->list);
	*children = (struct children){ 0 };
}
