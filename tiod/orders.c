/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "orders.h"

#include <errno.h>
#include <stdlib.h>

#include "core/report.h"
#include "handoff/qemu.h"
#include "host/peer.h"
#include "methods.h"
#include "views.h"

static void order_free(struct order *order)
{
	for (size_t i = 0; i < order->n_jobs; i++)
		free(order->jobs[i]);
	json_decref(order->parts);
	free(order);
}

static void on_gone(void *arg)
{
	/* The jobs go on; the last one's end finds that nobody waits. */
}

struct order *order_new(struct daemon *daemon, struct call *call, enum job_kind kind,
			enum verb verb)
{
	struct order *order = calloc(1, sizeof(*order));

	if (order)
		*order = (struct order){ .daemon = daemon,
					 .call = call,
					 .kind = kind,
					 .verb = verb,
					 .parts = json_array() };
	if (!order || !order->parts) {
		free(order);
		methods_reply(call, NULL);
		return NULL;
	}
	call->gone = on_gone;
	if (kind == JOB_CHANGE)
		peer_describe(&daemon->host, &call->who);
	return order;
}

struct request *order_request(struct order *order, struct bdf family, struct tio_error *err)
{
	struct job *job;

	for (size_t i = 0; i < order->n_jobs; i++)
		if (bdf_equal(order->jobs[i]->request.family, family))
			return &order->jobs[i]->request;
	if (order->n_jobs == ORDER_JOBS_MAX) {
		error_kind_set(err, ERROR_INVALID, -E2BIG, "more than %d cards at once",
			       ORDER_JOBS_MAX);
		error_fix(err, "name fewer in one call");
		return NULL;
	}
	job = job_new(order->daemon, order->kind);
	if (!job) {
		error_kind_set(err, ERROR_BUSY, -ENOMEM, "tiod is short of memory");
		return NULL;
	}
	order->jobs[order->n_jobs++] = job;
	job->who = order->call->who;
	job->request.verb = order->verb;
	job->request.family = family;
	return &job->request;
}

int order_add(struct order *order, struct bdf family, const struct target *target,
	      struct tio_error *err)
{
	struct request *request = order_request(order, family, err);

	if (!request)
		return err->code;
	for (size_t i = 0; i < request->n_targets; i++)
		if (bdf_equal(request->targets[i].function, target->function))
			return 0;
	if (request->n_targets == REQUEST_TARGETS_MAX)
		return error_kind_set(err, ERROR_INVALID, -E2BIG,
				      "more than %d functions of one card at once",
				      REQUEST_TARGETS_MAX);
	request->targets[request->n_targets++] = *target;
	return 0;
}

void order_fail(struct order *order, const struct tio_error *err)
{
	methods_fail(order->call, err);
	order_free(order);
}

/* --- Answers --- */

static json_t *outcome(const struct job *job)
{
	json_t *functions = json_array();
	char name[BDF_STRLEN];

	for (size_t i = 0; i < job->request.n_targets; i++)
		json_array_append_new(
			functions,
			json_string(bdf_format(job->request.targets[i].function, name)));
	return json_pack("{ss so sb sf so so}", "family", bdf_format(job->request.family, name),
			 "functions", functions, "changed", job->changed && job->code == 0,
			 "seconds", job->seconds, "error",
			 job->code < 0 ? report_error(&job->error) : json_null(), "errorName",
			 job->code < 0 ? json_string(report_error_name(&job->error))
				       : json_null());
}

static json_t *handoff(const struct order *order)
{
	const struct vm *vm = config_find_vm(&order->daemon->config, order->vm);

	if (order->verb != VERB_ATTACH || order->n_well == 0 || !vm)
		return NULL;
	return qemu_arguments(&order->daemon->cache.snap, &order->daemon->cache.all, vm);
}

/* One family's failure is the call's; of several, each is told, and some may have gone well. */
static void answer(struct order *order)
{
	const char *key = order->kind == JOB_PLAN ? "plans" : "outcomes";
	json_t *reply, *given;

	if (!order->call)
		return;
	if (order->error.code < 0 &&
	    (order->kind == JOB_PLAN || json_array_size(order->parts) <= 1)) {
		methods_fail(order->call, &order->error);
		return;
	}
	reply = json_pack("{sO}", key, order->parts);
	given = handoff(order);
	if (given && reply)
		json_object_set_new(reply, "handoff", given);
	else
		json_decref(given);
	methods_reply(order->call, reply);
}

static void on_progress(struct job *job, const struct progress *progress, void *arg)
{
	struct order *order = arg;

	if (order->call && order->call->wire.more)
		call_continue(order->call,
			      json_pack("{so}", "progress", view_progress(job, progress)));
}

/* Takes a plan over; one that was made in the middle of a change says so. */
static void add_plan(struct order *order, const struct job *job)
{
	json_t *plan = json_loads(job->text, 0, NULL);
	const struct job *other = jobs_altering(order->daemon, job->request.family);
	char name[BDF_STRLEN];

	if (other)
		json_array_append_new(
			json_object_get(plan, "notes"),
			json_sprintf("%s of %s is under way (job %llu): this is how it stands "
				     "in the middle of that",
				     job_verb(other), bdf_format(other->request.family, name),
				     (unsigned long long)other->id));
	json_array_append_new(order->parts, plan);
}

static void on_ended(struct job *job, void *arg)
{
	struct order *order = arg;

	if (job->code < 0 && order->error.code == 0)
		order->error = job->error;
	if (job->code == 0)
		order->n_well++;
	if (order->kind != JOB_PLAN)
		json_array_append_new(order->parts, outcome(job));
	else if (job->text)
		add_plan(order, job);
	if (--order->n_open > 0)
		return;
	answer(order);
	order_free(order);
}

/* --- Start --- */

static void answer_with_numbers(struct order *order)
{
	json_t *numbers = json_array();

	for (size_t i = 0; i < order->n_jobs; i++)
		json_array_append_new(numbers, json_integer((json_int_t)order->jobs[i]->id));
	order->call->gone = NULL;
	methods_reply(order->call, json_pack("{so}", "jobs", numbers));
	order->call = NULL;
}

void order_submit(struct order *order, bool wait)
{
	struct job *jobs[ORDER_JOBS_MAX];
	size_t n = order->n_jobs;

	for (size_t i = 0; i < n; i++) {
		jobs[i] = order->jobs[i];
		jobs[i]->progressed = on_progress;
		jobs[i]->ended = on_ended;
		jobs[i]->arg = order;
	}
	if (n == 0) {
		answer(order);
		order_free(order);
		return;
	}
	if (!wait)
		answer_with_numbers(order);
	order->n_jobs = 0;
	order->n_open = n;
	/* The last one may end at once, and the order with it. */
	for (size_t i = 0; i < n; i++)
		job_submit(jobs[i]);
}
