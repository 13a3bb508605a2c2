/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The tree served to the processes of the simulation.  run.c mounts it; requests are
 * answered by as many threads as there are requests that wait.
 */

#include <sys/types.h>

/*
 * Opens /dev/fuse and mounts it on the directory @where, for the processes of our user
 * namespace.  Returns the file descriptor or -errno.
 */
int fuse_mount_at(const char *where);
/* Starts the threads that answer on @fd, which is taken. */
int fuse_start(int fd);
struct fuse_session *fuse_server(void); /* NULL unless started */
/* Waits for the threads to end, which they do once the mount is gone for good. */
void fuse_stop(void);
