/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "alloc.h"
#include "fuse-ops.h"
#include "out.h"
#include "process.h"
#include "store.h"

/* An open file.  Text is shown once, at offset 0; later offsets continue it. */
struct handle {
	struct opened opened;
	struct node *node; /* held */
	bool sys_admin;
	char *text; /* owned */
	size_t size;
};

static struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

static void handle_free(struct opened *opened)
{
	struct handle *handle = (struct handle *)opened;

	free(handle->text);
	free(handle);
}

void file_handle_new(struct node *node, const struct sim_caller *who, struct fuse_file_info *fi)
{
	struct handle *handle = sim_alloc(sizeof(*handle));

	opened_add(&handle->opened, handle_free);
	handle->node = node;
	handle->sys_admin = who->sys_admin;
	node_hold(node, 0, 1);
	fi->fh = (uintptr_t)handle;
	fi->direct_io = 1;
}

/* --- Attributes of the file itself --- */

void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = node_of(ino);
	struct request rq;
	struct stat st;
	int r = 0;

	(void)fi;
	request_begin(&rq, req);
	if (node->dead && !node->opens)
		r = node_gone_error(-ENOENT);
	else
		attr_of(node, &st);
	request_leave(&rq);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_attr(req, &st, attr_timeout(node));
}

/* An attribute has no length of its own: `echo > attr` truncates it, and that is fine. */
static int truncate_node(struct request *rq, struct node *node, off_t size)
{
	struct act act = { .op = ACT_TRUNCATE, .node = node, .who = &rq->who };
	int r;

	if (!node_stored(node))
		return 0;
	r = act_begin(&act);
	if (r == ACT_GO)
		r = store_truncate(node, size);
	return act_end(&act, r);
}

void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		struct fuse_file_info *fi)
{
	struct node *node = node_of(ino);
	struct request rq;
	struct stat st;
	int r = 0;

	(void)fi;
	request_begin(&rq, req);
	if (to_set & FUSE_SET_ATTR_MODE)
		node->mode = (node->mode & S_IFMT) | (attr->st_mode & 07777);
	if (to_set & FUSE_SET_ATTR_UID)
		node->uid = attr->st_uid;
	if (to_set & FUSE_SET_ATTR_GID)
		node->gid = attr->st_gid;
	if (to_set & FUSE_SET_ATTR_MTIME)
		node->mtime = attr->st_mtim;
	if (to_set & FUSE_SET_ATTR_MTIME_NOW)
		clock_gettime(CLOCK_REALTIME, &node->mtime);
	if (to_set & FUSE_SET_ATTR_SIZE)
		r = truncate_node(&rq, node, attr->st_size);
	attr_of(node, &st);
	request_leave(&rq);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_attr(req, &st, attr_timeout(node));
}

/* --- Open and release --- */

/* As sysfs: not even root opens for reading what has no read bit for anybody. */
static int check_mode(const struct node *node, int flags)
{
	int how = flags & O_ACCMODE;

	if (node_stored(node))
		return 0;
	if (how != O_RDONLY && !(node->mode & 0222))
		return -EACCES;
	if (how != O_WRONLY && !(node->mode & 0444))
		return -EACCES;
	return 0;
}

static int open_node(struct request *rq, struct node *node, struct fuse_file_info *fi)
{
	struct act act = { .op = ACT_OPEN, .node = node, .who = &rq->who };
	int r;

	if (node->dead && !node_stored(node))
		return node_gone_error(-ENODEV);
	r = check_mode(node, fi->flags);
	if (r < 0)
		return r;
	rq->who.sys_admin = process_is_admin(rq->who.pid);
	node_hold(node, 0, 1); /* it may go while we wait */
	r = act_begin(&act);
	if (r >= 0 && node->dead && !node_stored(node))
		r = -ENODEV;
	if (r == ACT_GO)
		r = node->ops && node->ops->open ? node->ops->open(node->obj, &rq->who) : 0;
	r = act_end(&act, r);
	if (r >= 0)
		file_handle_new(node, &rq->who, fi);
	node_drop(node, 0, 1);
	return r;
}

static void close_handle(struct handle *handle, const struct sim_caller *who)
{
	struct node *node = handle->node;

	sim_lock();
	if (node->ops && node->ops->release)
		node->ops->release(node->obj, who);
	node_drop(node, 0, 1);
	opened_del(&handle->opened);
	sim_unlock();
	out_flush();
	handle_free(&handle->opened);
}

/*
 * A write that hangs must not keep others from the same attribute ("bind" of a driver is
 * there for many devices), as the kernel's own lock on the file would.  libfuse 3.14 has
 * no name for that flag, so the answer is written out.
 */
#define OPEN_FLAGS (FOPEN_DIRECT_IO | FOPEN_PARALLEL_DIRECT_WRITES)

void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct fuse_open_out opened;
	struct request rq;
	int r;

	request_begin(&rq, req);
	r = open_node(&rq, node_of(ino), fi);
	if (r < 0) {
		request_done(&rq, r);
		return;
	}
	opened = (struct fuse_open_out){ .fh = fi->fh, .open_flags = OPEN_FLAGS };
	request_settle(&rq);
	/* Nobody takes it: the caller was killed meanwhile, and no release will come. */
	if (fuse_reply_buf(req, (const char *)&opened, sizeof(opened)) == -ENOENT)
		close_handle(handle_of(fi), &rq.who);
}

void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct sim_caller who = { .pid = ctx->pid, .uid = ctx->uid, .gid = ctx->gid };

	(void)ino;
	close_handle(handle_of(fi), &who);
	fuse_reply_err(req, 0);
}

/* --- Read --- */

static ssize_t show_again(struct handle *handle, const struct sim_caller *who)
{
	char *text = sim_alloc(SIM_ATTR_MAX + 1);
	struct node *node = handle->node;
	ssize_t n;

	if (node->text) {
		n = strlen(node->text);
		memcpy(text, node->text, n);
	} else {
		n = node->ops && node->ops->show ? node->ops->show(node->obj, who, text) : -EIO;
	}
	if (n < 0) {
		free(text);
		return n;
	}
	free(handle->text);
	handle->text = text;
	handle->size = n;
	return 0;
}

static ssize_t read_text(struct handle *handle, const struct sim_caller *who, char *buf,
			 size_t size, off_t off)
{
	ssize_t r;

	if (off == 0 || !handle->text) {
		r = show_again(handle, who);
		if (r < 0)
			return r;
	}
	if ((size_t)off >= handle->size)
		return 0;
	if (size > handle->size - off)
		size = handle->size - off;
	memcpy(buf, handle->text + off, size);
	return size;
}

static ssize_t read_node(struct request *rq, struct handle *handle, char *buf, size_t size,
			 off_t off)
{
	struct node *node = handle->node;
	struct act act = { .op = ACT_READ, .node = node, .who = &rq->who };
	ssize_t r;

	if (node->dead && !node_stored(node))
		return -ENODEV;
	r = act_begin(&act);
	if (r >= 0 && node->dead && !node_stored(node))
		r = -ENODEV;
	if (r == ACT_GO) {
		if (node_stored(node))
			r = store_read(node, buf, size, off);
		else if (node->ops && node->ops->read)
			r = node->ops->read(node->obj, &rq->who, buf, size, off);
		else
			r = read_text(handle, &rq->who, buf, size, off);
	}
	return act_end(&act, r);
}

void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct handle *handle = handle_of(fi);
	char *buf = sim_alloc(size);
	struct request rq;
	ssize_t n;

	(void)ino;
	request_begin(&rq, req);
	rq.who.sys_admin = handle->sys_admin;
	n = read_node(&rq, handle, buf, size, off);
	request_settle(&rq);
	if (n < 0)
		fuse_reply_err(req, -n);
	else
		fuse_reply_buf(req, buf, n);
	free(buf);
}

/* --- Write --- */

/* One write(2) is one call; what is beyond a page is not looked at, as in the kernel. */
static ssize_t store_attr(struct node *node, const struct sim_caller *who, const char *buf,
			  size_t size)
{
	char text[SIM_ATTR_MAX + 1];
	int r;

	if (!node->ops || !node->ops->store)
		return -EIO;
	if (size > SIM_ATTR_MAX)
		size = SIM_ATTR_MAX;
	memcpy(text, buf, size);
	text[size] = '\0';
	r = node->ops->store(node->obj, who, text, size);
	return r < 0 ? r : (ssize_t)size;
}

static ssize_t write_node(struct request *rq, struct node *node, const char *buf, size_t size,
			  off_t off)
{
	struct act act = {
		.op = ACT_WRITE, .node = node, .value = buf, .size = size, .who = &rq->who
	};
	ssize_t r;

	if (node->dead && !node_stored(node))
		return -ENODEV;
	if (size == 0)
		return 0;
	r = act_begin(&act);
	if (r == ACT_PRETEND)
		r = size;
	else if (r > 0 && node->dead && !node_stored(node))
		r = -ENODEV;
	else if (r == ACT_GO && node_stored(node))
		r = store_write(node, buf, size, off);
	else if (r == ACT_GO && node->ops && node->ops->write)
		r = node->ops->write(node->obj, &rq->who, buf, size, off);
	else if (r == ACT_GO)
		r = store_attr(node, &rq->who, buf, size);
	return act_end(&act, r);
}

void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
	      struct fuse_file_info *fi)
{
	struct handle *handle = handle_of(fi);
	struct request rq;
	ssize_t n;

	(void)ino;
	request_begin(&rq, req);
	rq.who.sys_admin = handle->sys_admin;
	n = write_node(&rq, handle->node, buf, size, off);
	request_settle(&rq);
	if (n < 0)
		fuse_reply_err(req, -n);
	else
		fuse_reply_write(req, n);
}

/* --- Sync: everything is in memory; this is where faults are put --- */

static void sync_node(fuse_req_t req, struct node *node)
{
	struct act act = { .op = ACT_FSYNC, .node = node };
	struct request rq;
	int r;

	request_begin(&rq, req);
	act.who = &rq.who;
	r = act_begin(&act);
	r = act_end(&act, r < 0 ? r : 0);
	request_leave(&rq);
	fuse_reply_err(req, r < 0 ? -r : 0);
}

void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)datasync;
	(void)fi;
	sync_node(req, node_of(ino));
}

void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)datasync;
	(void)fi;
	sync_node(req, node_of(ino));
}
