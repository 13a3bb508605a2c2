/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/hugepages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/sysfs.h"

/* "hugepages-2048kB": bytes, 0 for another name. */
static uint64_t page_size(const char *name)
{
	unsigned long long kilobytes;
	int end = 0;

	if (sscanf(name, "hugepages-%llukB%n", &kilobytes, &end) != 1 || name[end] != '\0' ||
	    end == 0 || kilobytes > (UINT64_MAX >> 10))
		return 0;
	return kilobytes << 10;
}

static uint64_t read_count(int dir, const char *pool, const char *name)
{
	char path[320];
	int64_t value;

	snprintf(path, sizeof(path), "%s/%s", pool, name);
	return attr_read_number(dir, path, &value) == 0 && value > 0 ? (uint64_t)value : 0;
}

static void read_pools(int root, const char *path, int node, struct snapshot *snap)
{
	auto_closedir DIR *folder = attr_open_folder(root, path);
	const char *name;

	while (folder && snap->n_pools < SNAPSHOT_POOLS_MAX &&
	       (name = attr_next_entry(folder))) {
		struct hugepage_pool pool = { .node = node, .size = page_size(name) };

		if (!pool.size)
			continue;
		pool.total = read_count(dirfd(folder), name, "nr_hugepages");
		pool.free = read_count(dirfd(folder), name, "free_hugepages");
		pool.reserved = read_count(dirfd(folder), name, "resv_hugepages");
		snap->pools[snap->n_pools++] = pool;
	}
}

static int compare(const void *a, const void *b)
{
	const struct hugepage_pool *x = a, *y = b;

	if (x->node != y->node)
		return x->node < y->node ? -1 : 1;
	return (x->size > y->size) - (x->size < y->size);
}

void hugepages_read(int root, struct snapshot *snap)
{
	auto_closedir DIR *nodes = NULL;
	const char *name;
	uint64_t node;
	char path[64];

	snap->n_pools = 0;
	read_pools(root, "kernel/mm/hugepages", -1, snap);
	nodes = attr_open_folder(root, "devices/system/node");
	while (nodes && (name = attr_next_entry(nodes))) {
		if (strncmp(name, "node", 4) != 0 || text_to_u64(name + 4, 10, &node) < 0 ||
		    node > INT16_MAX)
			continue;
		snprintf(path, sizeof(path), "devices/system/node/node%u/hugepages",
			 (unsigned int)node);
		read_pools(root, path, (int)node, snap);
	}
	qsort(snap->pools, snap->n_pools, sizeof(snap->pools[0]), compare);
}
