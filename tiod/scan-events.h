/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The kernel's events, as they mark functions for the next scan.  Used by scans.c, and
 * by waits.c for what has been sent already.
 */

struct daemon;
struct tio_error;

int scan_events_init(struct daemon *daemon, struct tio_error *err);

/* Takes those that are there, up to some hundreds, as if the loop had come round to them. */
void scan_events_take(struct daemon *daemon);
void scan_events_finish(struct daemon *daemon);
