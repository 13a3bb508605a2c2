/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One function, read from its folder: what stays (once, when it is new) and what may
 * change (whenever it may have).  scan.c does it for the whole host, the worker's
 * refresh and discover for one.
 */

#include "core/snapshot.h"
#include "host/host.h"

/* "7" is at 0000:e1:00, whatever the function. */
struct slot {
	char name[16];
	struct bdf device;
};

/* What reading functions needs beside the host; starts as { .host = … }. */
struct reader {
	struct host *host;
	struct slot *slots; /* owned; read with the first function that is new */
	size_t n_slots;
	bool slots_read;
	const struct snapshot *seen; /* functions read already, to find ports and PFs in */
};

void reader_finish(struct reader *reader);

/*
 * All of a function.  -ENODEV: there is none, or it went away meanwhile.
 * Does not read tsm/ attributes; the link is filled as functions_read_state() does.
 */
int functions_read(struct reader *reader, struct bdf bdf, struct function *ret,
		   struct tio_error *err);

/*
 * What may change, into @f; and -ESTALE when another card sits at that address now, which
 * wants functions_read().  The TSM link is filled as far as the stream tells without
 * waiting: a stream means connected, to the TSM known before or the only one there is.
 */
int functions_read_state(struct host *host, struct function *f, struct tio_error *err);
