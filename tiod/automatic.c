/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "automatic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "automatic-jobs.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "core/moves.h"
#include "own-jobs.h"

#define BOOT_STAMP "booted" /* in the runtime folder, which a boot empties */

/* --- What failed --- */

/* The host may have it later: worth another try. */
static bool may_come(const struct tio_error *error)
{
	return error->kind == ERROR_NOT_READY || error->kind == ERROR_NO_VM ||
	       error->kind == ERROR_BUSY;
}

static void forget_failure(struct automatic *automatic, struct bdf card, const char *vm)
{
	for (size_t i = automatic->n_failed; i-- > 0;)
		if (bdf_equal(automatic->failed[i].card, card) &&
		    (!vm || strcmp(automatic->failed[i].vm, vm) == 0))
			automatic->failed[i] = automatic->failed[--automatic->n_failed];
}

static void keep_attempt(struct automatic *automatic, const struct attempt *attempt)
{
	struct attempt *failed;

	forget_failure(automatic, attempt->card, attempt->vm);
	failed = reallocarray(automatic->failed, automatic->n_failed + 1, sizeof(*failed));
	if (!failed) {
		log_error("memory is short: a card is not tried again");
		return;
	}
	automatic->failed = failed;
	failed[automatic->n_failed++] = *attempt;
}

static void keep_failure(struct automatic *automatic, const struct job *job)
{
	struct attempt failed = { .card = job->request.family,
				  .occasion = job->occasion,
				  .reserved = job->request.reserved_only,
				  .again = may_come(&job->error),
				  .why = job->error };

	text_copy(failed.vm, sizeof(failed.vm), job->request.vm.name);
	keep_attempt(automatic, &failed);
}

void automatic_job_ended(struct daemon *daemon, const struct job *job)
{
	for (size_t i = 0; !job->own && i < job->request.n_families; i++)
		forget_failure(&daemon->automatic, job->request.families[i], NULL);
}

/* --- Jobs that nobody waits for --- */

static void end_boot(struct daemon *daemon);

static void note_failure(struct daemon *daemon, struct bdf function,
			 const struct tio_error *why)
{
	cache_set_error(&daemon->cache, function, why);
	events_changed(daemon, function);
}

static void on_ended(struct job *job, void *arg)
{
	struct daemon *daemon = arg;

	if (job->code == 0) {
		forget_failure(&daemon->automatic, job->request.family, job->request.vm.name);
	} else {
		for (size_t i = 0; i < job->request.n_targets; i++)
			note_failure(daemon, job->request.targets[i].function, &job->error);
		if (job->request.n_targets == 0)
			note_failure(daemon, job->request.family, &job->error);
		keep_failure(&daemon->automatic, job);
	}
	if (job->occasion & RULE_BOOT && daemon->automatic.boot_jobs > 0)
		daemon->automatic.boot_jobs--;
	end_boot(daemon);
}

struct job *automatic_new_job(struct daemon *daemon, enum verb verb, struct bdf family,
			      unsigned occasion)
{
	struct job *job = own_job_new(daemon, verb, family);

	if (!job)
		return NULL;
	job->occasion = occasion;
	daemon->automatic.boot_jobs += (occasion & RULE_BOOT) != 0;
	job->ended = on_ended;
	job->arg = daemon;
	return job;
}

bool automatic_add_target(struct job *job, const struct target *target)
{
	struct request *request = &job->request;

	if (request->n_targets == REQUEST_TARGETS_MAX)
		return false;
	request->targets[request->n_targets++] = *target;
	return true;
}

/* The VM's file, or what to say when there is none. */
const struct vm *automatic_find_vm(const struct daemon *daemon, const char *name,
				   struct tio_error *err)
{
	const struct vm *vm = config_find_vm(&daemon->config, name);

	if (!vm)
		error_kind_set(err, ERROR_NO_VM, -ENOENT, "no file describes the VM \"%s\"",
			       name);
	return vm;
}

/* --- What is reserved --- */

/* It is @card's, or a VF of one of its functions. */
static bool is_of(const struct daemon *daemon, const struct assignment *one, struct bdf card)
{
	struct bdf owner = one->physfn.valid ? one->physfn : one->function;
	const struct function *f = snapshot_find(&daemon->cache.snap, owner);

	return f && bdf_equal(function_family(f), card);
}

/* Enough VFs for those that are reserved, if there are none yet. */
static void want_vfs(const struct daemon *daemon, const struct assignment *one,
		     struct request *request)
{
	const struct function *pf = snapshot_find(&daemon->cache.snap, one->physfn);
	unsigned least = (unsigned)(one->vf_index + 1);

	if (!pf || pf->vfs)
		return;
	if (one->vfs > least)
		least = one->vfs;
	if (least > request->vfs)
		request->vfs = least;
}

static void drop(struct job *job)
{
	if (job->occasion & RULE_BOOT)
		job->daemon->automatic.boot_jobs--;
	free(job);
}

/* One job for all that @vm has of @card. */
static void attach_reserved(struct daemon *daemon, struct bdf card, const char *vm,
			    unsigned occasion)
{
	const struct assignments *all = &daemon->cache.all;
	struct job *job = automatic_new_job(daemon, VERB_ATTACH, card, occasion);
	struct tio_error err = TIO_ERROR_NONE;
	const struct vm *found = automatic_find_vm(daemon, vm, &err);

	if (!job)
		return;
	for (size_t i = 0; i < all->n; i++) {
		const struct assignment *one = &all->list[i];
		struct target target = target_of_assignment(one);

		/* Whoever is at work on it may be giving it up. */
		if (strcmp(one->vm, vm) != 0 || !is_of(daemon, one, card) ||
		    jobs_of_function(daemon, one->function))
			continue;
		want_vfs(daemon, one, &job->request);
		(void)automatic_add_target(job, &target);
	}
	text_copy(job->request.vm.name, sizeof(job->request.vm.name), vm);
	if (found)
		job->request.vm = *found;
	job->request.reserved_only = true;
	if (job->request.n_targets)
		own_job_submit(job, err.code, &err);
	else
		drop(job);
}

/* Everybody who has something of @card gets it; false when nobody has. */
static bool bring_back(struct daemon *daemon, struct bdf card, unsigned occasion)
{
	const struct assignments *all = &daemon->cache.all;
	bool any = false;

	for (size_t i = 0; i < all->n; i++) {
		bool first = is_of(daemon, &all->list[i], card);

		for (size_t k = 0; first && k < i; k++)
			first = strcmp(all->list[k].vm, all->list[i].vm) != 0 ||
				!is_of(daemon, &all->list[k], card);
		if (!first)
			continue;
		attach_reserved(daemon, card, all->list[i].vm, occasion);
		any = true;
	}
	return any;
}

/* --- Reservations by slot or serial, whose card came back somewhere else --- */

static void on_moved(struct job *job, void *arg)
{
	struct daemon *daemon = arg;

	if (job->code == 0 && daemon->phase == DAEMON_READY)
		(void)bring_back(daemon, job->request.moved_to, job->occasion);
	on_ended(job, daemon);
}

static void move_card(struct daemon *daemon, const struct assignment *one, struct bdf card,
		      unsigned occasion)
{
	struct job *job = automatic_new_job(daemon, VERB_MOVE, one->family, occasion);
	struct target from = target_of_assignment(one);
	struct tio_error none = TIO_ERROR_NONE;
	char old[BDF_STRLEN], new[BDF_STRLEN];

	if (!job)
		return;
	log_info("%s: what is reserved as %s for %s is the card %s now",
		 bdf_format(one->function, old), one->named, one->vm, bdf_format(card, new));
	(void)automatic_add_target(job, &from);
	job->request.moved_to = card;
	job->request.families[job->request.n_families++] = card;
	text_copy(job->request.vm.name, sizeof(job->request.vm.name), one->vm);
	job->request.reserved_only = true;
	job->ended = on_moved;
	own_job_submit(job, 0, &none);
}

/* True when something that is reserved by slot or serial turned out to be @card. */
static bool move_here(struct daemon *daemon, struct bdf card, unsigned occasion)
{
	const struct assignments *all = &daemon->cache.all;
	struct bdf now;

	for (size_t i = 0; i < all->n; i++) {
		if (!moves_find(&daemon->cache.snap, &all->list[i], &now) ||
		    !bdf_equal(now, card))
			continue;
		if (!jobs_of_function(daemon, all->list[i].function))
			move_card(daemon, &all->list[i], card, occasion);
		return true;
	}
	return false;
}

/* --- Occasions --- */

static void consider(struct daemon *daemon, struct bdf card, unsigned occasion)
{
	if (!bring_back(daemon, card, occasion) && !move_here(daemon, card, occasion))
		automatic_follow_rules(daemon, card, occasion);
}

static bool was_seen(const struct daemon *daemon)
{
	return faccessat(daemon->host.runtime_fd, BOOT_STAMP, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void stamp_boot(const struct daemon *daemon)
{
	auto_close int fd = openat(daemon->host.runtime_fd, BOOT_STAMP,
				   O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		log_warning("cannot note that this boot was seen: %m");
}

void automatic_restamp(const struct daemon *daemon)
{
	if (daemon->phase == DAEMON_READY && daemon->automatic.started &&
	    !daemon->automatic.booting)
		stamp_boot(daemon);
}

/* The boot is over when its last job is: a tiod that dies before that begins again. */
static void end_boot(struct daemon *daemon)
{
	if (!daemon->automatic.booting || daemon->automatic.boot_jobs ||
	    daemon->phase != DAEMON_READY)
		return;
	daemon->automatic.booting = false;
	stamp_boot(daemon);
}

void automatic_start(struct daemon *daemon)
{
	const struct snapshot *snap = &daemon->cache.snap;
	struct bdf_set cards = { 0 };

	if (!daemon->reload.known)
		return;
	daemon->automatic.started = true;
	if (was_seen(daemon))
		return;
	for (size_t i = 0; i < snap->n_functions; i++)
		if (rule_concerns(&snap->functions[i]) &&
		    bdf_set_add(&cards, function_family(&snap->functions[i])) < 0)
			log_error("memory is short: a card is left out");
	/* Jobs that fail at once must not end it before all are there. */
	for (size_t i = 0; i < cards.n; i++)
		consider(daemon, cards.list[i], RULE_BOOT);
	bdf_set_finish(&cards);
	daemon->automatic.booting = true;
	end_boot(daemon);
}

void automatic_added(struct daemon *daemon, struct bdf bdf)
{
	const struct function *f = snapshot_find(&daemon->cache.snap, bdf);

	if (daemon->phase != DAEMON_READY || !f || !rule_concerns(f))
		return;
	if (bdf_set_add(&daemon->automatic.added, function_family(f)) < 0)
		log_error("memory is short: a card that came is not looked at");
}

/* As it was the first time: a reservation is no reason to follow a rule. */
static void try_again(struct daemon *daemon, const struct attempt *failed)
{
	if (!snapshot_find(&daemon->cache.snap, failed->card) && !failed->reserved)
		return;
	if (!failed->reserved)
		consider(daemon, failed->card, failed->occasion);
	else if (!bring_back(daemon, failed->card, failed->occasion))
		(void)move_here(daemon, failed->card, failed->occasion);
}

/* tiod makes the card's link anew: nothing that is given is touched before that has ended. */
static bool is_at_work(const struct daemon *daemon, struct bdf card)
{
	for (const struct job *job = daemon->jobs.list; job; job = job->next)
		for (size_t i = 0; job->own && !job->occasion && i < job->request.n_families;
		     i++)
			if (job->state != JOB_STUCK &&
			    bdf_equal(job->request.families[i], card))
				return true;
	return false;
}

void automatic_retry(struct daemon *daemon)
{
	struct automatic *automatic = &daemon->automatic;
	struct attempt *failed = automatic->failed;
	size_t n = automatic->n_failed;

	if (daemon->phase != DAEMON_READY)
		return;
	if (!automatic->started) {
		automatic_start(daemon);
		return;
	}
	automatic->failed = NULL;
	automatic->n_failed = 0;
	automatic->put_off = false;
	for (size_t i = 0; i < n; i++) {
		if (!failed[i].again)
			continue;
		if (!is_at_work(daemon, failed[i].card)) {
			try_again(daemon, &failed[i]);
			continue;
		}
		keep_attempt(automatic, &failed[i]);
		automatic->put_off = true;
	}
	free(failed);
}

void automatic_jobs_free(struct daemon *daemon)
{
	if (daemon->automatic.put_off)
		automatic_retry(daemon);
}

void automatic_tsm_came(struct daemon *daemon)
{
	daemon->automatic.tsm_came = true;
}

void automatic_look(struct daemon *daemon)
{
	struct automatic *automatic = &daemon->automatic;
	struct bdf_set now = automatic->added;

	/* A card's functions come one by one. */
	if (scans_has_work(daemon) || daemon->phase != DAEMON_READY)
		return;
	if (automatic->tsm_came)
		automatic_retry(daemon);
	automatic->tsm_came = false;
	automatic->added = (struct bdf_set){ 0 };
	for (size_t i = 0; i < now.n; i++)
		if (snapshot_find(&daemon->cache.snap, now.list[i]))
			consider(daemon, now.list[i], RULE_HOTPLUG);
	bdf_set_finish(&now);
}

void automatic_finish(struct automatic *automatic)
{
	bdf_set_finish(&automatic->added);
	free(automatic->failed);
}
