/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Carries a plan out, step by step: journal, write, verify; and back again when a
 * step fails.  Straight-line code for a worker process; the daemon keeps the
 * deadlines and ends the worker when one passes.
 */

#include "core/host.h"
#include "core/journal.h"
#include "core/plan.h"
#include "core/plugins.h"

struct engine {
	const struct host_ops *ops;
	void *host;
	struct snapshot *snap;         /* this worker's own copy; kept up to date */
	const struct assignments *all; /* as they stood when the worker began */
	struct journal *journal;       /* of the request's family, locked */
	const struct plugins *plugins; /* loaded in this worker; may be NULL */
	unsigned deadline_ms;          /* of every step; 0: each step's own */
	bool plan_only;                /* somebody only asks */
};

/*
 * Does what @request asks: observes the family afresh, plans, and runs the plan.  On
 * failure the host is as before, and @err says what failed; if it could not be put
 * back err->kind is ERROR_STUCK and the journal stays in flight.
 * @plan_only: only fills @ret_plan.  @ret_plan may be NULL, @err may not.
 */
int engine_run(struct engine *engine, struct request *request, bool plan_only,
	       struct plan *ret_plan, struct tio_error *err);

enum recovery {
	RECOVERY_NOTHING,   /* nothing was in flight */
	RECOVERY_UNDONE,    /* an attach, connect or reconnect was taken back */
	RECOVERY_LINK_DOWN, /* a reconnect ended without a link, as one that fails does */
	RECOVERY_COMPLETED, /* a detach or disconnect was carried through */
	RECOVERY_WENT_BACK, /* a detach or disconnect could not be, and was taken back; see @err
			     */
};

/*
 * Finishes what a dead worker or daemon left in flight: undoes an attach, completes a
 * detach.  0: nothing is in flight any more.  Otherwise as a failed undo: ERROR_STUCK.
 */
int engine_recover(struct engine *engine, enum recovery *ret, struct tio_error *err);
