/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Methods that answer from the cache; none waits for the kernel.  Those for which a worker
 * looks first are in methods-look.c.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/json.h"
#include "core/report.h"
#include "handoff/qemu.h"
#include "methods.h"
#include "views.h"

void method_get_host(struct daemon *daemon, struct call *call)
{
	json_t *reply = report_host(&daemon->cache.snap, daemon->cache.all.n);

	if (reply) {
		json_object_set_new(reply, "jobs",
				    json_integer((json_int_t)jobs_running(daemon)));
		json_object_set_new(reply, "ready",
				    json_boolean(daemon->phase == DAEMON_READY));
		json_object_set_new(reply, "problems", view_problems(daemon));
	}
	methods_reply(call, reply);
}

static bool is_listed(const struct function *f, bool all)
{
	if (function_is_tdisp(f))
		return true;
	return all && (f->kind == FUNCTION_ENDPOINT || f->kind == FUNCTION_VF);
}

/* Those that are assigned, but not in the host. */
static void add_absent(const struct daemon *daemon, struct wire_list *list,
		       const struct groups *groups)
{
	for (size_t i = 0; i < daemon->cache.all.n; i++) {
		struct bdf bdf = daemon->cache.all.list[i].function;

		if (!snapshot_find(&daemon->cache.snap, bdf))
			wire_list_add(list, view_one_of_all(daemon, bdf, groups));
	}
}

void method_list_functions(struct daemon *daemon, struct call *call)
{
	const struct snapshot *snap = &daemon->cache.snap;
	bool all = methods_flag(call, "all");
	struct wire_list list;
	struct groups groups;
	size_t size = 0;
	char *text;

	if (groups_init(&groups, snap) < 0) {
		methods_reply(call, NULL);
		return;
	}
	wire_list_begin(&list, "functions");
	for (size_t i = 0; i < snap->n_functions; i++)
		if (is_listed(&snap->functions[i], all) ||
		    assignments_find(&daemon->cache.all, snap->functions[i].bdf))
			wire_list_add(&list,
				      view_one_of_all(daemon, snap->functions[i].bdf, &groups));
	add_absent(daemon, &list, &groups);
	groups_finish(&groups);
	text = wire_list_end(&list, &size);
	if (text)
		call_reply_text(call, text, size);
	else
		methods_reply(call, NULL);
}

/* One that is there, or one that is gone but still assigned. */
static int resolve(const struct daemon *daemon, const char *name, struct bdf *ret,
		   struct tio_error *err)
{
	struct target target;
	struct bdf bdf;
	int r;

	r = request_resolve(&daemon->cache.snap, name, &target, err);
	if (r == 0 && (snapshot_find(&daemon->cache.snap, target.function) ||
		       assignments_find(&daemon->cache.all, target.function))) {
		*ret = target.function;
		return 0;
	}
	if (r == 0) {
		error_kind_set(err, ERROR_NO_FUNCTION, -ENODEV, "VF %d is not enabled",
			       target.vf_index);
		error_fix(err, "`tioctl attach … --vfs N --vf %d` enables VFs",
			  target.vf_index);
		error_at(err, target.physfn, "");
		return -ENODEV;
	}
	if (bdf_parse(name, &bdf) < 0 || !assignments_find(&daemon->cache.all, bdf))
		return r;
	*ret = bdf;
	return 0;
}

void method_get_function(struct daemon *daemon, struct call *call)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct bdf bdf;

	if (resolve(daemon, methods_text(call, "function"), &bdf, &err) < 0)
		methods_fail(call, &err);
	else
		methods_reply(call, json_pack("{so}", "function", view_function(daemon, bdf)));
}

static bool has_assigned(const struct daemon *daemon, const char *vm)
{
	for (size_t i = 0; i < daemon->cache.all.n; i++)
		if (strcmp(daemon->cache.all.list[i].vm, vm) == 0)
			return true;
	return false;
}

/* What tiod tried by itself, for @vm or for any. */
static json_t *failed_attempts(const struct daemon *daemon, const char *vm)
{
	const struct automatic *automatic = &daemon->automatic;
	json_t *list = json_array();

	for (size_t i = 0; i < automatic->n_failed; i++) {
		const struct attempt *one = &automatic->failed[i];

		if (!*vm || strcmp(one->vm, vm) == 0)
			json_array_append_new(list,
					      json_pack("{so ss ss ss sb}", "function",
							json_bdf(one->card), "vm", one->vm,
							"sentence", one->why.text, "fix",
							one->why.fix, "again", one->again));
	}
	return list;
}

/* Of all VMs with "". */
static json_t *list_assigned(const struct daemon *daemon, const char *vm)
{
	const struct assignments *all = &daemon->cache.all;
	json_t *list = json_array();
	struct groups groups;

	/* When memory is short they are empty. */
	(void)groups_init(&groups, &daemon->cache.snap);
	for (size_t i = 0; i < all->n; i++)
		if (!*vm || strcmp(all->list[i].vm, vm) == 0)
			json_array_append_new(
				list, view_one_of_all(daemon, all->list[i].function, &groups));
	groups_finish(&groups);
	return list;
}

void method_get_status(struct daemon *daemon, struct call *call)
{
	const char *name = methods_text(call, "function"), *vm = methods_text(call, "vm");
	struct tio_error err = TIO_ERROR_NONE;
	struct bdf only = BDF_NONE;
	json_t *list;

	if ((*name && resolve(daemon, name, &only, &err) < 0) ||
	    (*vm && !has_assigned(daemon, vm) && !methods_find_vm(daemon, vm, &err))) {
		methods_fail(call, &err);
		return;
	}
	list = only.valid ? json_pack("[o]", view_function(daemon, only))
			  : list_assigned(daemon, vm);
	methods_reply(call, json_pack("{so so so}", "functions", list, "jobs",
				      call->who.may_read ? view_jobs(daemon, false)
							 : view_jobs_of(daemon, &call->who),
				      "failed",
				      call->who.may_read || *vm ? failed_attempts(daemon, vm)
								: json_null()));
}

/* --- VMs --- */

void method_get_vm(struct daemon *daemon, struct call *call)
{
	const struct assignments *all = &daemon->cache.all;
	struct tio_error err = TIO_ERROR_NONE;
	const struct vm *vm = methods_find_vm(daemon, methods_text(call, "vm"), &err);
	json_t *list;

	if (!vm) {
		methods_fail(call, &err);
		return;
	}
	list = json_array();
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->list[i].vm, vm->name) == 0)
			json_array_append_new(list, report_assignment(&all->list[i]));
	methods_reply(call,
		      json_pack("{ss ss sI sI so ss so}", "name", vm->name, "file", vm->file,
				"memory", (json_int_t)vm->memory, "hugepageSize",
				(json_int_t)vm->hugepage_size, "numaNode",
				vm->numa_node == VM_NODE_AUTO ? json_null()
							      : json_integer(vm->numa_node),
				"user", vm->user, "assignments", list));
}

void method_list_vms(struct daemon *daemon, struct call *call)
{
	json_t *list = json_array();

	for (size_t i = 0; i < daemon->config.n_vms; i++)
		json_array_append_new(list, json_string(daemon->config.vms[i].name));
	methods_reply(call, json_pack("{so}", "vms", list));
}

void method_get_qemu_args(struct daemon *daemon, struct call *call)
{
	struct tio_error err = TIO_ERROR_NONE;
	const struct vm *vm = methods_find_vm(daemon, methods_text(call, "vm"), &err);

	if (!vm) {
		methods_fail(call, &err);
		return;
	}
	methods_reply(call,
		      json_pack("{so}", "handoff",
				qemu_arguments(&daemon->cache.snap, &daemon->cache.all, vm)));
}

/* --- The daemon itself --- */

void method_list_jobs(struct daemon *daemon, struct call *call)
{
	json_t *list = view_jobs(daemon, methods_flag(call, "ended"));

	methods_reply(call, json_pack("{so}", "jobs", list));
}

void method_get_metrics(struct daemon *daemon, struct call *call)
{
	char *text = metrics_page(daemon, methods_flag(call, "openMetrics"));

	methods_reply(call, text ? json_pack("{ss}", "text", text) : NULL);
	free(text);
}

void method_monitor(struct daemon *daemon, struct call *call)
{
	events_subscribe(daemon, call);
}
