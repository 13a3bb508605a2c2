/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/hugepages.h"

#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "base/text.h"

/* "node 0 has 1024 of 2048 free, node 1 has 0 of 0" */
static void list_nodes(const struct snapshot *snap, uint64_t size, char *buf, size_t buf_size)
{
	const char *comma = "";

	buf[0] = '\0';
	for (size_t i = 0; i < snap->n_pools; i++) {
		const struct hugepage_pool *pool = &snap->pools[i];

		if (pool->size != size || pool->node < 0)
			continue;
		text_append(buf, buf_size, "%snode %d has %llu of %llu free", comma, pool->node,
			    (unsigned long long)pool->free, (unsigned long long)pool->total);
		comma = ", ";
	}
}

/* Pages that a VM can still count on: what is free, less what was promised elsewhere. */
static uint64_t usable(const struct snapshot *snap, int node, uint64_t size)
{
	const struct hugepage_pool *whole = snapshot_pool(snap, -1, size);
	const struct hugepage_pool *pool = snapshot_pool(snap, node, size);
	uint64_t unpromised;

	if (!whole || !pool)
		return pool ? pool->free : 0;
	unpromised = whole->free > whole->reserved ? whole->free - whole->reserved : 0;
	return pool->free < unpromised ? pool->free : unpromised;
}

static int node_of(const struct vm *vm, int device_node)
{
	return vm->numa_node != VM_NODE_AUTO ? vm->numa_node : device_node;
}

static uint64_t pages_needed(const struct vm *vm)
{
	return vm->hugepage_size ? (vm->memory + vm->hugepage_size - 1) / vm->hugepage_size : 0;
}

const char *hugepages_figures(const struct snapshot *snap, const struct vm *vm, int device_node,
			      char *buf, size_t size)
{
	char page[32], memory[32], where[32] = "";
	int node = node_of(vm, device_node);

	buf[0] = '\0';
	if (pages_needed(vm) == 0)
		return buf;
	if (node >= 0)
		snprintf(where, sizeof(where), " on node %d", node);
	snprintf(buf, size,
		 "%s needs %llu hugepages of %s for its %s of memory%s; %llu can be had",
		 vm->name, (unsigned long long)pages_needed(vm),
		 text_from_bytes(vm->hugepage_size, page, sizeof(page)),
		 text_from_bytes(vm->memory, memory, sizeof(memory)), where,
		 (unsigned long long)usable(snap, node, vm->hugepage_size));
	return buf;
}

const char *hugepages_shared(const struct snapshot *snap, const struct vm *vm, int device_node,
			     uint64_t promised, const char *names, char *buf, size_t size)
{
	uint64_t have = usable(snap, node_of(vm, device_node), vm->hugepage_size);
	char memory[32];

	buf[0] = '\0';
	if (pages_needed(vm) == 0 || promised == 0 ||
	    have >= pages_needed(vm) + promised / vm->hugepage_size)
		return buf;
	snprintf(buf, size,
		 "%s count on %s of the same hugepages (%llu), and %llu are free for both: "
		 "unless they run already, not all can",
		 names, text_from_bytes(promised, memory, sizeof(memory)),
		 (unsigned long long)(promised / vm->hugepage_size), (unsigned long long)have);
	return buf;
}

int hugepages_check(const struct snapshot *snap, const struct vm *vm, int device_node,
		    struct tio_error *err)
{
	int node = node_of(vm, device_node);
	uint64_t need = pages_needed(vm), size = vm->hugepage_size, have;
	const struct hugepage_pool *pool;
	char figures[256], nodes[256];

	if (need == 0)
		return 0;
	have = usable(snap, node, size);
	if (have >= need)
		return 0;

	pool = snapshot_pool(snap, node, size);
	list_nodes(snap, size, nodes, sizeof(nodes));
	error_kind_set(err, ERROR_NOT_READY, -ENOMEM, "%s (%s)",
		       hugepages_figures(snap, vm, device_node, figures, sizeof(figures)),
		       nodes[0] ? nodes : "no pool of that size");
	if (node >= 0)
		error_fix(
			err,
			"echo %llu > /sys/devices/system/node/node%d/hugepages/hugepages-%llukB/"
			"nr_hugepages, or name another NumaNode= in %s",
			(unsigned long long)((pool ? pool->total : 0) + need - have), node,
			(unsigned long long)size / 1024, vm->file);
	else
		error_fix(err,
			  "echo %llu > /sys/kernel/mm/hugepages/hugepages-%llukB/nr_hugepages",
			  (unsigned long long)((pool ? pool->total : 0) + need - have),
			  (unsigned long long)size / 1024);
	return -ENOMEM;
}
