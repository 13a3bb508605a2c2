/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Methods that start jobs, and those that act on the daemon.  Names are resolved on the
 * cache; everything else is decided by the worker, which reads the family afresh.
 */

#include <errno.h>
#include <string.h>

#include "audit.h"
#include "base/text.h"
#include "core/holder.h"
#include "host/peer.h"
#include "methods.h"
#include "orders.h"
#include "permits.h"
#include "targets.h"

/* --- Targets --- */

/*
 * The parameter "functions", each name once, in their order; *@ret is a new reference.  One
 * message has room for a hundred thousand names, and each one that is resolved is a walk
 * through all functions: a list that is too long is refused before.
 */
static int get_names(const struct call *call, json_t **ret, struct tio_error *err)
{
	const json_t *all = json_object_get(call->wire.parameters, "functions"), *name;
	json_t *names = json_array(), *seen = json_object();
	size_t i;
	int r;

	json_array_foreach(all, i, name)
	{
		const char *text = json_string_value(name);

		if (json_object_get(seen, text))
			continue;
		json_object_set_new(seen, text, json_true());
		json_array_append_new(names, json_string(text));
	}
	json_decref(seen);
	if (json_array_size(names) <= REQUEST_TARGETS_MAX) {
		*ret = names;
		return 0;
	}
	r = request_refuse_many(json_array_size(names), err);
	json_decref(names);
	return r;
}

static bool waits(const struct call *call)
{
	return !json_is_false(json_object_get(call->wire.parameters, "wait"));
}

static int check_all(struct order *order, struct tio_error *err)
{
	int r;

	r = jobs_check_room(order->daemon, order->kind, order->n_jobs, &order->call->who, err);
	for (size_t i = 0; r == 0 && i < order->n_jobs; i++) {
		const struct request *request = &order->jobs[i]->request;

		for (size_t k = 0; r == 0 && k < request->n_families; k++)
			r = jobs_check_family(order->daemon, request->families[k], err);
	}
	return r;
}

static void submit(struct order *order, int r, bool wait, const struct tio_error *err)
{
	struct tio_error refusal = *err;

	if (r == 0)
		r = check_all(order, &refusal);
	if (r < 0)
		order_fail(order, &refusal);
	else
		order_submit(order, wait);
}

/* --- Plan and Attach --- */

static int get_vfs(const struct call *call, unsigned *ret, struct tio_error *err)
{
	const json_t *value = json_object_get(call->wire.parameters, "vfs");
	json_int_t n = json_integer_value(value);

	if (!value || json_is_null(value)) {
		*ret = 0;
		return 0;
	}
	if (n < 1 || n > UINT16_MAX) {
		error_kind_set(err, ERROR_INVALID, -ERANGE, "%lld is not a number of VFs",
			       (long long)n);
		error_fix(err, "leave it out to keep the VFs as they are");
		return -ERANGE;
	}
	*ret = (unsigned)n;
	return 0;
}

static int get_force(const struct call *call, unsigned *ret, struct tio_error *err)
{
	const json_t *words = json_object_get(call->wire.parameters, "force"), *word;
	size_t i;
	int r = 0;

	*ret = 0;
	json_array_foreach(words, i, word) if (r == 0)
		r = force_add(json_string_value(word), ret, err);
	return r;
}

static int get_settings(const struct call *call, size_t n_functions, struct vf_settings *ret,
			struct tio_error *err)
{
	int r = vf_from_json(json_object_get(call->wire.parameters, "vfSettings"), ret, err);

	if (r < 0 || n_functions < 2 || !vf_given(ret, VF_MAC))
		return r;
	error_kind_set(err, ERROR_INVALID, -EINVAL,
		       "one MAC address was given for %zu functions", n_functions);
	error_fix(err, "attach them one by one, each with its own");
	return -EINVAL;
}

/* "": the only one. */
static int get_tsm(const struct call *call, struct request *request, struct tio_error *err)
{
	const char *tsm = methods_text(call, "tsm");

	if (text_copy(request->tsm, sizeof(request->tsm), tsm))
		return 0;
	error_kind_set(err, ERROR_INVALID, -EINVAL, "there is no TSM \"%.32s\"", tsm);
	error_fix(err, "`ls /sys/class/tsm` shows them");
	return -EINVAL;
}

static bool has_functions(const struct assignments *all, const char *vm)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->list[i].vm, vm) == 0)
			return true;
	return false;
}

/* Other VMs that have functions and whose memory is to come from the same pages. */
static void add_promises(const struct daemon *daemon, struct request *request)
{
	const struct vm *vm = &request->vm;

	for (size_t i = 0; i < daemon->config.n_vms; i++) {
		const struct vm *other = &daemon->config.vms[i];

		if (!vm->hugepage_size || other->hugepage_size != vm->hugepage_size ||
		    strcmp(other->name, vm->name) == 0 ||
		    !has_functions(&daemon->cache.all, other->name) ||
		    (other->numa_node >= 0 && vm->numa_node >= 0 &&
		     other->numa_node != vm->numa_node))
			continue;
		request->promised += other->memory;
		text_append(request->promised_to, sizeof(request->promised_to), "%s%s",
			    request->promised_to[0] ? ", " : "", other->name);
	}
}

static int complete_attach(struct order *order, const struct vm *vm, unsigned vfs,
			   const struct vf_settings *settings, struct tio_error *err)
{
	enum access access = order->kind == JOB_PLAN ? ACCESS_READ : ACCESS_CHANGE;
	static const struct plugins none;
	unsigned force = 0;
	int r = get_force(order->call, &force, err);

	for (size_t i = 0; r == 0 && i < order->n_jobs; i++) {
		struct request *request = &order->jobs[i]->request;

		request->vm = *vm;
		for (size_t k = 0; k < request->n_targets; k++)
			permit_note_held(order->daemon, order->call, access, vm,
					 &request->targets[k]);
		add_promises(order->daemon, request);
		request->vfs = vfs;
		request->force = force;
		request->settings = *settings;
		request->with_companions = methods_flag(order->call, "withCompanions");
		r = get_tsm(order->call, request, err);
		if (r < 0)
			return r;
		/* What a plugin takes along the worker finds out: plugins are not loaded here.
		 */
		r = request_add_companions(&order->daemon->cache.snap, &none, request, err);
	}
	return r;
}

static int add_functions(struct order *order, struct tio_error *err)
{
	const struct daemon *daemon = order->daemon;
	json_t *names = NULL;
	struct target target;
	int r = get_names(order->call, &names, err);

	if (r == 0 && json_array_size(names) == 0)
		r = error_kind_set(err, ERROR_INVALID, -EINVAL, "no function is named");
	for (size_t i = 0; r == 0 && i < json_array_size(names); i++) {
		r = request_resolve(&daemon->cache.snap,
				    json_string_value(json_array_get(names, i)), &target, err);
		if (r == 0)
			r = order_add(order, target_family(daemon, &target), &target, err);
	}
	json_decref(names);
	return r;
}

static int gather_attach(struct order *order, struct tio_error *err)
{
	const struct daemon *daemon = order->daemon;
	struct vf_settings settings = { 0 };
	const struct vm *vm;
	unsigned vfs = 0;
	size_t n = 0;
	int r;

	r = add_functions(order, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < order->n_jobs; i++)
		n += order->jobs[i]->request.n_targets;
	r = get_settings(order->call, n, &settings, err);
	if (r == 0)
		r = get_vfs(order->call, &vfs, err);
	if (r < 0)
		return r;
	vm = methods_find_vm(daemon, methods_text(order->call, "vm"), err);
	if (!vm)
		return err->code;
	text_copy(order->vm, sizeof(order->vm), vm->name);
	return complete_attach(order, vm, vfs, &settings, err);
}

static void attach(struct daemon *daemon, struct call *call, enum job_kind kind)
{
	struct order *order = order_new(daemon, call, kind, VERB_ATTACH);
	struct tio_error err = TIO_ERROR_NONE;

	if (order)
		submit(order, gather_attach(order, &err), kind == JOB_PLAN || waits(call),
		       &err);
}

void method_plan(struct daemon *daemon, struct call *call)
{
	attach(daemon, call, JOB_PLAN);
}

void method_attach(struct daemon *daemon, struct call *call)
{
	attach(daemon, call, JOB_CHANGE);
}

/* --- Detach --- */

static int add_assigned(struct order *order, const struct assignment *one,
			struct tio_error *err)
{
	struct target target = target_of_assignment(one);

	return order_add(order, one->family, &target, err);
}

/* A function that is gone can still be given up, by the address that it had. */
static int add_named(struct order *order, const char *name, struct tio_error *err)
{
	const struct daemon *daemon = order->daemon;
	const struct assignments *all = &daemon->cache.all;
	const struct assignment *one;
	struct target target = { 0 };
	int r;

	r = request_resolve(&daemon->cache.snap, name, &target, err);
	if (r < 0 && bdf_parse(name, &target.function) < 0)
		return r;
	one = assignments_find(all, target.function);
	if (!one)
		return r < 0 ? r
			     : order_add(order, target_family(daemon, &target), &target, err);
	*err = TIO_ERROR_NONE;

	/* What came along with it goes back with it. */
	r = add_assigned(order, one, err);
	for (size_t i = 0; r == 0 && i < all->n; i++)
		if (bdf_equal(all->list[i].lead, one->function))
			r = add_assigned(order, &all->list[i], err);
	return r;
}

/* What an attach that runs or waits is about to give to @vm. */
static int add_coming(struct order *order, const char *vm, struct tio_error *err)
{
	const struct job *job = order->daemon->jobs.list;
	int r = 0;

	for (; r == 0 && job; job = job->next) {
		if (job->kind != JOB_CHANGE || job->request.verb != VERB_ATTACH ||
		    strcmp(job->request.vm.name, vm) != 0)
			continue;
		for (size_t i = 0; r == 0 && i < job->request.n_targets; i++) {
			struct target target = job->request.targets[i];

			text_copy(target.held_by, sizeof(target.held_by), vm);
			r = order_add(order, job->request.family, &target, err);
		}
	}
	return r;
}

static int add_vm(struct order *order, const char *vm, struct tio_error *err)
{
	const struct assignments *all = &order->daemon->cache.all;
	int r = 0;

	for (size_t i = 0; r == 0 && i < all->n; i++)
		if (strcmp(all->list[i].vm, vm) == 0)
			r = add_assigned(order, &all->list[i], err);
	if (r == 0)
		r = add_coming(order, vm, err);
	if (r == 0 && order->n_jobs == 0 && !methods_find_vm(order->daemon, vm, err))
		return err->code;
	return r;
}

static int gather_detach(struct order *order, struct tio_error *err)
{
	const char *vm = methods_text(order->call, "vm");
	json_t *names = NULL;
	unsigned force = 0;
	int r = get_names(order->call, &names, err);

	if (r == 0)
		r = get_force(order->call, &force, err);
	if (r == 0 && (json_array_size(names) > 0) == (*vm != '\0'))
		r = error_kind_set(err, ERROR_INVALID, -EINVAL,
				   "name either functions or a VM, and not both");
	if (r == 0 && *vm)
		r = add_vm(order, vm, err);
	for (size_t i = 0; r == 0 && i < json_array_size(names); i++)
		r = add_named(order, json_string_value(json_array_get(names, i)), err);
	json_decref(names);
	for (size_t i = 0; r == 0 && i < order->n_jobs; i++) {
		struct request *request = &order->jobs[i]->request;

		request->force = force;
		r = targets_list_families(order->daemon, request, err);
	}
	return r;
}

void method_detach(struct daemon *daemon, struct call *call)
{
	struct order *order = order_new(daemon, call, JOB_CHANGE, VERB_DETACH);
	struct tio_error err = TIO_ERROR_NONE;

	if (order)
		submit(order, gather_detach(order, &err), waits(call), &err);
}

/* --- The link alone --- */

static int gather_link(struct order *order, struct tio_error *err)
{
	const struct daemon *daemon = order->daemon;
	struct request *request;
	struct target target;
	int r;

	r = request_resolve(&daemon->cache.snap, methods_text(order->call, "function"), &target,
			    err);
	if (r == 0)
		r = order_add(order, target_family(daemon, &target), &target, err);
	if (r < 0)
		return r;
	request = &order->jobs[0]->request;
	r = get_tsm(order->call, request, err);
	if (r < 0)
		return r;
	text_copy(request->last_tsm, sizeof(request->last_tsm),
		  links_last_tsm(daemon, request->family));
	request->refresh = methods_flag(order->call, "refresh");
	r = get_force(order->call, &request->force, err);
	return r < 0 ? r : targets_list_families(daemon, request, err);
}

static void change_link(struct daemon *daemon, struct call *call, enum verb verb)
{
	struct order *order = order_new(daemon, call, JOB_CHANGE, verb);
	struct tio_error err = TIO_ERROR_NONE;

	if (order)
		submit(order, gather_link(order, &err), true, &err);
}

void method_connect(struct daemon *daemon, struct call *call)
{
	change_link(daemon, call, VERB_CONNECT);
}

void method_disconnect(struct daemon *daemon, struct call *call)
{
	change_link(daemon, call, VERB_DISCONNECT);
}

void method_reconnect(struct daemon *daemon, struct call *call)
{
	change_link(daemon, call, VERB_RECONNECT);
}

/* --- The daemon --- */

void method_cancel_job(struct daemon *daemon, struct call *call)
{
	json_int_t id = json_integer_value(json_object_get(call->wire.parameters, "job"));
	struct tio_error err = TIO_ERROR_NONE;
	struct job *job = jobs_find(daemon, (uint64_t)id);

	if (!job || id < 0) {
		error_kind_set(&err, ERROR_NO_JOB, -ENOENT, "there is no job %lld",
			       (long long)id);
		error_fix(&err, "`tioctl jobs` lists what runs and waits");
	} else if (job->state == JOB_RECOVERING) {
		error_kind_set(&err, ERROR_BUSY, -EBUSY,
			       "job %lld is being put back already and cannot be stopped",
			       (long long)id);
	} else if (job->state == JOB_STUCK) {
		error_kind_set(&err, ERROR_STUCK, -EBUSY,
			       "job %lld hangs inside the kernel and cannot be stopped",
			       (long long)id);
		error_fix(&err, "see the kernel's log (dmesg) for what it waits for");
	} else {
		peer_describe(&daemon->host, &call->who);
		audit_done(&call->who, NULL, "job %lld (%s) is cancelled", (long long)id,
			   job_verb(job));
		job_cancel(job, &call->who);
	}
	if (err.code < 0)
		methods_fail(call, &err);
	else
		methods_reply(call, json_object());
}

void method_reload(struct daemon *daemon, struct call *call)
{
	peer_describe(&daemon->host, &call->who);
	audit_done(&call->who, NULL, "the configuration is read again");
	reload_start(daemon, call);
}
