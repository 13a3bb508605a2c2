/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What tiod does without being asked: at boot it brings reserved functions up again and
 * follows the rules; when a card comes, it gives it back to whom it is reserved for, or
 * follows the rules.  All of it are ordinary jobs, with the refusals of `tioctl attach`.
 *
 * Each occasion is one try.  What fails because the host, the TSM or a VM's file lacks
 * something is tried again when a TSM comes or the configuration is read again; what an admin
 * does with the card ends that.
 */

#include "base/error.h"
#include "bdf-set.h"
#include "core/rules.h"

struct daemon;
struct job;

/* A try that failed. */
struct attempt {
	struct bdf card;
	char vm[VM_NAME_MAX]; /* "" if it was for none */
	unsigned occasion;
	bool reserved; /* by a reservation, else by a rule */
	bool again;    /* the host may have later what was lacking */
	struct tio_error why;
};

struct automatic {
	struct bdf_set added;   /* cards that came and were not looked at yet */
	struct attempt *failed; /* owned */
	size_t n_failed;
	bool started;       /* what was there at the start has been looked at */
	unsigned boot_jobs; /* that have not ended */
	bool booting;       /* they are not all submitted, or not all at their end */
	bool tsm_came;
	bool put_off; /* a retry waits for a job on its card */
};

/*
 * To be called when the host is known; waits for the configuration if that is not.  Restarts of
 * tiod are no boot.
 */
void automatic_start(struct daemon *daemon);

/* The runtime folder was cleared: a boot that was seen is not to be seen again. */
void automatic_restamp(const struct daemon *daemon);
void automatic_finish(struct automatic *automatic);

/* A change has ended that somebody asked for: failures of before are no matter any more. */
void automatic_job_ended(struct daemon *daemon, const struct job *job);

/* One less is on the list: what waited for it may begin. */
void automatic_jobs_free(struct daemon *daemon);

/* Operations on TSMs are possible: those that waited for one are tried when it is read. */
void automatic_tsm_came(struct daemon *daemon);

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
