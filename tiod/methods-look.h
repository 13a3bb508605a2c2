/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the methods for which a worker looks at the kernel have in common.
 */

#include "daemon.h"

/*
 * A job for @call, to be filled in and submitted; NULL: there is no room for it, and the call
 * has been told.  @ended gets the call as its argument, and must end it.
 */
struct job *look_new(struct daemon *daemon, struct call *call,
		     void (*ended)(struct job *job, void *arg));

/* The same, filled in with @look and submitted. */
void look_start(struct daemon *daemon, struct call *call, const struct look *look,
		void (*ended)(struct job *job, void *arg));

/* The parameter "function": one that is there; of a VF that could be made, its PF. */
int look_find(const struct daemon *daemon, const struct call *call, struct bdf *ret,
	      struct tio_error *err);

/* 0, or -EBUSY: the security manager is busy with a connect. */
int look_check_turns(const struct daemon *daemon, struct tio_error *err);
