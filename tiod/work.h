/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The pieces of work that a worker process does: reading the host, carrying out a
 * request, and finishing what a dead worker left.  Everything here runs in the child and
 * sees the daemon's cache as it was when the child was forked.
 */

#include "core/request.h"
#include "host/host.h"
#include "look.h"
#include "worker.h"

enum work_kind {
	WORK_SCAN,    /* read the host, or what changed of it */
	WORK_CHANGE,  /* carry @request out */
	WORK_PLAN,    /* only say the steps */
	WORK_RECOVER, /* finish or undo what is in flight in request->family */
	WORK_LOOK,    /* read what @look says */
};

struct work {
	enum work_kind kind;
	struct host *host;
	const struct snapshot *known;
	const struct assignments *all;
	unsigned turn_seconds;

	/* WORK_SCAN */
	const struct bdf *dirty; /* to be read again */
	size_t n_dirty;
	const struct bdf *gone; /* were removed: nothing of them may be kept */
	size_t n_gone;
	bool from_nothing; /* as if nothing were known */
	bool links;
	bool first; /* also assignments and journals */

	/* WORK_LOOK */
	const struct look *look;

	/* the others */
	struct request *request;
	unsigned deadline_ms; /* of every step; 0: each step's own */
};

/* A work_fn for worker_start(); @arg is a struct work. */
void work_run(struct channel *channel, void *arg, struct result *ret);
