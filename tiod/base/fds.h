/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Descriptors that go along with a message on a unix socket (SCM_RIGHTS), from a worker to
 * tiod, from there to a client, and in tioctl.
 */

#include <stddef.h>
#include <sys/types.h>

#define FDS_MAX 253 /* SCM_MAX_FD of include/net/scm.h */

/* As send(2), with @n descriptors, which stay the caller's. */
ssize_t fds_send(int socket, const void *data, size_t size, const int *fds, size_t n,
		 int flags);

/*
 * As recv(2); the descriptors that came along are the caller's, and close on exec.  -1 with
 * EMFILE: some of them could not be taken, and none is kept.
 */
ssize_t fds_receive(int socket, void *data, size_t size, int fds[static FDS_MAX], size_t *n,
		    int flags);

/* As fds_receive(); but of descriptors that do not all fit, those that do are the caller's. */
ssize_t fds_take(int socket, void *data, size_t size, int fds[static FDS_MAX], size_t *n,
		 int flags);

void fds_close(int *fds, size_t *n);
