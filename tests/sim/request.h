/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A request in hand: between fuse.c, fuse-dir.c and fuse-file.c.
 *
 * request_begin() takes the big lock; one of the request_done() family gives it back,
 * makes known what has changed and only then answers, so that whoever asked finds
 * everything as it was told.
 */

#define FUSE_USE_VERSION 312

#include <fuse_lowlevel.h>

#include "faults.h"
#include "node.h"

struct request {
	fuse_req_t req;
	struct sim_caller who;
};

void request_begin(struct request *rq, fuse_req_t req);
/*
 * Lock given up, changes made known.  Not for requests that hold a lock of a directory
 * (lookup, create, …): those use request_leave().
 */
void request_settle(struct request *rq);
void request_leave(struct request *rq);
void request_done(struct request *rq, int r); /* settles; 0 or a negative errno */

struct node *node_of(fuse_ino_t ino);
fuse_ino_t ino_of(const struct node *node);
/* -ESTALE makes the kernel look again; -ENODEV and -ENOENT are final. */
int node_gone_error(int final);

void attr_of(const struct node *node, struct stat *st);
double attr_timeout(const struct node *node);
void entry_of(struct node *node, struct fuse_entry_param *entry); /* counts a lookup */

/* What a process has open; kept so that the end of the simulation finds it. */
struct opened {
	struct opened *next, **prev;
	void (*free)(struct opened *opened);
};

void opened_add(struct opened *opened, void (*free)(struct opened *opened)); /* lock held */
void opened_del(struct opened *opened);                                      /* lock held */
void opened_free_all(void);
