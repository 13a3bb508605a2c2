/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "alloc.h"
#include "node.h"
#include "out.h"

#define PATH_DEPTH_MAX 64

/* One table for all directories: they differ from three to thousands of names. */
static struct {
	struct node **heads;
	size_t size; /* a power of two */
	size_t used;
	unsigned long last_ino;
	struct node *top;
	struct node *dead; /* removed, but still referred to */
} tree;

static size_t hash_of(const struct node *parent, const char *name)
{
	uint64_t h = 0xcbf29ce484222325u ^ parent->ino;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3u;
	return h ^ (h >> 29);
}

static struct node **hash_head(const struct node *parent, const char *name)
{
	return &tree.heads[hash_of(parent, name) & (tree.size - 1)];
}

static void hash_grow(void)
{
	struct node **old = tree.heads, *node, *next, **head;
	size_t old_size = tree.size, i;

	tree.size = old_size ? old_size * 2 : 1024;
	tree.heads = sim_alloc(tree.size * sizeof(struct node *));
	for (i = 0; i < old_size; i++) {
		for (node = old[i]; node; node = next) {
			next = node->hash_next;
			head = hash_head(node->parent, node->name);
			node->hash_next = *head;
			*head = node;
		}
	}
	free(old);
}

static void hash_add(struct node *node)
{
	struct node **head;

	if (tree.used++ >= tree.size)
		hash_grow();
	head = hash_head(node->parent, node->name);
	node->hash_next = *head;
	*head = node;
}

static void hash_del(struct node *node)
{
	struct node **at = hash_head(node->parent, node->name);

	while (*at != node)
		at = &(*at)->hash_next;
	*at = node->hash_next;
	tree.used--;
}

/* --- Nodes --- */

static struct node *node_alloc(const char *name, mode_t mode)
{
	struct node *node = sim_alloc(sizeof(*node));

	node->name = sim_strdup(name);
	node->mode = mode;
	node->ino = ++tree.last_ino;
	node->size = S_ISREG(mode) ? SIM_ATTR_MAX : 0;
	clock_gettime(CLOCK_REALTIME, &node->mtime);
	return node;
}

static void child_add(struct node *parent, struct node *node)
{
	node->parent = parent;
	node->prev = parent->last;
	node->next = NULL;
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	hash_add(node);
}

static void child_del(struct node *node)
{
	struct node *parent = node->parent;

	hash_del(node);
	if (node->prev)
		node->prev->next = node->next;
	else
		parent->first = node->next;
	if (node->next)
		node->next->prev = node->prev;
	else
		parent->last = node->prev;
	node->parent = node->next = node->prev = NULL;
}

struct node *node_new(struct node *parent, const char *name, mode_t mode)
{
	struct node *node;

	assert(S_ISDIR(parent->mode) && !parent->dead);
	assert(name[0] && !strchr(name, '/'));
	assert(!node_child(parent, name));

	node = node_alloc(name, mode);
	node->root = parent == tree.top ? node : parent->root;
	child_add(parent, node);
	return node;
}

struct node *node_top(void)
{
	static const char *const roots[] = { "sys", "proc", "dev", "store" };

	if (!tree.top) {
		tree.top = node_alloc("", S_IFDIR | 0755);
		tree.top->lookups = 1; /* never forgotten by the kernel */
		for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
			node_new(tree.top, roots[i], S_IFDIR | 0755)->lookups = 1;
	}
	return tree.top;
}

struct node *node_child(const struct node *parent, const char *name)
{
	struct node *node;

	if (!tree.size)
		return NULL;
	for (node = *hash_head(parent, name); node; node = node->hash_next) {
		if (node->parent == parent && !strcmp(node->name, name))
			return node;
	}
	return NULL;
}

bool node_stored(const struct node *node)
{
	return node->root && !strcmp(node->root->name, "store");
}

void node_move(struct node *node, struct node *parent, const char *name)
{
	assert(!node_child(parent, name));
	child_del(node);
	free(node->name);
	node->name = sim_strdup(name);
	child_add(parent, node);
}

static void node_free(struct node *node)
{
	free(node->name);
	free(node->text);
	free(node->data);
	free(node);
}

void node_hold(struct node *node, unsigned long lookups, unsigned int opens)
{
	node->lookups += lookups;
	node->opens += opens;
}

void node_drop(struct node *node, unsigned long lookups, unsigned int opens)
{
	assert(node->lookups >= lookups && node->opens >= opens);
	node->lookups -= lookups;
	node->opens -= opens;
	if (!node->dead || node->lookups || node->opens)
		return;
	if (node->prev)
		node->prev->next = node->next;
	else
		tree.dead = node->next;
	if (node->next)
		node->next->prev = node->prev;
	node_free(node);
}

static void bury(struct node *node)
{
	while (node->first)
		bury(node->first);
	child_del(node);
	node->dead = true;
	node->next = tree.dead;
	if (tree.dead)
		tree.dead->prev = node;
	tree.dead = node;
	node_drop(node, 0, 0);
}

void tree_remove(struct node *node)
{
	assert(node->parent && node->parent != tree.top);

	if (node->lookups && !node_stored(node))
		out_entry_gone(node->parent, node->name);
	bury(node);
}

static void free_all(struct node *node)
{
	struct node *next;

	for (struct node *child = node->first; child; child = next) {
		next = child->next;
		free_all(child);
	}
	node_free(node);
}

void tree_free(void)
{
	struct node *next;

	if (tree.top)
		free_all(tree.top);
	for (struct node *node = tree.dead; node; node = next) {
		next = node->next;
		node_free(node);
	}
	free(tree.heads);
	memset(&tree, 0, sizeof(tree));
}

/* --- What the model makes --- */

struct node *tree_root(const char *name)
{
	return node_child(node_top(), name);
}

struct node *tree_dir(struct node *parent, const char *name)
{
	struct node *old = node_child(parent, name);

	assert(!old || S_ISDIR(old->mode));
	return old ? old : node_new(parent, name, S_IFDIR | 0755);
}

struct node *tree_attr(struct node *parent, const char *name, mode_t mode,
		       const struct node_ops *ops, void *obj)
{
	struct node *node = node_new(parent, name, S_IFREG | (mode & 07777));

	node->ops = ops;
	node->obj = obj;
	return node;
}

static const struct node_ops nothing;

struct node *tree_text(struct node *parent, const char *name, const char *text)
{
	struct node *node = tree_attr(parent, name, 0444, &nothing, NULL);

	assert(strlen(text) <= SIM_ATTR_MAX);
	node->text = sim_strdup(text);
	return node;
}

struct node *tree_link(struct node *parent, const char *name, const char *target)
{
	struct node *node = node_new(parent, name, S_IFLNK | 0777);

	node->text = sim_strdup(target);
	return node;
}

/* Fills @chain with the nodes from below the root down to @node; returns how many. */
static size_t chain_of(const struct node *node, const struct node **chain)
{
	size_t depth = 0, i = 0;

	for (const struct node *n = node; n != node->root; n = n->parent)
		depth++;
	assert(depth < PATH_DEPTH_MAX);
	for (const struct node *n = node; n != node->root; n = n->parent)
		chain[depth - ++i] = n;
	return depth;
}

struct node *tree_link_to(struct node *parent, const char *name, const struct node *to)
{
	const struct node *from[PATH_DEPTH_MAX], *dest[PATH_DEPTH_MAX];
	size_t n_from = chain_of(parent, from), n_dest = chain_of(to, dest), same = 0, i;
	char target[SIM_ATTR_MAX], *at = target;

	/* The target's own name is always said, as kernfs does. */
	while (same < n_from && same + 1 < n_dest && from[same] == dest[same])
		same++;
	for (i = same; i < n_from; i++)
		at = stpcpy(at, "../");
	for (i = same; i < n_dest; i++) {
		assert(at + strlen(dest[i]->name) + 2 < target + sizeof(target));
		at = stpcpy(stpcpy(at, dest[i]->name), "/");
	}
	assert(at > target);
	at[-1] = '\0';
	return tree_link(parent, name, target);
}

void tree_set_size(struct node *node, size_t size)
{
	node->size = size;
	if (node->lookups)
		out_inode_changed(node);
}

struct node *tree_find(const struct node *parent, const char *path)
{
	char name[256];
	size_t n;

	for (; *path; path += n + strspn(path + n, "/")) {
		n = strcspn(path, "/");
		if (n >= sizeof(name))
			return NULL;
		memcpy(name, path, n);
		name[n] = '\0';
		parent = node_child(parent, name);
		if (!parent)
			return NULL;
	}
	return (struct node *)parent;
}

char *tree_path(const struct node *node, char *buf, size_t size)
{
	size_t at = size - 1, n;

	assert(size > 0);
	buf[at] = '\0';
	for (; node && node != tree.top; node = node->parent) {
		n = strlen(node->name);
		assert(n + 1 <= at);
		at -= n;
		memcpy(buf + at, node->name, n);
		buf[--at] = '/';
	}
	if (buf[at] == '/')
		at++;
	memmove(buf, buf + at, size - at);
	return buf;
}
