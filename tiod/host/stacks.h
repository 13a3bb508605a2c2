/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Block devices that are built on a function's disks: device mapper, md, bcache and loop
 * devices, followed up to the end.  Used by children.c, which lists them beside the
 * function's own devices; what each is called comes from its folder in sysfs.
 */

#include "host/children.h"
#include "host/host.h"

/* Adds to @children whatever sits on those that it has.  0 or -ENOMEM. */
int stacks_add(const struct host *host, struct children *children);

/* "vg--a-data" is the volume "data" of the volume group "vg-a"; "" when it is none. */
void stacks_volume_group(const char *name, char *buf, size_t size);
