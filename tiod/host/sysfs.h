/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Attribute files below one root folder, as the kernel wants them: one read(2) or one
 * write(2) for a whole value, never split, never padded, never created.
 *
 * Paths are relative to an open folder and never leave it.  The attr_* calls are for
 * looking, where an absent attribute is an answer; the sysfs_* calls say in @err what
 * was attempted on what, and put the attribute's short name into err->attribute:
 * "tsm/connect", "driver_override", "bind", "unbind", "drivers_probe", "sriov_numvfs".
 */

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define ATTR_SIZE_MAX 4096

/* Drops one trailing newline.  -ENOENT: no such attribute; -EFBIG: it does not fit. */
int attr_read(int dir, const char *path, char *buf, size_t size);

/* A decimal or 0x number, negative ones too.  -EINVAL: it is something else. */
int attr_read_number(int dir, const char *path, int64_t *ret);

bool attr_exists(int dir, const char *path);

/* The target of a symbolic link whole, and its last part only. */
int attr_read_link(int dir, const char *path, char *buf, size_t size);
int attr_read_link_name(int dir, const char *path, char *buf, size_t size);

/* NULL with errno set.  The entries "." and ".." are left out by attr_next_entry(). */
DIR *attr_open_folder(int dir, const char *path);
const char *attr_next_entry(DIR *folder);

/* An attribute and what messages call it. */
struct attr {
	char path[224];      /* below the root; "" if its parts are not fit for a path */
	char name[64];       /* "tsm/connect" */
	char owner[80];      /* "0000:e1:00.0", "driver vfio-pci", "" */
	struct bdf function; /* of an attribute of one */
};

struct attr attr_of_function(struct bdf bdf, const char *name);
struct attr attr_of_driver(const char *driver, const char *name);
struct attr attr_of_bus(const char *name);

/* Both: -ENODEV when it is the function that is not there. */
int sysfs_read(int root, const struct attr *attr, char *buf, size_t size,
	       struct tio_error *err);
int sysfs_write(int root, const struct attr *attr, const char *value, struct tio_error *err);

/* Records that @attr is not what it was told to be, and returns @code. */
int sysfs_mismatch(const struct attr *attr, int code, const char *wanted, const char *found,
		   struct tio_error *err);

/* 0, or -ENODEV with a sentence when the function is not there. */
int sysfs_check_function(int root, struct bdf bdf, struct tio_error *err);
