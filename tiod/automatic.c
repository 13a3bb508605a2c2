/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "automatic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon.h"
#include "targets.h"

#define BOOT_STAMP "booted" /* in the runtime folder, which a boot empties */

/* --- Jobs that nobody waits for --- */

/* The card that a job is about: what fails for it is kept under its function 0. */
static struct bdf card_of(const struct job *job)
{
	return job->request.family;
}

/* The host may have it later: worth another try. */
static bool may_come(const struct tio_error *error)
{
	return error->kind == ERROR_NOT_READY || error->kind == ERROR_NO_VM ||
	       error->kind == ERROR_BUSY;
}

static void wait_for_better(struct daemon *daemon, struct bdf card)
{
	if (bdf_set_add(&daemon->automatic.waiting, card) < 0)
		log_error("memory is short: a card is not tried again");
}

static void note_failure(struct daemon *daemon, struct bdf function,
			 const struct tio_error *why)
{
	cache_set_error(&daemon->cache, function, why);
	events_changed(daemon, function);
}

static void on_ended(struct job *job, void *arg)
{
	struct daemon *daemon = arg;

	if (job->code == 0)
		return;
	for (size_t i = 0; i < job->request.n_targets; i++)
		note_failure(daemon, job->request.targets[i].function, &job->error);
	if (job->request.n_targets == 0)
		note_failure(daemon, card_of(job), &job->error);
	if (may_come(&job->error))
		wait_for_better(daemon, card_of(job));
}

static struct job *new_job(struct daemon *daemon, enum verb verb, struct bdf family)
{
	struct job *job = job_new(daemon, JOB_CHANGE);

	if (!job) {
		log_error("memory is short: %s is left out", verb_to_string(verb));
		return NULL;
	}
	job->request.verb = verb;
	job->request.family = family;
	job->who = (struct peer){ .uid = getuid(), .pid = getpid() };
	job->ended = on_ended;
	job->arg = daemon;
	return job;
}

static bool add_target(struct job *job, const struct target *target)
{
	struct request *request = &job->request;

	if (request->n_targets == REQUEST_TARGETS_MAX)
		return false;
	request->targets[request->n_targets++] = *target;
	return true;
}

/* Takes @job over. */
static void submit(struct job *job, int r, const struct tio_error *err)
{
	struct daemon *daemon = job->daemon;
	struct tio_error why = *err;
	char name[BDF_STRLEN];

	if (r == 0)
		r = targets_list_families(daemon, &job->request, &why);
	for (size_t i = 0; r == 0 && i < job->request.n_families; i++)
		r = jobs_check_family(daemon, job->request.families[i], &why);
	if (r == 0 && daemon->unreadable.code) {
		why = daemon->unreadable;
		r = why.code;
	}
	if (r == 0) {
		job_submit(job);
		return;
	}
	log_warning("%s: %s is not done: %s", bdf_format(job->request.family, name),
		    verb_to_string(job->request.verb), why.text);
	job->error = why;
	job->code = r;
	job->ended(job, job->arg);
	free(job);
}

/* The VM's file, or what to say when there is none. */
static const struct vm *find_vm(const struct daemon *daemon, const char *name,
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

static struct target target_of(const struct assignment *one)
{
	struct target target = { .function = one->function,
				 .physfn = one->physfn,
				 .vf_index = one->vf_index,
				 .lead = one->lead };

	text_copy(target.named, sizeof(target.named), one->named);
	return target;
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

/* One job for all that @vm has of @card. */
static void attach_reserved(struct daemon *daemon, struct bdf card, const char *vm)
{
	const struct assignments *all = &daemon->cache.all;
	struct job *job = new_job(daemon, VERB_ATTACH, card);
	struct tio_error err = TIO_ERROR_NONE;
	const struct vm *found = find_vm(daemon, vm, &err);

	if (!job)
		return;
	for (size_t i = 0; i < all->n; i++) {
		const struct assignment *one = &all->list[i];
		struct target target = target_of(one);

		/* Whoever is at work on it may be giving it up. */
		if (strcmp(one->vm, vm) != 0 || !is_of(daemon, one, card) ||
		    jobs_of_function(daemon, one->function))
			continue;
		want_vfs(daemon, one, &job->request);
		(void)add_target(job, &target);
	}
	if (found)
		job->request.vm = *found;
	job->request.reserved_only = true;
	if (job->request.n_targets)
		submit(job, err.code, &err);
	else
		free(job);
}

/* Everybody who has something of @card gets it; false when nobody has. */
static bool bring_back(struct daemon *daemon, struct bdf card)
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
		attach_reserved(daemon, card, all->list[i].vm);
		any = true;
	}
	return any;
}

/* --- Reservations by slot or serial, whose card came back somewhere else --- */

/* What is done when the old address has been given up. */
struct move {
	struct daemon *daemon;
	struct target target;
	char vm[VM_NAME_MAX];
	unsigned vfs;
};

static void on_given_up(struct job *job, void *arg)
{
	struct move *move = arg;
	struct tio_error err = TIO_ERROR_NONE;
	const struct vm *vm = find_vm(move->daemon, move->vm, &err);
	const struct function *pf;
	struct job *next;

	if (job->code == 0) {
		next = new_job(move->daemon, VERB_ATTACH,
			       target_family(move->daemon, &move->target));
		if (next) {
			pf = snapshot_find(&move->daemon->cache.snap, move->target.physfn);
			next->request.vfs = pf && !pf->vfs ? move->vfs : 0;
			(void)add_target(next, &move->target);
			if (vm)
				next->request.vm = *vm;
			submit(next, err.code, &err);
		}
	}
	free(move);
}

static void move_one(struct daemon *daemon, const struct assignment *one,
		     const struct target *to)
{
	struct move *move = calloc(1, sizeof(*move));
	struct job *job = move ? new_job(daemon, VERB_DETACH, one->family) : NULL;
	struct target from = target_of(one);
	struct tio_error none = TIO_ERROR_NONE;
	char old[BDF_STRLEN], new[BDF_STRLEN];

	if (!job) {
		free(move);
		return;
	}
	log_info("%s: what was reserved as %s for %s is now %s", bdf_format(one->function, old),
		 one->named, one->vm, bdf_format(to->function, new));
	*move = (struct move){ .daemon = daemon, .target = *to, .vfs = one->vfs };
	if (to->vf_index >= 0 && move->vfs <= (unsigned)to->vf_index)
		move->vfs = (unsigned)to->vf_index + 1;
	text_copy(move->vm, sizeof(move->vm), one->vm);
	(void)add_target(job, &from);
	job->ended = on_given_up;
	job->arg = move;
	submit(job, 0, &none);
}

static bool is_named_by_card(const struct assignment *one)
{
	return strncmp(one->named, "slot:", 5) == 0 || strncmp(one->named, "serial:", 7) == 0;
}

/* True when something that is reserved by slot or serial turned out to be @card. */
static bool move_here(struct daemon *daemon, struct bdf card)
{
	const struct assignments *all = &daemon->cache.all;
	struct tio_error why = TIO_ERROR_NONE;
	struct target to;
	bool any = false;

	for (size_t i = 0; i < all->n; i++) {
		const struct assignment *one = &all->list[i];
		struct bdf owner = one->physfn.valid ? one->physfn : one->function;

		if (!is_named_by_card(one) || snapshot_find(&daemon->cache.snap, owner) ||
		    request_resolve(&daemon->cache.snap, one->named, &to, &why) < 0 ||
		    !bdf_equal(target_family(daemon, &to), card))
			continue;
		move_one(daemon, one, &to);
		any = true;
	}
	return any;
}

/* --- Rules --- */

const struct rule *automatic_rule(const struct daemon *daemon, const struct function *f,
				  unsigned occasion, enum rule_action *policy)
{
	const struct config *config = &daemon->config;

	*policy = RULE_NONE;
	if (function_is_tdisp(f) && f->bdf.function == 0)
		*policy = occasion == RULE_BOOT ? config->present : config->inserted;
	return rules_find(config->rules, config->n_rules, f, occasion);
}

/* As an admin would name it: by what the rule names, so that it is found again elsewhere. */
static void name_by(const struct rule *rule, const struct function *f, char *buf, size_t size)
{
	char name[BDF_STRLEN];

	buf[0] = '\0';
	if (rule->match.given & 1u << MATCH_SERIAL && f->bdf.function == 0)
		text_append(buf, size, "serial:%s", f->serial);
	else if (rule->match.given & 1u << MATCH_SLOT && f->bdf.function == 0)
		text_append(buf, size, "slot:%s", f->slot);
	else
		text_copy(buf, size, bdf_format(f->bdf, name));
}

static int add_by_rule(struct job *job, const struct rule *rule, const struct function *f,
		       struct tio_error *err)
{
	static const struct plugins none;
	const struct snapshot *snap = &job->daemon->cache.snap;
	struct target target;
	char base[48], name[64];
	int r = 0;

	name_by(rule, f, base, sizeof(base));
	for (unsigned i = 0; r == 0 && i < (rule->vf ? rule->n_vfs : 1); i++) {
		text_copy(name, sizeof(name), base);
		if (rule->vf)
			text_append(name, sizeof(name), "/vf%u", i);
		r = request_resolve(snap, name, &target, err);
		if (r == 0 && !add_target(job, &target))
			r = error_kind_set(err, ERROR_INVALID, -E2BIG, "too many VFs");
	}
	if (r == 0) {
		job->request.with_companions = rule->companions;
		job->request.vfs = rule->vf && !f->vfs ? rule->n_vfs : 0;
		r = request_add_companions(snap, &none, &job->request, err);
	}
	return r;
}

static void attach_by_rule(struct daemon *daemon, const struct rule *rule,
			   const struct function *f)
{
	struct job *job = new_job(daemon, VERB_ATTACH, function_family(f));
	struct tio_error err = TIO_ERROR_NONE;
	const struct vm *vm = find_vm(daemon, rule->vm, &err);
	int r = err.code;

	if (!job)
		return;
	if (r == 0) {
		job->request.vm = *vm;
		r = add_by_rule(job, rule, f, &err);
	}
	submit(job, r, &err);
}

static void connect_card(struct daemon *daemon, const struct function *f)
{
	struct job *job = new_job(daemon, VERB_CONNECT, function_family(f));
	struct target target = { .function = f->bdf, .lead = f->bdf, .vf_index = -1 };
	struct tio_error none = TIO_ERROR_NONE;

	if (!job)
		return;
	(void)add_target(job, &target);
	submit(job, 0, &none);
}

static void tell(struct daemon *daemon, const struct function *f, const char *by)
{
	char name[BDF_STRLEN];

	log_info("%s: %s %s (%s)", bdf_format(f->bdf, name), f->name,
		 function_is_tdisp(f) ? "can do TDISP or IDE" : "is there", by);
	events_changed(daemon, f->bdf);
}

static void follow_rules(struct daemon *daemon, const struct function *f, unsigned occasion)
{
	enum rule_action action;
	const struct rule *rule = automatic_rule(daemon, f, occasion, &action);
	char name[BDF_STRLEN], what[128];

	if (rule) {
		action = rule->action;
		rule_describe(rule, what, sizeof(what));
		log_info("%s: rule %s (%s): %s", bdf_format(f->bdf, name), rule->name,
			 rule_occasions(occasion), what);
	}
	if (action == RULE_ATTACH)
		attach_by_rule(daemon, rule, f);
	else if (action == RULE_CONNECT)
		connect_card(daemon, f);
	else if (action == RULE_REPORT)
		tell(daemon, f, rule ? rule->name : "by policy");
}

/* --- Occasions --- */

/* All functions of @card, of which each may have a rule of its own. */
static void follow_rules_of(struct daemon *daemon, struct bdf card, unsigned occasion)
{
	const struct snapshot *snap = &daemon->cache.snap;

	for (size_t i = 0; i < snap->n_functions; i++)
		if (rule_concerns(&snap->functions[i]) &&
		    bdf_equal(function_family(&snap->functions[i]), card))
			follow_rules(daemon, &snap->functions[i], occasion);
}

static void consider(struct daemon *daemon, struct bdf card, unsigned occasion)
{
	if (!bring_back(daemon, card) && !move_here(daemon, card))
		follow_rules_of(daemon, card, occasion);
}

/* True once a boot. */
static bool is_boot(const struct daemon *daemon)
{
	auto_close int fd = openat(daemon->host.runtime_fd, BOOT_STAMP,
				   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0 && errno != EEXIST)
		log_warning("cannot note that this boot was seen: %m");
	return fd >= 0;
}

void automatic_start(struct daemon *daemon)
{
	const struct snapshot *snap = &daemon->cache.snap;

	daemon->automatic.n_tsms = snap->n_tsms;
	if (!is_boot(daemon))
		return;
	for (size_t i = 0; i < snap->n_functions; i++) {
		struct bdf card = function_family(&snap->functions[i]);

		/* Function 0 names the card; without it, its first function does. */
		if (rule_concerns(&snap->functions[i]) &&
		    (i == 0 || !bdf_equal(function_family(&snap->functions[i - 1]), card)))
			consider(daemon, card, RULE_BOOT);
	}
}

void automatic_added(struct daemon *daemon, struct bdf bdf)
{
	const struct function *f = snapshot_find(&daemon->cache.snap, bdf);

	if (daemon->phase != DAEMON_READY || !f || !rule_concerns(f))
		return;
	if (bdf_set_add(&daemon->automatic.added, function_family(f)) < 0)
		log_error("memory is short: a card that came is not looked at");
}

/* Takes the cards off @set and calls for each; what is added meanwhile stays for later. */
static void consider_all(struct daemon *daemon, struct bdf_set *set, unsigned occasion)
{
	struct bdf_set now = *set;

	*set = (struct bdf_set){ 0 };
	for (size_t i = 0; i < now.n; i++)
		if (snapshot_find(&daemon->cache.snap, now.list[i]))
			consider(daemon, now.list[i], occasion);
	bdf_set_finish(&now);
}

void automatic_retry(struct daemon *daemon)
{
	if (daemon->phase == DAEMON_READY && daemon->automatic.waiting.n)
		consider_all(daemon, &daemon->automatic.waiting, RULE_BOOT | RULE_HOTPLUG);
}

void automatic_look(struct daemon *daemon)
{
	struct automatic *automatic = &daemon->automatic;
	bool more = daemon->cache.snap.n_tsms > automatic->n_tsms;

	/* A card's functions come one by one. */
	if (scans_has_work(daemon))
		return;
	automatic->n_tsms = daemon->cache.snap.n_tsms;
	if (more)
		automatic_retry(daemon);
	if (automatic->added.n)
		consider_all(daemon, &automatic->added, RULE_HOTPLUG);
}

void automatic_finish(struct automatic *automatic)
{
	bdf_set_finish(&automatic->added);
	bdf_set_finish(&automatic->waiting);
}
