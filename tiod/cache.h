/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The last known state of the host: what status answers are made of and what
 * workers start from.  Workers' results are merged in as they end; nothing here blocks.
 */

#include <stdbool.h>
#include <stdint.h>

#include "core/assignments.h"
#include "core/request.h"
#include "core/snapshot.h"
#include "result.h"

/* What is kept of a function beside the snapshot. */
struct entry {
	struct bdf bdf;
	uint64_t read_at;        /* usec, monotonic */
	uint64_t stamp;          /* of the last job that changed it */
	struct tio_error *error; /* owned; of its last change, NULL if that went well */
};

/* A family that could neither be changed nor put back. */
struct stuck {
	struct bdf family;
	struct tio_error error;
};

struct cache {
	struct snapshot snap;
	struct assignments all;
	struct entry *entries; /* owned, sorted */
	size_t n_entries;
	struct stuck *stuck; /* owned */
	size_t n_stuck;
	uint64_t stamp; /* counts merged jobs */
};

struct cache_watch {
	void (*added)(void *arg, struct bdf bdf);   /* and changed() too */
	void (*changed)(void *arg, struct bdf bdf);
	void (*removed)(void *arg, struct bdf bdf);
	void (*newer)(void *arg, struct bdf bdf); /* kept; to be read again */
	void *arg;
};

void cache_finish(struct cache *cache);

/*
 * Takes a scan's findings over.  @since: cache->stamp when it started; what a job has changed
 * after that is kept.  0 or -ENOMEM.
 */
int cache_merge_scan(struct cache *cache, const struct result *result, uint64_t since,
		     uint64_t now, const struct cache_watch *watch);

/* Takes a job's findings and its families' assignments over. */
int cache_merge_job(struct cache *cache, const struct result *result,
		    const struct request *request, uint64_t now,
		    const struct cache_watch *watch);

/* Takes over what belongs to no function: TSMs, hugepages, VFIO. */
void cache_merge_host(struct cache *cache, const struct result *result);

/* @list was read again just now, whether or not it differed. */
void cache_was_read(struct cache *cache, const struct bdf *list, size_t n, uint64_t now);

/* NULL if it has none. */
const struct entry *cache_entry(const struct cache *cache, struct bdf bdf);

/* Keeps @error as the function's last one; NULL: its last change went well. */
void cache_set_error(struct cache *cache, struct bdf bdf, const struct tio_error *error);

/* NULL if the family is not stuck. */
const struct tio_error *cache_stuck(const struct cache *cache, struct bdf family);
void cache_set_stuck(struct cache *cache, struct bdf family, const struct tio_error *error);
void cache_clear_stuck(struct cache *cache, struct bdf family);

/* The family that a function belongs to, be it there or only assigned. */
struct bdf cache_family(const struct cache *cache, struct bdf bdf);
