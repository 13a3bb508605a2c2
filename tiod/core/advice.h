/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What plugins say about the functions of a request: asked while the engine observes, kept
 * in the snapshot, and heard by the plan.  It can refuse and warn, and nothing else.
 */

#include "core/plan.h"
#include "core/plugins.h"

/*
 * Asks about every target of an attach or connect and adds the answers to @snap.  Negative:
 * a plugin did not answer, and @err says which.
 */
int advice_collect(const struct plugins *plugins, const struct request *request,
		   struct snapshot *snap, struct tio_error *err);

/* 0, with notes added to @plan, or the refusal of @target in @err. */
int advice_check(const struct snapshot *snap, const struct target *target, struct plan *plan,
		 struct tio_error *err);
