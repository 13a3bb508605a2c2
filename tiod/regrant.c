/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "regrant.h"

#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "core/grant.h"
#include "core/steps.h"
#include "daemon.h"
#include "own-jobs.h"

static const struct function *attached(const struct daemon *daemon,
				       const struct assignment *one)
{
	const struct function *f = snapshot_find(&daemon->cache.snap, one->function);

	return f && strcmp(f->driver, VFIO_DRIVER) == 0 && identity_may_be(&one->identity, f)
		       ? f
		       : NULL;
}

static bool same_owner(const struct vm *a, const struct vm *b)
{
	const struct node_access none = { .known = true };
	struct node_access of_a = grant_access(a, &none), of_b = grant_access(b, &none);

	return grant_wanted(a) == grant_wanted(b) && node_access_equal(&of_a, &of_b);
}

/* By what is seen, too: the file may have changed while tiod was away. */
static bool is_right(const struct vm *vm, const struct vm *before, const struct function *f)
{
	struct node_access wanted = grant_access(vm, &f->node);

	if (before && !same_owner(before, vm))
		return false;
	return !grant_wanted(vm) || !f->node.known || node_access_equal(&wanted, &f->node);
}

static void on_ended(struct job *job, void *arg)
{
	struct daemon *daemon = arg;

	for (size_t i = 0; job->code < 0 && i < job->request.n_targets; i++) {
		struct bdf function = job->request.targets[i].function;

		cache_set_error(&daemon->cache, function, &job->error);
		events_changed(daemon, function);
	}
}

/* All that @vm has of the card, of which one at least is not as it should be. */
static void grant_anew(struct daemon *daemon, const struct vm *vm, struct bdf family)
{
	const struct assignments *all = &daemon->cache.all;
	struct job *job = own_job_new(daemon, VERB_ATTACH, family);
	struct tio_error none = TIO_ERROR_NONE;
	struct request *request;
	char name[BDF_STRLEN];

	if (!job)
		return;
	request = &job->request;
	request->vm = *vm;
	request->reserved_only = true;
	/* A link that has fallen is not made anew under a guest for that. */
	request->grant_only = true;
	for (size_t i = 0; i < all->n && request->n_targets < REQUEST_TARGETS_MAX; i++)
		if (bdf_equal(all->list[i].family, family) &&
		    strcmp(all->list[i].vm, vm->name) == 0 && attached(daemon, &all->list[i]))
			request->targets[request->n_targets++] = target_of_assignment(
				&all->list[i]);
	job->ended = on_ended;
	job->arg = daemon;
	log_info("%s: %s names another user or group now: its node is granted anew",
		 bdf_format(family, name), vm->file);
	own_job_submit(job, 0, &none);
}

static void look_at_vm(struct daemon *daemon, const struct vm *vm, const struct vm *before)
{
	const struct assignments *all = &daemon->cache.all;
	struct bdf_set begun = { 0 };

	for (size_t i = 0; i < all->n; i++) {
		const struct assignment *one = &all->list[i];
		const struct function *f = attached(daemon, one);

		/* Whoever is at work on it has the file as it was: it comes after that. */
		if (strcmp(one->vm, vm->name) != 0 || !f || is_right(vm, before, f) ||
		    bdf_set_has(&begun, one->family))
			continue;
		if (bdf_set_add(&begun, one->family) < 0)
			log_error("memory is short: a node stays with its former user");
		else
			grant_anew(daemon, vm, one->family);
	}
	bdf_set_finish(&begun);
}

void regrant(struct daemon *daemon, const struct config *before)
{
	for (size_t i = 0; i < daemon->config.n_vms; i++)
		look_at_vm(daemon, &daemon->config.vms[i],
			   config_find_vm(before, daemon->config.vms[i].name));
}

static size_t count_attached(const struct daemon *daemon, const char *vm)
{
	const struct assignments *all = &daemon->cache.all;
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++)
		n += strcmp(all->list[i].vm, vm) == 0 && attached(daemon, &all->list[i]);
	return n;
}

void regrant_note_orphans(struct daemon *daemon, const struct config *before)
{
	for (size_t i = 0; i < before->n_vms; i++) {
		const struct vm *vm = &before->vms[i];
		size_t n = count_attached(daemon, vm->name);

		if (n == 0 || !grant_wanted(vm) || config_find_vm(&daemon->config, vm->name))
			continue;
		config_note(&daemon->config, false,
			    "%s describes %s no more: the nodes of %zu attached functions stay "
			    "with %s%s until `tioctl detach --vm %s`, or until the file is "
			    "mended",
			    vm->file, vm->name, n, vm->user[0] ? "the user " : "the group ",
			    vm->user[0] ? vm->user : vm->group, vm->name);
	}
}
