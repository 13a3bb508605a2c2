/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "alloc.h"
#include "fuse-ops.h"

/* --- Names --- */

void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *dir = node_of(parent), *node;
	struct fuse_entry_param entry;
	struct request rq;
	int r = 0;

	request_begin(&rq, req);
	node = dir->dead ? NULL : node_child(dir, name);
	if (node)
		entry_of(node, &entry);
	else
		r = dir->dead ? node_gone_error(-ENOENT) : -ENOENT;
	request_leave(&rq);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_entry(req, &entry);
}

void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t nlookup)
{
	sim_lock();
	if (ino != FUSE_ROOT_ID)
		node_drop(node_of(ino), nlookup, 0);
	sim_unlock();
	fuse_reply_none(req);
}

void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	sim_lock();
	for (size_t i = 0; i < count; i++) {
		if (forgets[i].ino != FUSE_ROOT_ID)
			node_drop(node_of(forgets[i].ino), forgets[i].nlookup, 0);
	}
	sim_unlock();
	fuse_reply_none(req);
}

void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct node *node = node_of(ino);
	struct request rq;
	char *text = NULL;
	int r = 0;

	request_begin(&rq, req);
	if (node->dead)
		r = node_gone_error(-ENOENT);
	else
		text = sim_strdup(node->text);
	request_leave(&rq);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_readlink(req, text);
	free(text);
}

/* A disk with room: programs look before they write their state. */
void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st = { .f_bsize = 4096,
			      .f_frsize = 4096,
			      .f_blocks = 1 << 18,
			      .f_bfree = 1 << 17,
			      .f_bavail = 1 << 17,
			      .f_namemax = 255 };

	(void)ino;
	fuse_reply_statfs(req, &st);
}

/* --- Listing: what was there when it began --- */

struct listing {
	struct opened opened;
	struct node *dir; /* held */
	size_t count;
	struct listed {
		char *name;
		ino_t ino;
		mode_t mode;
	} * list;
};

static void listing_empty(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		free(listing->list[i].name);
	free(listing->list);
	listing->list = NULL;
	listing->count = 0;
}

static void listing_free(struct opened *opened)
{
	struct listing *listing = (struct listing *)opened;

	listing_empty(listing);
	free(listing);
}

static void listing_add(struct listing *listing, const char *name, const struct node *node)
{
	listing->list[listing->count++] = (struct listed){ sim_strdup(name), node->ino,
							   node->mode };
}

static void listing_fill(struct listing *listing)
{
	struct node *dir = listing->dir, *node;
	size_t n = 2;

	listing_empty(listing);
	for (node = dir->first; node; node = node->next)
		n++;
	listing->list = sim_alloc(n * sizeof(struct listed));
	listing_add(listing, ".", dir);
	listing_add(listing, "..", dir->parent ? dir->parent : dir);
	for (node = dir->first; node; node = node->next)
		listing_add(listing, node->name, node);
}

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *dir = node_of(ino);
	struct listing *listing;
	struct request rq;

	request_begin(&rq, req);
	if (dir->dead) {
		int r = node_gone_error(-ENOENT);

		request_leave(&rq);
		fuse_reply_err(req, -r);
		return;
	}
	listing = sim_alloc(sizeof(*listing));
	listing->dir = dir;
	opened_add(&listing->opened, listing_free);
	node_hold(dir, 0, 1);
	request_leave(&rq);
	fi->fh = (uintptr_t)listing;
	fuse_reply_open(req, fi);
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		struct fuse_file_info *fi)
{
	struct listing *listing = (struct listing *)(uintptr_t)fi->fh;
	char *buf = sim_alloc(size);
	size_t used = 0, n;
	struct request rq;

	(void)ino;
	request_begin(&rq, req);
	if (off == 0 || !listing->list)
		listing_fill(listing);
	for (size_t i = off; i < listing->count; i++) {
		const struct listed *at = &listing->list[i];
		struct stat st = { .st_ino = at->ino, .st_mode = at->mode };

		n = fuse_add_direntry(req, buf + used, size - used, at->name, &st, i + 1);
		if (n > size - used)
			break;
		used += n;
	}
	request_leave(&rq);
	fuse_reply_buf(req, buf, used);
	free(buf);
}

void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct listing *listing = (struct listing *)(uintptr_t)fi->fh;

	(void)ino;
	sim_lock();
	node_drop(listing->dir, 0, 1);
	opened_del(&listing->opened);
	sim_unlock();
	listing_free(&listing->opened);
	fuse_reply_err(req, 0);
}

/* --- Changes: only in the store --- */

/* Makes a node for create and mkdir; 0 and @ret, or a negative errno. */
static int make_node(struct request *rq, struct node *dir, const char *name, mode_t mode,
		     struct node **ret)
{
	struct act act = { .op = S_ISDIR(mode) ? ACT_MKDIR : ACT_CREATE,
			   .node = dir,
			   .name = name,
			   .who = &rq->who };
	int r;

	if (!node_stored(dir))
		return S_ISDIR(mode) ? -EPERM : -EACCES;
	r = act_begin(&act);
	if (r == ACT_PRETEND)
		r = -EIO; /* a name can't be made without making it */
	if (r > 0 && dir->dead)
		r = -ENOENT;
	if (r > 0 && node_child(dir, name))
		r = -EEXIST;
	if (r > 0) {
		*ret = node_new(dir, name, mode);
		(*ret)->size = 0;
		(*ret)->uid = rq->who.uid;
		(*ret)->gid = rq->who.gid;
		r = 0;
	}
	return act_end(&act, r);
}

void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct fuse_entry_param entry;
	struct request rq;
	struct node *node;
	int r;

	request_begin(&rq, req);
	r = make_node(&rq, node_of(parent), name, S_IFDIR | (mode & 07777), &node);
	if (r >= 0)
		entry_of(node, &entry);
	request_leave(&rq);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_entry(req, &entry);
}

void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	       struct fuse_file_info *fi)
{
	struct fuse_entry_param entry;
	struct request rq;
	struct node *node;
	int r;

	request_begin(&rq, req);
	r = make_node(&rq, node_of(parent), name, S_IFREG | (mode & 07777), &node);
	if (r >= 0) {
		entry_of(node, &entry);
		file_handle_new(node, &rq.who, fi);
	}
	request_leave(&rq);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_create(req, &entry, fi);
}

static int remove_node(struct request *rq, struct node *dir, const char *name, enum act_op op)
{
	struct act act = { .op = op, .node = dir, .name = name, .who = &rq->who };
	struct node *node;
	int r;

	if (!node_stored(dir))
		return -EPERM;
	r = act_begin(&act);
	node = node_child(dir, name);
	if (r == ACT_GO) {
		r = 0;
		if (!node)
			r = -ENOENT;
		else if (op == ACT_RMDIR && node->first)
			r = -ENOTEMPTY;
		else
			tree_remove(node);
	}
	return act_end(&act, r);
}

static void reply_remove(fuse_req_t req, fuse_ino_t parent, const char *name, enum act_op op)
{
	struct request rq;
	int r;

	request_begin(&rq, req);
	r = remove_node(&rq, node_of(parent), name, op);
	request_leave(&rq);
	fuse_reply_err(req, -r);
}

void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	reply_remove(req, parent, name, ACT_UNLINK);
}

void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	reply_remove(req, parent, name, ACT_RMDIR);
}

/* The kernel has checked kinds and loops; what is left are full directories. */
static int move_node(struct node *dir, const char *name, struct node *to, const char *to_name,
		     bool replace)
{
	struct node *node = node_child(dir, name), *old = node_child(to, to_name);

	if (!node)
		return -ENOENT;
	if (old == node)
		return 0;
	if (old && !replace)
		return -EEXIST;
	if (old && old->first)
		return -ENOTEMPTY;
	if (old)
		tree_remove(old);
	node_move(node, to, to_name);
	return 0;
}

void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t to_parent,
	       const char *to_name, unsigned int flags)
{
	struct node *dir = node_of(parent), *to = node_of(to_parent);
	struct act act = {
		.op = ACT_RENAME, .node = dir, .name = name, .to = to, .to_name = to_name
	};
	struct request rq;
	int r = -EPERM;

	request_begin(&rq, req);
	act.who = &rq.who;
	if (flags & ~(unsigned int)RENAME_NOREPLACE) {
		r = -EINVAL;
	} else if (node_stored(dir) && node_stored(to)) {
		r = act_begin(&act);
		if (r == ACT_GO)
			r = move_node(dir, name, to, to_name, !(flags & RENAME_NOREPLACE));
		r = act_end(&act, r);
	}
	request_leave(&rq);
	fuse_reply_err(req, -r);
}
