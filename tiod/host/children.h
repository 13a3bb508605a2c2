/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The devices that a function's driver has made: disks and partitions, network
 * interfaces, character devices; and the block devices that are built on those disks.
 * Used by the holders-*.c to see who sits on them.
 */

#include <dirent.h>
#include <stddef.h>

#include "core/function.h"
#include "core/holder.h"
#include "core/plugins.h"

struct host;

#define CHILD_PATH_MAX 512

struct child {
	char path[CHILD_PATH_MAX]; /* folder below the root of sysfs */
	char node[64];             /* below /dev: "nvme0n1p2"; "" if it has none */
	char interface[16];        /* "eth0" */
	unsigned int major, minor;
	bool block;

	/* Of a block device that is built on another one, the one at @lower. */
	bool stacked;
	size_t lower;
	enum stack_kind stack;
	char name[128]; /* as its maker calls it: "vg0-data" */
	char group[64]; /* LVM's volume group, else "" */

	/* A holder of it, or of what is built on it, was found that no --force overrides. */
	bool used;
};

struct children {
	struct child *list; /* owned */
	size_t n;

	/*
	 * Patterns of nodes below /dev that the driver makes and sysfs does not tie to a
	 * function; borrowed.
	 */
	const char (*patterns)[TIO_NAME_MAX];
	size_t n_patterns;

	bool hidden_interface; /* its interface is in another network namespace */
	/*
	 * Functions behind a bridge are not the bridge's own devices; those behind a volume
	 * management device are.
	 */
	bool bridge;
	bool cut; /* there is more than could be looked at */
};

/* What cannot be read is left out, and ret->cut says so; @traits may be NULL.  0 or -ENOMEM. */
int children_list(const struct host *host, const struct function *f,
		  const struct plugin_traits *traits, struct children *ret);

/* For stacks.c: 0 or -ENOMEM; beyond some thousands the list is cut. */
int children_add(struct children *children, const struct child *child);

/* NULL: it is not there, or cannot be looked at, and then the list is cut. */
DIR *children_open_folder(struct children *children, int dir, const char *path);

/* Fills child->major and child->minor from the folder that it has. */
void children_read_number(int sys_fd, struct child *child);
void children_finish(struct children *children);
