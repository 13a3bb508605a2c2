/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The platform's security managers and the links to them.
 *
 * Reading tsm/connect or tsm/bound of any function waits for every connect and disconnect
 * in progress on the host; so do these calls, except tsm_list().
 */

#include <sys/types.h>

#include "core/snapshot.h"

struct tio_error;

/*
 * AMD's development kernels: the raw bytes of an attribute of tsm/ ("dsm_status", "tdi_status",
 * "report", …).  These wait as tsm/connect does, and most of them make the security manager
 * work.  How many bytes there are, at most @size, or a negative errno; -ENOENT: this kernel
 * has no such attribute.
 */
ssize_t tsm_read_blob(int root, struct bdf bdf, const char *name, void *buf, size_t size,
		      struct tio_error *err);

/* Are there any?  Never with an upstream kernel.  @dir is the function's folder. */
bool tsm_has_blobs(int dir);

/* Of those: is there evidence? */
bool tsm_has_evidence(int dir);

/* Fills @ret and returns how many there are. */
size_t tsm_list(int root, struct tsm ret[static SNAPSHOT_TSMS_MAX]);

/* "tsm0": nothing else is a name, though the kernel would take "tsm0junk". */
bool tsm_is_name(const char *text);

/* Fills tsm, bound and link_known.  A function without tsm/ is connected to nothing. */
int tsm_read_link(int root, struct function *dsm, struct tio_error *err);

/* Connected to @tsm already, or to none already: success, and nothing is written. */
int tsm_connect(int root, struct bdf dsm, const char *tsm, struct tio_error *err);
/* A second write of the same name: AMD's development kernels make new keys then. */
int tsm_refresh_keys(int root, struct bdf dsm, const char *tsm, struct tio_error *err);
int tsm_disconnect(int root, struct bdf dsm, const char *tsm, struct tio_error *err);
