/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Links of the TSM that a scan had to leave out: they are read when the turn that was in the
 * way has ended, or by and by when it was none of tiod's own.  Used by scans.c.
 */

struct daemon;
struct tio_error;

int scan_links_init(struct daemon *daemon, struct tio_error *err);
void scan_links_finish(struct daemon *daemon);

/* A scan has ended: something may have been left out. */
void scan_links_later(struct daemon *daemon);
