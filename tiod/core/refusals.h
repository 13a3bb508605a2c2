/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Why a request is not carried out: one rule a reason, in the order in which an
 * operator would want to hear of them.
 */

#include "core/plan.h"
#include "core/steps.h"

/*
 * 0, perhaps with notes added to @plan; or a refusal in @err: kind, function, sentence and
 * what to do.  @plan is what would be done; a plan without steps is never refused for what
 * the host lacks.
 */
int refusals_check(const struct step_facts *facts, struct plan *plan, struct tio_error *err);
