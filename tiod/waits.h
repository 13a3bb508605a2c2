/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Calls that name a function which the cache may be wrong about: it is not known, or news of it
 * have not been read yet.  They are kept until the host was read, and then go on with what is
 * known, whatever that is.  A card that was plugged in a moment ago can so be attached at once.
 *
 * One reading serves all who wait.  Names of nothing cannot make tiod read without end: after a
 * reading that found none of what was asked for the next is put off.
 */

#include <systemd/sd-event.h>

#include "base/error.h"
#include "host/uevents.h"
#include "server.h"

struct daemon;
struct wait;

#define WAITS_MAX          256 /* beyond these, calls go on with what is known */
#define WAITS_PER_UID      SERVER_CLIENTS_PER_UID
#define WAITS_USEC         (10 * 1000000ull) /* and after this time */
#define WAITS_IN_VAIN_USEC 100000

struct waits {
	struct wait *list; /* owned; who has waited longest is first */
	size_t n;
	sd_event_source *wake, *timer; /* owned */
	uint64_t in_vain;              /* usec: a reading ended then and was of no use */
};

/* What a name asks for before it can be resolved. */
enum waits_for {
	WAITS_FOR_NOTHING,
	WAITS_FOR_NEWS, /* what it stands for has come or gone, which was not read yet */
	WAITS_FOR_LOOK, /* it stands for nothing: the host is to be looked at for it */
};

/* By the cache and what is about to be read; *@ret_scan: the reading whose end is awaited. */
enum waits_for waits_of_name(const struct daemon *daemon, const char *name, uint64_t *ret_scan);

int waits_init(struct daemon *daemon, struct tio_error *err);
void waits_finish(struct daemon *daemon);

/*
 * True: the call was taken over and comes back to methods_resume(), once.  Reads no attribute,
 * and takes the kernel's events that are there already.
 */
bool waits_take(struct daemon *daemon, struct call *call);

/* A reading has ended, well or not. */
void waits_scan_ended(struct daemon *daemon);

/* Everybody goes on; for the stop. */
void waits_end(struct daemon *daemon);
