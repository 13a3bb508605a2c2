/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The kernel's events, as they mark functions for the next scan.  Used by scans.c only.
 */

struct daemon;
struct tio_error;

int scan_events_init(struct daemon *daemon, struct tio_error *err);
void scan_events_finish(struct daemon *daemon);
