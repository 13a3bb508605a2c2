/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "request.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "out.h"
#include "wait.h"

/* What the kernel may remember of names and modes: all changes are made known to it. */
#define REMEMBER_SECONDS 86400.0

void request_begin(struct request *rq, fuse_req_t req)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	*rq = (struct request){ .req = req };
	rq->who = (struct sim_caller){ .pid = ctx->pid, .uid = ctx->uid, .gid = ctx->gid };
	sim_lock();
	wait_begin(req, ctx->pid);
}

void request_leave(struct request *rq)
{
	(void)rq;
	wait_end();
	sim_unlock();
}

void request_settle(struct request *rq)
{
	bool pending = out_pending();

	request_leave(rq);
	if (pending)
		out_flush();
}

void request_done(struct request *rq, int r)
{
	request_settle(rq);
	fuse_reply_err(rq->req, -r);
}

struct node *node_of(fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? node_top() : (struct node *)ino;
}

fuse_ino_t ino_of(const struct node *node)
{
	return node == node_top() ? FUSE_ROOT_ID : (fuse_ino_t)node;
}

int node_gone_error(int final)
{
	return out_pending() ? -ESTALE : final;
}

double attr_timeout(const struct node *node)
{
	return node_stored(node) ? 0 : REMEMBER_SECONDS;
}

void attr_of(const struct node *node, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = node->ino;
	st->st_mode = node->mode;
	st->st_nlink = node->dead ? 0 : S_ISDIR(node->mode) ? 2 : 1;
	st->st_uid = node->uid;
	st->st_gid = node->gid;
	st->st_size = S_ISLNK(node->mode) ? strlen(node->text) : node->size;
	st->st_blocks = node_stored(node) ? (st->st_size + 511) / 512 : 0;
	st->st_blksize = 4096;
	st->st_atim = st->st_mtim = st->st_ctim = node->mtime;
}

void entry_of(struct node *node, struct fuse_entry_param *entry)
{
	memset(entry, 0, sizeof(*entry));
	node_hold(node, 1, 0);
	entry->ino = ino_of(node);
	entry->generation = 1;
	attr_of(node, &entry->attr);
	entry->attr_timeout = entry->entry_timeout = attr_timeout(node);
}

static struct opened *all_opened;

void opened_add(struct opened *opened, void (*free)(struct opened *opened))
{
	opened->free = free;
	opened->next = all_opened;
	opened->prev = &all_opened;
	if (opened->next)
		opened->next->prev = &opened->next;
	all_opened = opened;
}

void opened_del(struct opened *opened)
{
	*opened->prev = opened->next;
	if (opened->next)
		opened->next->prev = opened->prev;
}

void opened_free_all(void)
{
	struct opened *opened;

	while ((opened = all_opened)) {
		opened_del(opened);
		opened->free(opened);
	}
}
