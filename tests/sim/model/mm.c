/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/mm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/desc.h"
#include "model/device.h"
#include "model/host.h"

#define NODES_MAX 16
#define SIZES     2

static const unsigned long size_kb[SIZES] = { 2048, 1048576 };

/* Of one size on one node; the global files show the sums. */
struct hpool {
	unsigned long nr, free, surplus, resv;
	int node;
	int size;
};

static struct numa_node {
	struct device device;
	char cpulist[128];
	unsigned long memory_kb;
	struct hpool pools[SIZES];
} * nodes[NODES_MAX];

static int node_count;
static struct hpool sums[SIZES]; /* only to know the size in the global files */
static unsigned long overcommit[SIZES];

const char *node_cpulist(int node)
{
	return nodes[node]->cpulist;
}

/* --- The pools' arithmetic --- */

/* The share of a node's memory that hugepages may take, and what others have of it. */
static unsigned long room_for(const struct numa_node *node, int size)
{
	unsigned long kb = node->memory_kb / 10 * 9;

	for (int i = 0; i < SIZES; i++) {
		unsigned long taken = i == size ? 0 : node->pools[i].nr * size_kb[i];

		kb = kb > taken ? kb - taken : 0;
	}
	return kb / size_kb[size];
}

/* As many as can be had, as few as are in use: what is asked for is only a wish. */
static void set_pool(struct hpool *pool, unsigned long wish)
{
	unsigned long used = pool->nr - pool->free, room, nr = wish;

	room = room_for(nodes[pool->node], pool->size);
	if (nr > room)
		nr = room;
	if (nr < used)
		nr = used;
	pool->surplus = nr > wish ? nr - wish : 0;
	pool->free = nr - used;
	pool->nr = nr;
}

/* Evenly over the nodes, and what one can't give from the next. */
static void set_all(int size, unsigned long wish)
{
	unsigned long left = wish;

	for (int i = 0; i < node_count; i++) {
		struct hpool *pool = &nodes[i]->pools[size];

		set_pool(pool, left / (unsigned long)(node_count - i));
		left -= pool->nr - pool->surplus < left ? pool->nr - pool->surplus : left;
	}
	for (int i = 0; i < node_count && left > 0; i++) {
		struct hpool *pool = &nodes[i]->pools[size];
		unsigned long before = pool->nr;

		set_pool(pool, pool->nr + left);
		left -= pool->nr - before;
	}
}

static unsigned long sum_of(int size, size_t field)
{
	unsigned long sum = 0;

	for (int i = 0; i < node_count; i++)
		sum += *(unsigned long *)((char *)&nodes[i]->pools[size] + field);
	return sum;
}

/* --- Files --- */

/* The global files have the sums' pool as their object, with no node. */
static ssize_t show_field(const struct hpool *pool, char *buf, size_t field)
{
	unsigned long value = pool->node < 0
				      ? sum_of(pool->size, field)
				      : *(const unsigned long *)((const char *)pool + field);

	return snprintf(buf, SIM_ATTR_MAX, "%lu\n", value);
}

#define SHOW_FIELD(field)                                                                      \
	static ssize_t field##_show(void *obj, const struct sim_caller *who, char *buf)        \
	{                                                                                      \
		return show_field(obj, buf, offsetof(struct hpool, field));                    \
	}

SHOW_FIELD(nr)
SHOW_FIELD(free)
SHOW_FIELD(surplus)
SHOW_FIELD(resv)

static int nr_store(void *obj, const struct sim_caller *who, const char *buf, size_t size)
{
	struct hpool *pool = obj;
	unsigned long wish;
	int r = parse_number(buf, 10, ~0ul, &wish);

	if (r < 0)
		return r;
	if (pool->node < 0)
		set_all(pool->size, wish);
	else
		set_pool(pool, wish);
	return 0;
}

static ssize_t overcommit_show(void *obj, const struct sim_caller *who, char *buf)
{
	return snprintf(buf, SIM_ATTR_MAX, "%lu\n", overcommit[((struct hpool *)obj)->size]);
}

/* Pages of 1 GiB can't be had beyond the pool. */
static int overcommit_store(void *obj, const struct sim_caller *who, const char *buf,
			    size_t size)
{
	struct hpool *pool = obj;

	if (pool->size == 1)
		return -EINVAL;
	return parse_number(buf, 10, ~0ul, &overcommit[pool->size]);
}

static const struct attribute node_pool_attrs[] = {
	{ "nr_hugepages", 0644, { .show = nr_show, .store = nr_store } },
	{ "free_hugepages", 0444, { .show = free_show } },
	{ "surplus_hugepages", 0444, { .show = surplus_show } },
	{ NULL },
};

static const struct attribute global_pool_attrs[] = {
	{ "nr_hugepages", 0644, { .show = nr_show, .store = nr_store } },
	{ "nr_hugepages_mempolicy", 0644, { .show = nr_show, .store = nr_store } },
	{ "free_hugepages", 0444, { .show = free_show } },
	{ "surplus_hugepages", 0444, { .show = surplus_show } },
	{ "resv_hugepages", 0444, { .show = resv_show } },
	{ "nr_overcommit_hugepages",
	  0644,
	  { .show = overcommit_show, .store = overcommit_store } },
	{ NULL },
};

static ssize_t meminfo_show(void *obj, const struct sim_caller *who, char *buf)
{
	const struct numa_node *node = obj;
	const struct hpool *small = &node->pools[0];
	int id = small->node;
	unsigned long taken = 0;

	for (int i = 0; i < SIZES; i++)
		taken += node->pools[i].nr * size_kb[i];
	return snprintf(buf, SIM_ATTR_MAX,
			"Node %d MemTotal:       %lu kB\n"
			"Node %d MemFree:        %lu kB\n"
			"Node %d MemUsed:        %lu kB\n"
			"Node %d HugePages_Total: %lu\n"
			"Node %d HugePages_Free:  %lu\n"
			"Node %d HugePages_Surp:  %lu\n",
			id, node->memory_kb, id, node->memory_kb - taken, id, taken, id,
			small->nr, id, small->free, id, small->surplus);
}

static const struct attribute node_attrs[] = {
	{ "meminfo", 0444, { .show = meminfo_show } },
	{ NULL },
};

/* --- The description --- */

static const struct desc_key node_keys[] = {
	{ "cpus", 's', true },
	{ "memory", 's', true },
	{ "hugepages", 'o' },
	{ "distance", 's' },
	{ NULL },
};
static const struct desc_key pages_keys[] = { { "2048", 'o' }, { "1048576", 'o' }, { NULL } };
static const struct desc_key pool_keys[] = {
	{ "nr", 'n', true },
	{ "free", 'n' },
	{ "resv", 'n' },
	{ NULL },
};

static const struct device_type node_type = { .subsystem = "node", .bus = true };

static void pool_name(int size, char *buf, size_t n)
{
	snprintf(buf, n, "hugepages-%lukB", size_kb[size]);
}

static int load_pool(struct hpool *pool, const json_t *pages)
{
	const json_t *desc;
	char key[16];

	snprintf(key, sizeof(key), "%lu", size_kb[pool->size]);
	desc = json_object_get(pages, key);
	if (!desc)
		return 0;
	if (desc_check(desc, "hugepages", pool_keys) < 0)
		return -EINVAL;
	pool->nr = (unsigned long)desc_int(desc, "nr", 0);
	pool->free = (unsigned long)desc_int(desc, "free", (long long)pool->nr);
	pool->resv = (unsigned long)desc_int(desc, "resv", 0);
	if (pool->free > pool->nr)
		return desc_fail("hugepages: \"free\" is more than \"nr\"");
	return 0;
}

static int add_node(int id, const json_t *desc)
{
	const json_t *pages = json_object_get(desc, "hugepages");
	struct numa_node *node = calloc(1, sizeof(*node));
	char where[24], name[48];
	struct node *dir;

	nodes[id] = node;
	node_count = id + 1;
	snprintf(where, sizeof(where), "nodes[%d]", id);
	if (desc_check(desc, where, node_keys) < 0 ||
	    (pages && desc_check(pages, where, pages_keys) < 0))
		return -EINVAL;
	snprintf(node->cpulist, sizeof(node->cpulist), "%s\n", desc_text(desc, "cpus", ""));
	node->memory_kb = desc_size(desc_text(desc, "memory", "")) >> 10;
	if (!node->memory_kb)
		return desc_fail("%s: \"memory\" must be a size like \"384G\"", where);

	node->device.type = &node_type;
	snprintf(node->device.name, sizeof(node->device.name), "node%d", id);
	device_add(&node->device, sys_dir("devices/system/node"), false);
	dir = node->device.dir;
	tree_text(dir, "cpulist", node->cpulist);
	attr_printf(dir, "distance", "%s\n", desc_text(desc, "distance", "10"));
	attributes_add(dir, node_attrs, node);
	for (int size = 0; size < SIZES; size++) {
		node->pools[size].node = id;
		node->pools[size].size = size;
		if (load_pool(&node->pools[size], pages) < 0)
			return -EINVAL;
		pool_name(size, name, sizeof(name));
		attributes_add(dir_make(tree_dir(dir, "hugepages"), name), node_pool_attrs,
			       &node->pools[size]);
	}
	return 0;
}

int mm_load(const json_t *list)
{
	const json_t *desc;
	char name[48];
	size_t i;

	if (json_array_size(list) < 1 || json_array_size(list) > NODES_MAX)
		return desc_fail("\"nodes\" must have 1 to %d entries", NODES_MAX);
	json_array_foreach(list, i, desc) if (add_node((int)i, desc) < 0) return -EINVAL;
	snprintf(name, sizeof(name), node_count > 1 ? "0-%d\n" : "0\n", node_count - 1);
	for (i = 0; i < 4; i++) {
		static const char *const files[] = { "online", "possible", "has_cpu",
						     "has_memory" };

		tree_text(sys_dir("devices/system/node"), files[i], name);
	}
	for (int size = 0; size < SIZES; size++) {
		sums[size].node = -1;
		sums[size].size = size;
		pool_name(size, name, sizeof(name));
		attributes_add(dir_make(sys_dir("kernel/mm/hugepages"), name),
			       global_pool_attrs, &sums[size]);
	}
	return 0;
}

/* --- A test's wish, which is not bound by what there is --- */

json_t *mm_set(const json_t *command)
{
	long long node = desc_int(command, "node", -1), size = desc_int(command, "size", 2048);
	struct hpool *pool;

	if (node < 0 || node >= node_count || (size != 2048 && size != 1048576))
		return json_pack("{s:b,s:s}", "ok", 0, "error",
				 "no such node, or size is neither 2048 nor 1048576");
	pool = &nodes[node]->pools[size == 2048 ? 0 : 1];
	pool->nr = (unsigned long)desc_int(command, "nr", (long long)pool->nr);
	pool->free = (unsigned long)desc_int(command, "free", (long long)pool->free);
	pool->resv = (unsigned long)desc_int(command, "resv", (long long)pool->resv);
	if (pool->free > pool->nr)
		pool->nr = pool->free;
	return json_pack("{s:b}", "ok", 1);
}
