/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The kernel's events, as they mark functions for the next scan.  Used by scans.c, and
 * by waits.c for what has been sent already.
 */

#include <stdint.h>

struct daemon;
struct tio_error;

#define SCAN_GATHER_USEC 50000 /* events come in bursts: one scan for all of them */

int scan_events_init(struct daemon *daemon, struct tio_error *err);

/* Takes those that are there, up to some hundreds, as if the loop had come round to them. */
void scan_events_take(struct daemon *daemon);

/*
 * Takes what is there.  Usec that the next scan has to wait, as a burst may not be over; 0 to
 * begin.
 */
uint64_t scan_events_wait(struct daemon *daemon);

void scan_events_finish(struct daemon *daemon);
