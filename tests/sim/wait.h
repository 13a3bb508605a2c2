/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Which request a thread works on, and the end of it all: for the machinery.
 * sim_wait() of tree.h asks here whether the requesting process has been killed.
 */

#include <stdbool.h>
#include <sys/types.h>

struct fuse_req;

/* The request in hand of this thread; NULL when it is answered. */
void wait_begin(struct fuse_req *req, pid_t pid);
void wait_end(void);

/* While this thread dumps the tree, nothing may wait: sim_wait() returns -EAGAIN. */
void wait_forbid(bool forbid);

/* The simulation ends: everybody who waits gives up. */
void wait_shutdown(void);
