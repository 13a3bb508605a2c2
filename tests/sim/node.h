/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a node is made of: for the machinery only (tree.c, store.c, fuse*.c,
 * snapshot.c).  The model sees tree.h.
 */

#include <time.h>

#include "tree.h"

struct node {
	struct node *parent; /* NULL for a root and for what was removed */
	struct node *first, *last, *next, *prev;
	struct node *hash_next;
	struct node *root; /* itself for one of the four */
	char *name;        /* owned */
	char *text;        /* owned: target of a link, constant text */
	const struct node_ops *ops;
	void *obj;
	unsigned long ino;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	size_t size;
	char *data;  /* owned: bytes of a stored file */
	size_t room; /* allocated in @data */
	struct timespec mtime;
	unsigned long lookups; /* references that the kernel holds */
	unsigned int opens;
	bool dead;
};

/* The directory above the four roots. */
struct node *node_top(void);
struct node *node_child(const struct node *parent, const char *name);
/* A new child; @name must not be there. */
struct node *node_new(struct node *parent, const char *name, mode_t mode);
bool node_stored(const struct node *node); /* below "store" */

/* Moves @node to @parent under a name that must be free. */
void node_move(struct node *node, struct node *parent, const char *name);

/* References of the kernel and of open files; a removed node goes with its last one. */
void node_hold(struct node *node, unsigned long lookups, unsigned int opens);
void node_drop(struct node *node, unsigned long lookups, unsigned int opens);

/* Frees the whole tree, whoever refers to it. */
void tree_free(void);
