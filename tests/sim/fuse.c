/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "alloc.h"
#include "fuse-ops.h"
#include "fuse.h"

/* A request that hangs keeps a thread: a bound against runaways, not a working size. */
#define THREADS_MAX 1024

static struct {
	struct fuse_session *session;
	pthread_t thread;
	bool running;
} server;

/*
 * Truncation on open comes as a setattr of its own: for attributes it means nothing,
 * and for stored files it is an operation that can fail by itself.  The target of a link
 * never changes, so the kernel may keep it: a new link is a new node.
 */
static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->want &= ~(unsigned int)FUSE_CAP_ATOMIC_O_TRUNC;
	conn->want |= conn->capable & FUSE_CAP_CACHE_SYMLINKS;
}

static const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.mkdir = op_mkdir,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.rename = op_rename,
	.create = op_create,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.release = op_release,
	.fsync = op_fsync,
	.statfs = op_statfs,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.releasedir = op_releasedir,
	.fsyncdir = op_fsyncdir,
};

int fuse_mount_at(const char *where)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC), r;
	char *options;

	if (fd < 0)
		return -errno;
	options = sim_printf("fd=%d,rootmode=40755,user_id=0,group_id=0,"
			     "default_permissions,allow_other",
			     fd);
	r = mount("tio-sim", where, "fuse", MS_NOSUID | MS_NODEV, options);
	r = r < 0 ? -errno : fd;
	free(options);
	if (r < 0)
		close(fd);
	return r;
}

static void *serve(void *arg)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();

	(void)arg;
	fuse_loop_cfg_set_max_threads(config, THREADS_MAX);
	fuse_session_loop_mt(server.session, config);
	fuse_loop_cfg_destroy(config);
	return NULL;
}

int fuse_start(int fd)
{
	char *argv[] = { (char *)"tio-sim", NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	char path[32];

	server.session = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	fuse_opt_free_args(&args);
	if (!server.session)
		return -ENOMEM;
	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	if (fuse_session_mount(server.session, path) < 0)
		return -EIO;
	if (pthread_create(&server.thread, NULL, serve, NULL))
		return -EAGAIN;
	server.running = true;
	return 0;
}

struct fuse_session *fuse_server(void)
{
	return server.session;
}

void fuse_stop(void)
{
	if (server.running)
		pthread_join(server.thread, NULL);
	if (server.session)
		fuse_session_destroy(server.session);
	server.session = NULL;
	opened_free_all();
}
