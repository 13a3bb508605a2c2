/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Who uses a function, so that it is not pulled away under them: mounts, swap, dm and
 * md, network interfaces in use, processes with a device node open, enabled VFs.
 *
 * holders.c asks each kind in turn; holders-block.c, holders-net.c and
 * holders-process.c know one world each.
 */

#include "core/snapshot.h"
#include "host/children.h"
#include "host/host.h"

/* Replaces what @snap knows of @f's holders.  0 or -ENOMEM. */
int holders_find(const struct host *host, struct snapshot *snap, const struct function *f,
		 struct tio_error *err);

/* The kinds: each adds what it finds to @snap.  0 or -ENOMEM. */
struct holder_search {
	const struct host *host;
	const struct function *f;
	const struct children *children;
	struct snapshot *snap;
};

int holders_find_block(const struct holder_search *search);
int holders_find_net(const struct holder_search *search);
int holders_find_processes(const struct holder_search *search);

/* Adds a holder of the function; @what and @where are cut off if need be. */
int holders_add(const struct holder_search *search, enum holder_kind kind, const char *what,
		const char *where);

/*
 * One line of mountinfo, taken apart in place: "\040" and the like become characters.
 * 0 or -EINVAL.
 */
struct mount {
	unsigned int major, minor;
	const char *where;
	const char *source;
};

int holders_parse_mount(char *line, struct mount *ret);
