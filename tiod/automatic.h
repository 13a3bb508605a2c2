/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What tiod does without being asked: at boot it brings reserved functions up again and
 * follows the rules; when a card comes, it gives it back to whom it is reserved for, or
 * follows the rules.  All of it are ordinary jobs, with the refusals of `tioctl attach`.
 *
 * Each occasion is one try.  What fails because the host, the TSM or a VM's file lacks
 * something is tried again when a TSM comes or the configuration is read again.
 */

#include "bdf-set.h"
#include "core/rules.h"

struct daemon;

struct automatic {
	struct bdf_set added;   /* cards that came and were not looked at yet */
	struct bdf_set waiting; /* cards for which something was lacking */
	size_t n_tsms;          /* as many as there were */
};

/* To be called once when the host is known.  Restarts of tiod are no boot. */
void automatic_start(struct daemon *daemon);
void automatic_finish(struct automatic *automatic);

/* A function has come into the cache. */
void automatic_added(struct daemon *daemon, struct bdf bdf);

/* The cache is up to date: looks at what came, and at what waited for a TSM. */
void automatic_look(struct daemon *daemon);

/* Something that was lacking may be there now. */
void automatic_retry(struct daemon *daemon);

/*
 * What decides about @f on that occasion; NULL: no rule, and @policy says what is done with
 * such cards.
 */
const struct rule *automatic_rule(const struct daemon *daemon, const struct function *f,
				  unsigned occasion, enum rule_action *policy);
