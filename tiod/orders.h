/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One call that became one job a family: gathers how each ends, and answers when the last
 * one has.  A client that goes away leaves its jobs running.
 */

#include "daemon.h"

#define ORDER_JOBS_MAX JOBS_QUEUE_MAX

struct order {
	struct daemon *daemon; /* borrowed */
	struct call *call;     /* NULL once it was answered */
	enum job_kind kind;
	enum verb verb;
	char vm[VM_NAME_MAX];

	struct job *jobs[ORDER_JOBS_MAX]; /* owned until submitted */
	size_t n_jobs, n_open;
	json_t *parts; /* owned: plans or outcomes */
	size_t n_well;
	struct tio_error error; /* the first */
};

/* Takes the call over; NULL when memory is short, and the call has been answered. */
struct order *order_new(struct daemon *daemon, struct call *call, enum job_kind kind,
			enum verb verb);

/* The order's request for @family, made when it is the first; NULL with a sentence. */
struct request *order_request(struct order *order, struct bdf family, struct tio_error *err);

/* Adds @target to its family's request unless it is there.  0 or -errno. */
int order_add(struct order *order, struct bdf family, const struct target *target,
	      struct tio_error *err);

/* Answers with @err and frees the order. */
void order_fail(struct order *order, const struct tio_error *err);

/* Hands its jobs to the queue; frees itself when the last has ended. */
void order_submit(struct order *order, bool wait);
