/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The page that metrics are written on, and what a line of it looks like.  Used by the
 * metrics*.c of this folder, each of which writes some families.
 */

#include "base/bdf.h"
#include "base/text.h"
#include "handoff/metrics.h"

#define PAGE_PLACE 80

struct page {
	const struct metrics_input *in;
	struct text text; /* owned */
	int r;            /* of the first that did not fit in memory */
};

void page_put(struct page *page, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* HELP and TYPE; a counter's name ends in _total, and that of an info in _info. */
void page_head(struct page *page, const char *name, const char *type, const char *help);

/* A label's value, cut off at @size: what is no plain text would break the page. */
const char *page_quoted(const char *value, char *buf, size_t size);

/* The four labels of a function, as node_exporter writes them. */
const char *page_place(struct bdf bdf, char buf[static PAGE_PLACE]);

/* Of metrics-host.c. */
void page_put_host(struct page *page);
void page_put_daemon(struct page *page);
void page_put_vms(struct page *page);
