/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The devices that a function's driver has made: disks and partitions, network
 * interfaces, character devices.  Used by the holders-*.c to see who sits on them.
 */

#include <stddef.h>

#include "core/function.h"

struct host;

struct child {
	char path[256];     /* folder below the root of sysfs */
	char node[64];      /* below /dev: "nvme0n1p2"; "" if it has none */
	char interface[16]; /* "eth0" */
	unsigned int major, minor;
	bool block;
};

struct children {
	struct child *list; /* owned */
	size_t n;
};

/* What cannot be read is left out; 0 or -ENOMEM. */
int children_list(const struct host *host, const struct function *f, struct children *ret);
void children_finish(struct children *children);
