/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job-end.h"

#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon.h"
#include "job-run.h"

/* A process that hung in the kernel may have got further than its successor knows. */
#define RECOVERIES_MAX 3

/* --- Stuck families --- */

void job_mark_stuck(struct job *job, const struct tio_error *why)
{
	for (size_t i = 0; i < job->request.n_families; i++)
		cache_set_stuck(&job->daemon->cache, job->request.families[i], why);
	for (size_t i = 0; i < job->daemon->cache.snap.n_functions; i++) {
		const struct function *f = &job->daemon->cache.snap.functions[i];

		if (bdf_equal(function_family(f), job->request.family))
			events_changed(job->daemon, f->bdf);
	}
}

static void clear_stuck(struct job *job)
{
	for (size_t i = 0; i < job->request.n_families; i++) {
		if (!cache_stuck(&job->daemon->cache, job->request.families[i]))
			continue;
		cache_clear_stuck(&job->daemon->cache, job->request.families[i]);
		for (size_t k = 0; k < job->daemon->cache.snap.n_functions; k++)
			events_changed(job->daemon, job->daemon->cache.snap.functions[k].bdf);
	}
}

/* --- How it ended --- */

/* What became of a change whose worker did not get to its end. */
static void tell_recovery(const struct result *result, char *text, size_t size)
{
	switch (result->recovery) {
	case RECOVERY_NOTHING:
		text_append(text, size, "nothing was left to put back");
		return;
	case RECOVERY_UNDONE:
		text_append(text, size, "what had been done was undone");
		return;
	case RECOVERY_LINK_DOWN:
		text_append(text, size,
			    "the link is down (`tioctl reconnect` tries again to make it)");
		return;
	case RECOVERY_COMPLETED:
		text_append(text, size, "recovery then brought it to its end");
		return;
	case RECOVERY_WENT_BACK:
		text_append(text, size,
			    "recovery could not bring it to its end either (%s), and went "
			    "back: everything is as it was before",
			    result->error.text);
		return;
	}
}

static void end(struct job *job, int code)
{
	job->code = code;
	if (job->kind == JOB_CHANGE && (job->began || code == 0))
		for (size_t i = 0; i < job->request.n_targets; i++)
			cache_set_error(&job->daemon->cache, job->request.targets[i].function,
					code < 0 ? &job->error : NULL);
	if (job->kind == JOB_CHANGE && job->request.verb == VERB_RECONNECT && code == 0)
		links_renewed(job->daemon, job->request.family);
	metrics_job(job);
	if (job->kind == JOB_CHANGE)
		automatic_job_ended(job->daemon, job);
	if (job->state != JOB_STUCK)
		audit_job_ended(job);
	job_end(job, code);
}

/* Its own worker left a result. */
static void end_with_result(struct job *job, const struct result *result)
{
	bool recovered = job->kind == JOB_RECOVER;

	job->error = result->error;
	job->changed = recovered ? result->recovery != RECOVERY_NOTHING : result->n_steps > 0;
	job->text = result->text;
	job->text_size = result->text_size;
	if (result->code < 0) {
		error_at(&job->error, job->request.family, "");
		/* Nobody else will put it back. */
		if (recovered)
			job->error.kind = ERROR_STUCK;
		if (job->error.kind == ERROR_STUCK)
			job_mark_stuck(job, &job->error);
	} else if (!job_only_looks(job)) {
		clear_stuck(job);
	}
	if (recovered && result->code == 0) {
		job->error = TIO_ERROR_NONE;
		tell_recovery(result, job->error.text, sizeof(job->error.text));
	}
	end(job, result->code);
}

/* Do the reservations say that @job got to its end? */
static bool stands(const struct job *job)
{
	const struct assignments *all = &job->daemon->cache.all;
	const struct assignment *one;

	for (size_t i = 0; i < job->request.n_targets; i++) {
		one = assignments_find(all, job->request.targets[i].function);
		if (job->request.verb == VERB_ATTACH &&
		    (!one || strcmp(one->vm, job->request.vm.name) != 0))
			return false;
		if (job->request.verb == VERB_DETACH && one)
			return false;
	}
	return true;
}

/* It died after its last step, and nothing of it was in flight any more. */
static bool was_complete(const struct job *job, const struct result *result)
{
	return result->recovery == RECOVERY_NOTHING && job->planned && !job->failed &&
	       job->n_open == 0 && stands(job);
}

static void end_after_recovery(struct job *job, const struct result *result,
			       const struct tio_error *why)
{
	if (result && result->code == 0) {
		clear_stuck(job);
		if (was_complete(job, result)) {
			job->error = TIO_ERROR_NONE;
			job->changed = job->began;
			end(job, 0);
			return;
		}
		text_append(job->error.text, sizeof(job->error.text), "; ");
		tell_recovery(result, job->error.text, sizeof(job->error.text));
		end(job, job->error.code);
		return;
	}
	text_append(job->error.text, sizeof(job->error.text), "; putting it back failed: %s",
		    result ? result->error.text : why->text);
	job->error.kind = ERROR_STUCK;
	error_fix(&job->error, "%s",
		  result && result->error.fix[0]
			  ? result->error.fix
			  : "`tioctl detach` tries again to put it back");
	job_mark_stuck(job, &job->error);
	end(job, job->error.code);
}

/* Nobody but the journal knows how far it came. */
static void recover(struct job *job, const struct tio_error *why)
{
	char name[BDF_STRLEN], what[96];

	if (job->reason.code) {
		job->error = job->reason;
	} else {
		job->error = *why;
		error_wrap(&job->error, why->code, "%s", job_doing(job, what, sizeof(what)));
		error_at(&job->error,
			 job->step.step[0] ? job->step.function : job->request.family,
			 job->step.step);
	}
	if (job->daemon->phase == DAEMON_STOPPING) {
		text_append(job->error.text, sizeof(job->error.text),
			    "; the next start puts back what was done");
		end(job, job->error.code);
		return;
	}
	log_warning("%s: %s; recovering", bdf_format(job->request.family, name),
		    job->error.text);
	job->state = JOB_RECOVERING;
	job->recoveries++;
	job->daemon->metrics.recoveries++;
	job->reason = TIO_ERROR_NONE;
	job->step.step[0] = '\0';
	job->work.kind = WORK_RECOVER;
	events_job(job->daemon, job, job_state_to_string(job->state));
	job_start_worker(job);
}

static bool needs_recovery(const struct job *job)
{
	if (job_only_looks(job))
		return false;
	return job->work.kind != WORK_RECOVER ||
	       (job->state == JOB_STUCK && job->recoveries < RECOVERIES_MAX);
}

static void end_without_result(struct job *job, const struct tio_error *why)
{
	job->error = job->reason.code ? job->reason : *why;
	if (job->kind == JOB_RECOVER) {
		job->error.kind = ERROR_STUCK;
		job_mark_stuck(job, &job->error);
	}
	end(job, job->error.code);
}

/*
 * A plugin, or an assignment that came meanwhile, takes a card along that nobody has kept the
 * others from: it waits for its turn there and begins anew.
 */
static void queue_again(struct job *job, const struct result *result)
{
	struct request *request = &job->request;

	for (size_t i = request->n_families; i < result->n_families; i++)
		request->families[request->n_families++] = result->families[i];
	job->state = JOB_QUEUED;
	job->step.step[0] = '\0';
	events_job(job->daemon, job, job_state_to_string(job->state));
	jobs_pump(job->daemon);
}

static void take_over(struct job *job, const struct result *result)
{
	struct cache_watch watch = daemon_watch(job->daemon);

	if (job_only_looks(job))
		cache_merge_host(&job->daemon->cache, result);
	else if (cache_merge_job(&job->daemon->cache, result, &job->request, now_usec(),
				 &watch) < 0)
		log_error("memory is short: what a worker found is lost");
}

void job_worker_ended(struct job *job, const struct result *result, const struct tio_error *why)
{
	if (result)
		take_over(job, result);
	if (!result && needs_recovery(job))
		recover(job, why);
	else if (job->work.kind == WORK_RECOVER && job->kind != JOB_RECOVER)
		end_after_recovery(job, result, job->reason.code ? &job->reason : why);
	else if (result && result->n_families > job->request.n_families)
		queue_again(job, result);
	else if (result)
		end_with_result(job, result);
	else
		end_without_result(job, why);
}

void job_not_started(struct job *job, const struct tio_error *why)
{
	if (job->work.kind == WORK_RECOVER && job->kind != JOB_RECOVER)
		end_after_recovery(job, NULL, why);
	else
		end_without_result(job, why);
}
