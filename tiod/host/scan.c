/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "host/evidence.h"
#include "host/functions.h"
#include "host/host.h"
#include "host/hugepages.h"
#include "host/sysfs.h"
#include "host/tsm.h"
#include "host/vfio.h"

#define SIGN_OF_LIFE 64 /* functions that are read between two */

struct addresses {
	struct bdf *list; /* owned */
	size_t n, space;
};

static int add_address(struct addresses *all, struct bdf bdf)
{
	struct bdf *list;
	size_t space;

	if (all->n == all->space) {
		space = all->space ? all->space * 2 : 256;
		list = reallocarray(all->list, space, sizeof(*list));
		if (!list)
			return -ENOMEM;
		all->list = list;
		all->space = space;
	}
	all->list[all->n++] = bdf;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return bdf_compare(*(const struct bdf *)a, *(const struct bdf *)b);
}

/* Sorted, so that ports and PFs come before what refers to them. */
static int list_functions(int sys_fd, struct addresses *ret, struct tio_error *err)
{
	auto_closedir DIR *folder = attr_open_folder(sys_fd, "bus/pci/devices");
	const char *name;
	struct bdf bdf;

	if (!folder)
		return error_set(err, -errno, "open bus/pci/devices: %s", strerror(errno));
	while ((name = attr_next_entry(folder)))
		if (bdf_parse(name, &bdf) == 0 && add_address(ret, bdf) < 0)
			return error_set(err, -ENOMEM, "out of memory");
	if (ret->n)
		qsort(ret->list, ret->n, sizeof(ret->list[0]), compare);
	return 0;
}

/* One pass over the host. */
struct scan {
	struct reader reader;
	const struct snapshot *known; /* may be NULL */
	const struct bdf *dirty;      /* sorted copy, owned by host_scan() */
	size_t n_dirty;
	bool links;
};

static bool is_dirty(const struct scan *scan, struct bdf bdf)
{
	return scan->n_dirty && bsearch(&bdf, scan->dirty, scan->n_dirty, sizeof(bdf), compare);
}

/* 1: @ret is read afresh, 0: as it was known. */
static int read_one(struct scan *scan, struct bdf bdf, struct function *ret,
		    struct tio_error *err)
{
	const struct function *known = scan->known ? snapshot_find(scan->known, bdf) : NULL;
	int r = -ESTALE;

	if (known) {
		*ret = *known;
		if (!is_dirty(scan, bdf))
			return 0;
		r = functions_read_state(scan->reader.host, ret, err);
	}
	if (r == -ESTALE)
		r = functions_read(&scan->reader, bdf, ret, err);
	return r < 0 ? r : 1;
}

/* A host that is slow is no host that hangs. */
static void tell_life(const struct scan *scan, size_t n_read)
{
	const struct host *host = scan->reader.host;
	struct progress progress = { .kind = PROGRESS_DONE, .index = (unsigned)n_read };

	if (host->progress && n_read % SIGN_OF_LIFE == 0)
		host->progress(host->arg, &progress);
}

static int scan_functions(struct scan *scan, const struct addresses *all, struct snapshot *ret,
			  struct tio_error *err)
{
	struct function f;
	size_t n_read = 0;
	int r;

	for (size_t i = 0; i < all->n; i++) {
		r = read_one(scan, all->list[i], &f, err);
		if (r > 0)
			tell_life(scan, ++n_read);
		if (r > 0 && scan->links && f.tsm_group)
			r = tsm_read_link(scan->reader.host->sys_fd, &f, err);
		if (r == -ENODEV) /* unplugged since it was listed */
			continue;
		if (r < 0)
			return r;
		if (snapshot_put(ret, &f) < 0)
			return error_set(err, -ENOMEM, "out of memory");
	}
	return 0;
}

static int copy_sorted(const struct bdf *from, size_t n, struct bdf **ret)
{
	struct bdf *list;

	if (n == 0)
		return 0;
	list = calloc(n, sizeof(*list));
	if (!list)
		return -ENOMEM;
	memcpy(list, from, n * sizeof(*list));
	qsort(list, n, sizeof(*list), compare);
	*ret = list;
	return 0;
}

int host_scan(struct host *host, const struct snapshot *known, const struct bdf *dirty,
	      size_t n_dirty, bool links, struct snapshot *ret, struct tio_error *err)
{
	struct snapshot snap = { 0 };
	struct scan scan = { .reader = { .host = host, .seen = &snap },
			     .known = known,
			     .n_dirty = known ? n_dirty : 0,
			     .links = links };
	struct addresses all = { 0 };
	auto_free struct bdf *sorted = NULL;
	int r;

	if (copy_sorted(dirty, n_dirty, &sorted) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	scan.dirty = sorted;

	r = list_functions(host->sys_fd, &all, err);
	if (r == 0)
		r = scan_functions(&scan, &all, &snap, err);
	free(all.list);
	reader_finish(&scan.reader);
	if (r < 0) {
		snapshot_finish(&snap);
		return r;
	}
	snap.n_tsms = tsm_list(host->sys_fd, snap.tsms);
	hugepages_read(host->sys_fd, &snap);
	vfio_read_host(host, &snap);
	snap.evidence = evidence_is_offered();
	*ret = snap;
	return 0;
}
