/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What automatic.c and automatic-rules.c share: jobs that nobody waits for.  Their end is
 * noted as the card's failure or success.
 */

#include "daemon.h"

/* NULL when memory is short, which is logged; own_job_submit() begins it. */
struct job *automatic_new_job(struct daemon *daemon, enum verb verb, struct bdf family,
			      unsigned occasion);

/* False when the request is full. */
bool automatic_add_target(struct job *job, const struct target *target);

/* NULL with a sentence. */
const struct vm *automatic_find_vm(const struct daemon *daemon, const char *name,
				   struct tio_error *err);

/* All functions of @card, of which each may have a rule of its own. */
void automatic_follow_rules(struct daemon *daemon, struct bdf card, unsigned occasion);
