/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/log.h"

void cache_finish(struct cache *cache)
{
	for (size_t i = 0; i < cache->n_entries; i++)
		free(cache->entries[i].error);
	free(cache->entries);
	free(cache->stuck);
	snapshot_finish(&cache->snap);
	assignments_finish(&cache->all);
	*cache = (struct cache){ 0 };
}

/* --- Entries --- */

/* Where @bdf is, or has to go. */
static size_t place_of(const struct cache *cache, struct bdf bdf)
{
	return bdf_place(cache->entries ? &cache->entries->bdf : NULL, cache->n_entries,
			 sizeof(*cache->entries), bdf);
}

static struct entry *find_entry(const struct cache *cache, struct bdf bdf)
{
	size_t i = place_of(cache, bdf);

	if (i < cache->n_entries && bdf_equal(cache->entries[i].bdf, bdf))
		return &cache->entries[i];
	return NULL;
}

const struct entry *cache_entry(const struct cache *cache, struct bdf bdf)
{
	return find_entry(cache, bdf);
}

/* NULL when memory is short. */
static struct entry *get_entry(struct cache *cache, struct bdf bdf)
{
	size_t i = place_of(cache, bdf);
	struct entry *entries;

	if (i < cache->n_entries && bdf_equal(cache->entries[i].bdf, bdf))
		return &cache->entries[i];
	entries = reallocarray(cache->entries, cache->n_entries + 1, sizeof(*entries));
	if (!entries)
		return NULL;
	cache->entries = entries;
	memmove(&entries[i + 1], &entries[i], (cache->n_entries - i) * sizeof(*entries));
	cache->n_entries++;
	entries[i] = (struct entry){ .bdf = bdf };
	return &entries[i];
}

static void drop_entry(struct cache *cache, struct bdf bdf)
{
	size_t i = place_of(cache, bdf);

	if (i == cache->n_entries || !bdf_equal(cache->entries[i].bdf, bdf))
		return;
	free(cache->entries[i].error);
	cache->n_entries--;
	memmove(&cache->entries[i], &cache->entries[i + 1],
		(cache->n_entries - i) * sizeof(*cache->entries));
}

void cache_was_read(struct cache *cache, const struct bdf *list, size_t n, uint64_t now)
{
	for (size_t i = 0; i < n; i++) {
		struct entry *entry = find_entry(cache, list[i]);

		if (entry)
			entry->read_at = now;
	}
}

void cache_set_error(struct cache *cache, struct bdf bdf, const struct tio_error *error)
{
	struct entry *entry = error ? get_entry(cache, bdf) : find_entry(cache, bdf);

	if (!entry)
		return;
	free(entry->error);
	entry->error = NULL;
	if (!error)
		return;
	entry->error = malloc(sizeof(*entry->error));
	if (entry->error)
		*entry->error = *error;
}

/* --- Merging --- */

static int put(struct cache *cache, const struct function *f, uint64_t stamp, uint64_t now,
	       const struct cache_watch *watch)
{
	const struct function *old = snapshot_find(&cache->snap, f->bdf);
	bool added = !old, changed = !old || memcmp(old, f, sizeof(*f)) != 0;
	struct entry *entry = get_entry(cache, f->bdf);
	int r;

	if (!entry)
		return -ENOMEM;
	r = changed ? snapshot_put(&cache->snap, f) : 0;
	if (r < 0)
		return r;
	entry->read_at = now;
	if (stamp)
		entry->stamp = stamp;
	if (added)
		watch->added(watch->arg, f->bdf);
	if (changed)
		watch->changed(watch->arg, f->bdf);
	return 0;
}

static void take_away(struct cache *cache, struct bdf bdf, const struct cache_watch *watch)
{
	if (!snapshot_find(&cache->snap, bdf))
		return;
	snapshot_remove(&cache->snap, bdf);
	drop_entry(cache, bdf);
	watch->removed(watch->arg, bdf);
}

void cache_merge_host(struct cache *cache, const struct result *result)
{
	const struct snapshot *host = &result->host;
	struct snapshot *snap = &cache->snap;

	if (!result->has_host)
		return;
	memcpy(snap->tsms, host->tsms, sizeof(snap->tsms));
	snap->n_tsms = host->n_tsms;
	memcpy(snap->pools, host->pools, sizeof(snap->pools));
	snap->n_pools = host->n_pools;
	snap->iommu = host->iommu;
	snap->iommufd = host->iommufd;
	snap->iommu_node = host->iommu_node;
	snap->vfio_pci = host->vfio_pci;
	snap->evidence = host->evidence;
}

/* Did a job change @bdf after the scan had started? */
static bool is_newer(const struct cache *cache, struct bdf bdf, uint64_t since)
{
	const struct entry *entry = find_entry(cache, bdf);

	return entry && entry->stamp > since;
}

int cache_merge_scan(struct cache *cache, const struct result *result, uint64_t since,
		     uint64_t now, const struct cache_watch *watch)
{
	int r = 0;

	cache_merge_host(cache, result);
	for (size_t i = 0; i < result->n_removed; i++) {
		if (is_newer(cache, result->removed[i], since))
			watch->newer(watch->arg, result->removed[i]);
		else
			take_away(cache, result->removed[i], watch);
	}
	for (size_t i = 0; r == 0 && i < result->n_functions; i++) {
		if (is_newer(cache, result->functions[i].bdf, since))
			watch->newer(watch->arg, result->functions[i].bdf);
		else
			r = put(cache, &result->functions[i], 0, now, watch);
	}
	for (size_t i = 0; r == 0 && i < result->n_assignments; i++)
		r = assignments_put(&cache->all, &result->assignments[i]);
	return r;
}

static bool is_of(const struct request *request, struct bdf family)
{
	for (size_t i = 0; i < request->n_families; i++)
		if (bdf_equal(request->families[i], family))
			return true;
	return false;
}

/*
 * Other families' jobs may have ended since this worker read the file, so only what belongs
 * to its own is taken.
 */
static int take_assignments(struct cache *cache, const struct result *result,
			    const struct request *request, const struct cache_watch *watch)
{
	int r = 0;

	for (size_t i = cache->all.n; i-- > 0;) {
		struct assignment one = cache->all.list[i];

		if (!is_of(request, one.family))
			continue;
		assignments_remove(&cache->all, one.function);
		watch->changed(watch->arg, one.function);
	}
	for (size_t i = 0; r == 0 && i < result->n_assignments; i++) {
		if (!is_of(request, result->assignments[i].family))
			continue;
		r = assignments_put(&cache->all, &result->assignments[i]);
		watch->changed(watch->arg, result->assignments[i].function);
	}
	return r;
}

static bool is_told(const struct result *result, struct bdf bdf)
{
	for (size_t i = 0; i < result->n_functions; i++)
		if (bdf_equal(result->functions[i].bdf, bdf))
			return true;
	return false;
}

/* What a scan saw meanwhile, and the worker does not know: gone again, or new. */
static void doubt_untold(struct cache *cache, const struct result *result,
			 const struct request *request, const struct cache_watch *watch)
{
	for (size_t i = 0; i < cache->snap.n_functions; i++) {
		const struct function *f = &cache->snap.functions[i];

		if (is_of(request, function_family(f)) && !is_told(result, f->bdf))
			watch->newer(watch->arg, f->bdf);
	}
}

int cache_merge_job(struct cache *cache, const struct result *result,
		    const struct request *request, uint64_t now,
		    const struct cache_watch *watch)
{
	int r = 0;

	cache->stamp++;
	cache_merge_host(cache, result);
	for (size_t i = 0; i < result->n_removed; i++)
		take_away(cache, result->removed[i], watch);
	for (size_t i = 0; r == 0 && i < result->n_functions; i++)
		r = put(cache, &result->functions[i], cache->stamp, now, watch);
	if (result->whole)
		doubt_untold(cache, result, request, watch);
	for (size_t i = 0; i < cache->snap.n_functions; i++)
		if (is_of(request, function_family(&cache->snap.functions[i])))
			cache_was_read(cache, &cache->snap.functions[i].bdf, 1, now);
	if (r == 0 && result->has_assignments)
		r = take_assignments(cache, result, request, watch);
	return r;
}

/* --- Stuck families --- */

const struct tio_error *cache_stuck(const struct cache *cache, struct bdf family)
{
	for (size_t i = 0; i < cache->n_stuck; i++)
		if (bdf_equal(cache->stuck[i].family, family))
			return &cache->stuck[i].error;
	return NULL;
}

void cache_set_stuck(struct cache *cache, struct bdf family, const struct tio_error *error)
{
	const struct stuck stuck = { .family = family, .error = *error };

	cache_clear_stuck(cache, family);
	if (array_add(&cache->stuck, &cache->n_stuck, &stuck, sizeof(stuck)) < 0)
		log_error("memory is short: cannot remember that a family is stuck");
}

void cache_clear_stuck(struct cache *cache, struct bdf family)
{
	for (size_t i = 0; i < cache->n_stuck; i++) {
		if (!bdf_equal(cache->stuck[i].family, family))
			continue;
		cache->stuck[i] = cache->stuck[--cache->n_stuck];
		return;
	}
}

struct bdf cache_family(const struct cache *cache, struct bdf bdf)
{
	const struct assignment *one = assignments_find(&cache->all, bdf);
	const struct function *f = snapshot_find(&cache->snap, bdf);

	if (one)
		return one->family;
	return f ? function_family(f) : bdf;
}
