/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/text.h"
#include "host-tree.h"
#include "host/hugepages.h"

TestSuite(hugepages, .init = tree_start, .fini = tree_end);

#define NODES "sys/devices/system/node"
#define MM    "sys/kernel/mm/hugepages"

Test(hugepages, a_kernel_without_them_has_no_pools)
{
	struct snapshot snap = { .n_pools = 5 };

	hugepages_read(tree.host.sys_fd, &snap);
	cr_expect(eq(sz, snap.n_pools, 0));
}

Test(hugepages, the_host_comes_first_then_nodes_by_number_and_size)
{
	static const struct {
		int node;
		uint64_t size, total, free, reserved;
	} expected[] = {
		{ -1, 2097152, 100, 60, 10 }, { -1, 1073741824, 4, 3, 0 },
		{ 0, 2097152, 40, 0, 0 },     { 2, 2097152, 60, 60, 0 },
		{ 10, 2097152, 0, 0, 0 },
	};
	struct snapshot snap = { 0 };

	tree_put("0\n", NODES "/node10/hugepages/hugepages-2048kB/nr_hugepages");
	tree_put("60\n", NODES "/node2/hugepages/hugepages-2048kB/nr_hugepages");
	tree_put("60\n", NODES "/node2/hugepages/hugepages-2048kB/free_hugepages");
	tree_put("40\n", NODES "/node0/hugepages/hugepages-2048kB/nr_hugepages");
	tree_put("0\n", NODES "/node0/hugepages/hugepages-2048kB/free_hugepages");
	tree_put("4\n", MM "/hugepages-1048576kB/nr_hugepages");
	tree_put("3\n", MM "/hugepages-1048576kB/free_hugepages");
	tree_put("100\n", MM "/hugepages-2048kB/nr_hugepages");
	tree_put("60\n", MM "/hugepages-2048kB/free_hugepages");
	tree_put("10\n", MM "/hugepages-2048kB/resv_hugepages");

	hugepages_read(tree.host.sys_fd, &snap);
	cr_assert(eq(sz, snap.n_pools, ARRAY_SIZE(expected)));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		cr_expect(eq(int, snap.pools[i].node, expected[i].node));
		cr_expect(eq(u64, snap.pools[i].size, expected[i].size));
		cr_expect(eq(u64, snap.pools[i].total, expected[i].total));
		cr_expect(eq(u64, snap.pools[i].free, expected[i].free));
		cr_expect(eq(u64, snap.pools[i].reserved, expected[i].reserved));
	}
}

Test(hugepages, folders_of_other_names_are_no_pools)
{
	static const char *const names[] = { "hugepages-kB", "hugepages-2048",
					     "hugepages-2048kBx", "hugepages--1kB",
					     "pages-2048kB" };
	struct snapshot snap = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		tree_put("1\n", MM "/%s/nr_hugepages", names[i]);
	tree_put("1\n", NODES "/possible");
	tree_put("1\n", NODES "/nodeX/hugepages/hugepages-2048kB/nr_hugepages");
	hugepages_read(tree.host.sys_fd, &snap);
	cr_expect(eq(sz, snap.n_pools, 0));
}
