/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Who uses a function, so that it is not pulled away under them: mounts, swap, dm, md and
 * ZFS, network interfaces in use, processes with a device node open, enabled VFs.
 *
 * holders.c asks each kind in turn; holders-mount.c, holders-block.c, holders-net.c and
 * holders-process.c know one world each.  Not seen: what uses an interface in another
 * network namespace (that there is one is told), and users within the kernel that neither
 * show in sysfs nor open a disk exclusively.
 */

#include <stdio.h>

#include "core/snapshot.h"
#include "host/children.h"
#include "host/host.h"

/*
 * Replaces what @snap knows of @f's holders; @traits may be NULL.  What cannot be looked at is
 * no absence: either it fails, or a HOLDER_UNSEEN stands for it.
 */
int holders_find(const struct host *host, struct snapshot *snap, const struct function *f,
		 const struct plugin_traits *traits, struct tio_error *err);

/* The kinds: each adds what it finds to @snap. */
struct holder_search {
	const struct host *host;
	const struct function *f;
	struct children *children;
	struct snapshot *snap;
	size_t before; /* holders of @snap that are not this search's */
	struct tio_error *err;
};

int holders_find_mounts(const struct holder_search *search);
int holders_find_block(const struct holder_search *search);
int holders_find_net(const struct holder_search *search);
int holders_find_processes(const struct holder_search *search);

/* Asked last: block devices that are built on it, or claimed, and that nobody explained. */
int holders_find_unexplained(const struct holder_search *search);

/*
 * Adds @holder of the function, completed by @child: what it is called, and what it is
 * built on.  @child may be NULL.  More than some hundred of them are not kept, and a
 * HOLDER_UNSEEN says so.  0 or -ENOMEM.
 */
int holders_add(const struct holder_search *search, struct holder holder, struct child *child);

/* The block child whose node is "/dev/…", or that this is a link to; NULL: none. */
struct child *holders_find_node(const struct holder_search *search, const char *path);

/* Adds that not all could be looked at: what, and what to do about it.  0 or -ENOMEM. */
int holders_add_unseen(const struct holder_search *search, const char *undo, const char *fmt,
		       ...) __attribute__((format(printf, 3, 4)));

/* Records that @path, below @root ("/proc"), could not be looked at, and returns @r. */
int holders_fail(const struct holder_search *search, int r, const char *root, const char *path);

/* The same of a file below /proc; 0 when its process has ended meanwhile. */
int holders_fail_proc(const struct holder_search *search, int r, const char *path);

/* A file below /proc; 0 with NULL when there is none, or its process has gone. */
int holders_open_proc(const struct holder_search *search, const char *path, FILE **ret);

/* After the last line of it: was that the end?  @file may be NULL. */
int holders_end_proc(const struct holder_search *search, const char *path, FILE *file);

/* A folder below /proc, in the same way. */
int holders_open_proc_folder(const struct holder_search *search, const char *path, DIR **ret);

/* The name of process @pid. */
void holders_read_command(const struct host *host, int pid, char *buf, size_t size);

/* "\040" and the like become characters, in place. */
void holders_unescape(char *text);

/*
 * One line of mountinfo, taken apart in place.  0 or -EINVAL.
 */
struct mount {
	unsigned int major, minor;
	const char *where;
	const char *type;
	const char *source;
	const char *options; /* the file system's own; "" if there are none */
};

int holders_parse_mount(char *line, struct mount *ret);
