/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job-run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "daemon.h"

/* Between steps, where a worker only looks: sysfs, /proc, config space. */
#define LOOKING_MS    30000
#define LOCK_MS       5000 /* recovery at start waits this long for a former worker */
#define MS_PER_SECOND 1000

/* A process that hung in the kernel may have got further than its successor knows. */
#define RECOVERIES_MAX 3

static void arm(struct job *job, uint64_t ms)
{
	job->armed_ms = ms;
	if (worker_arm(job->worker, ms) < 0)
		log_error("job %llu: its time cannot be watched", (unsigned long long)job->id);
}

static void tell(struct job *job, const struct progress *progress)
{
	events_progress(job->daemon, job, progress);
	if (job->progressed)
		job->progressed(job, progress, job->arg);
}

/* --- Turns --- */

static void give_turn(struct job *job)
{
	job->waits = false;
	arm(job, LOOKING_MS);
	worker_answer(job->worker, 0);
	events_job(job->daemon, job, job_state_to_string(job->state));
}

static void leave_turn(struct job *job)
{
	struct daemon *daemon = job->daemon;
	struct job *next;
	bool had_any = turns_any(&daemon->turns);

	next = turns_leave(&daemon->turns, job);
	job->waits = false;
	if (next && next->worker)
		give_turn(next);
	if (had_any && !turns_any(&daemon->turns))
		scans_links_free(daemon);
}

static void say_waiting(struct job *job, const struct job *holder, const char *tsm)
{
	struct progress progress = { .kind = PROGRESS_WAITING,
				     .function = job->request.family };
	char name[BDF_STRLEN];

	text_copy(progress.step, sizeof(progress.step), "connect-tsm");
	snprintf(progress.text, sizeof(progress.text),
		 "waits for its turn at %s, which %s of %s has (job %llu)",
		 *tsm ? tsm : "the TSM", job_verb(holder),
		 bdf_format(holder->request.family, name), (unsigned long long)holder->id);
	tell(job, &progress);
}

static void on_takes(void *arg, const char *tsm)
{
	struct job *job = arg;
	const struct job *holder;

	if (worker_was_killed(job->worker))
		return;
	holder = turns_ask(&job->daemon->turns, job, tsm);
	if (!holder) {
		give_turn(job);
		return;
	}
	job->waits = true;
	arm(job, (uint64_t)job->daemon->config.turn_seconds * MS_PER_SECOND);
	say_waiting(job, holder, tsm);
	events_job(job->daemon, job, "waiting");
}

static void on_gives(void *arg)
{
	leave_turn(arg);
}

/* --- Time --- */

static void on_progress(void *arg, const struct progress *progress)
{
	struct job *job = arg;

	job->soft = false;
	switch (progress->kind) {
	case PROGRESS_BEGIN:
		job->step = *progress;
		arm(job, progress->deadline_ms ? progress->deadline_ms : LOOKING_MS);
		break;
	case PROGRESS_PLAN:
		job->began = progress->total > 0;
		arm(job, LOOKING_MS);
		break;
	case PROGRESS_DONE:
	case PROGRESS_FAILED:
		job->step.step[0] = '\0';
		arm(job, LOOKING_MS);
		break;
	case PROGRESS_WAITING:
	case PROGRESS_NOTE:
	case PROGRESS_KIND_COUNT:
		break;
	}
	tell(job, progress);
}

/* "undoing rebind of 0000:e1:00.0", or what it does between the steps. */
static const char *doing(const struct job *job, char *buf, size_t size)
{
	char name[BDF_STRLEN];

	if (!job->step.step[0])
		snprintf(buf, size, "%s of %s: looking at the host", job_verb(job),
			 bdf_format(job->request.family, name));
	else
		snprintf(buf, size, "%s%s of %s", job->step.undo ? "undoing " : "",
			 job->step.step, bdf_format(job->step.function, name));
	return buf;
}

static void say_late(const struct job *job, struct tio_error *err)
{
	const struct host_roots *roots = &job->daemon->options->roots;
	char what[96], attribute[sizeof(err->attribute)];

	worker_attribute(job->worker, roots->proc, roots->sys, attribute, sizeof(attribute));
	error_kind_set(err, ERROR_TIMEOUT, -ETIMEDOUT, "%s did not end within %.3g s%s%s",
		       doing(job, what, sizeof(what)), (double)job->armed_ms / MS_PER_SECOND,
		       *attribute ? ": the kernel has not come back from " : "", attribute);
	text_copy(err->attribute, sizeof(err->attribute), attribute);
	error_fix(err,
		  "see the kernel's log (dmesg); StepTimeout= in tiod.conf sets the limit");
	error_at(err, job->step.step[0] ? job->step.function : job->request.family,
		 job->step.step);
}

static void mark_stuck(struct job *job, const struct tio_error *why)
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

/* Whoever asked has waited long enough; the job itself stays until its process has gone. */
static void answer_as_stuck(struct job *job, const struct tio_error *why)
{
	char name[BDF_STRLEN];

	log_error("%s: %s", bdf_format(job->request.family, name), why->text);
	job->state = JOB_STUCK;
	mark_stuck(job, why);
	for (size_t i = 0; i < job->request.n_targets; i++)
		cache_set_error(&job->daemon->cache, job->request.targets[i].function, why);
	job->error = *why;
	job->code = why->code;
	job->seconds = (double)(now_usec() - job->since) / 1e6;
	events_job(job->daemon, job, "stuck");
	if (job->ended)
		job->ended(job, job->arg);
	job->ended = NULL;
	job->progressed = NULL;
	daemon_job_ended(job->daemon);
}

/* The family's lock is held by a process of an earlier tiod. */
static void wait_on(struct job *job)
{
	struct tio_error why = TIO_ERROR_NONE;

	job->soft = false;
	error_kind_set(
		&why, ERROR_STUCK, -EBUSY,
		"a worker of an earlier tiod is still inside the kernel with this family; "
		"what it left will be put back when it returns");
	error_at(&why, job->request.family, "");
	error_fix(&why, "see the kernel's log (dmesg) for what it waits for");
	(void)worker_arm(job->worker, 0);
	answer_as_stuck(job, &why);
}

void job_stop(struct job *job, const struct tio_error *reason)
{
	if (!job->worker || worker_was_killed(job->worker))
		return;
	job->reason = *reason;
	worker_kill(job->worker);
}

static void on_late(void *arg)
{
	struct tio_error why = TIO_ERROR_NONE;
	struct job *job = arg;
	char name[BDF_STRLEN];

	if (job->waits) {
		leave_turn(job);
		arm(job, LOOKING_MS);
		worker_answer(job->worker, -ETIMEDOUT);
		return;
	}
	if (job->soft) {
		wait_on(job);
		return;
	}
	say_late(job, &why);
	log_warning("%s: %s; its worker is stopped", bdf_format(job->request.family, name),
		    why.text);
	job_stop(job, &why);
}

static void on_stuck(void *arg)
{
	struct job *job = arg;
	struct tio_error why = job->reason;

	text_append(
		why.text, sizeof(why.text),
		"; its process cannot be stopped while it is in there, so this is stuck, and "
		"will be put back as soon as the kernel lets go");
	error_fix(&why,
		  "see the kernel's log (dmesg) for what it waits for; other devices are not "
		  "affected; a reboot frees it for certain");
	answer_as_stuck(job, &why);
}

/* --- The worker's end --- */

static void start_worker(struct job *job);

static void log_end(const struct job *job)
{
	char name[BDF_STRLEN];
	const char *lead = bdf_format(job->request.n_targets ? job->request.targets[0].function
							     : job->request.family,
				      name);
	static const char *const past[VERB_COUNT] = {
		[VERB_ATTACH] = "attached to ",
		[VERB_DETACH] = "detached",
		[VERB_CONNECT] = "connected",
		[VERB_DISCONNECT] = "disconnected",
	};

	if (job_only_looks(job))
		return;
	if (job->code < 0)
		log_warning("%s: %s failed: %s (uid %u, pid %d)", lead, job_verb(job),
			    job->error.text, (unsigned)job->who.uid, (int)job->who.pid);
	else if (job->kind == JOB_RECOVER && job->changed)
		log_info("%s: put in order what an earlier tiod left unfinished", lead);
	else if (job->changed)
		log_info("%s%s: %s%s in %.1f s (uid %u, pid %d)", lead,
			 job->request.n_targets > 1 ? " and others" : "",
			 past[job->request.verb], job->request.vm.name,
			 (double)(now_usec() - job->since) / 1e6, (unsigned)job->who.uid,
			 (int)job->who.pid);
}

static void end(struct job *job, int code)
{
	job->code = code;
	if (job->kind == JOB_CHANGE && (job->began || code == 0))
		for (size_t i = 0; i < job->request.n_targets; i++)
			cache_set_error(&job->daemon->cache, job->request.targets[i].function,
					code < 0 ? &job->error : NULL);
	if (job->state != JOB_STUCK)
		log_end(job);
	job_end(job, code);
}

/* Its own worker left a result. */
static void end_with_result(struct job *job, const struct result *result)
{
	job->error = result->error;
	job->changed = job->kind == JOB_RECOVER ? result->recovered : result->n_steps > 0;
	job->text = result->text;
	if (result->code < 0) {
		error_at(&job->error, job->request.family, "");
		if (job->error.kind == ERROR_STUCK)
			mark_stuck(job, &job->error);
	} else if (!job_only_looks(job)) {
		clear_stuck(job);
	}
	end(job, result->code);
}

static void end_after_recovery(struct job *job, const struct result *result,
			       const struct tio_error *why)
{
	bool backwards = job->request.verb == VERB_DETACH ||
			 job->request.verb == VERB_DISCONNECT;

	if (result && result->code == 0) {
		clear_stuck(job);
		if (!result->recovered)
			text_append(job->error.text, sizeof(job->error.text),
				    "; nothing was left to put back");
		else
			text_append(job->error.text, sizeof(job->error.text),
				    backwards ? "; recovery then brought it to its end"
					      : "; what had been done was undone");
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
	mark_stuck(job, &job->error);
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
		error_wrap(&job->error, why->code, "%s", doing(job, what, sizeof(what)));
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
	job->reason = TIO_ERROR_NONE;
	job->step.step[0] = '\0';
	job->work.kind = WORK_RECOVER;
	events_job(job->daemon, job, job_state_to_string(job->state));
	start_worker(job);
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
	if (job->kind == JOB_RECOVER)
		mark_stuck(job, &job->error);
	end(job, job->error.code);
}

static void on_ended(void *arg, const struct result *result, const struct tio_error *why)
{
	struct job *job = arg;
	struct cache_watch watch = daemon_watch(job->daemon);

	job->worker = NULL;
	leave_turn(job);
	if (result && job_only_looks(job))
		cache_merge_host(&job->daemon->cache, result);
	else if (result && cache_merge_job(&job->daemon->cache, result, &job->request,
					   now_usec(), &watch) < 0)
		log_error("memory is short: what a worker found is lost");

	if (!result && needs_recovery(job))
		recover(job, why);
	else if (job->work.kind == WORK_RECOVER && job->kind != JOB_RECOVER)
		end_after_recovery(job, result, job->reason.code ? &job->reason : why);
	else if (result)
		end_with_result(job, result);
	else
		end_without_result(job, why);
}

static const struct worker_ops ops = {
	.progress = on_progress,
	.takes = on_takes,
	.gives = on_gives,
	.late = on_late,
	.stuck = on_stuck,
	.ended = on_ended,
};

static void start_worker(struct job *job)
{
	struct tio_error why = TIO_ERROR_NONE;
	struct daemon *daemon = job->daemon;
	int keep[6], r;

	daemon_worker_fds(daemon, keep);
	r = worker_start(&job->worker, daemon->event, work_run, &job->work, keep, &ops, job,
			 &why);
	if (r < 0) {
		if (job->state == JOB_RECOVERING && job->kind != JOB_RECOVER) {
			end_after_recovery(job, NULL, &why);
			return;
		}
		job->error = why;
		end(job, r);
		return;
	}
	arm(job, job->soft ? LOCK_MS : LOOKING_MS);
}

void job_start(struct job *job)
{
	struct daemon *daemon = job->daemon;
	static const enum work_kind kinds[] = { [JOB_CHANGE] = WORK_CHANGE,
						[JOB_PLAN] = WORK_PLAN,
						[JOB_LOOK] = WORK_LOOK,
						[JOB_RECOVER] = WORK_RECOVER };

	job->state = job->kind == JOB_RECOVER ? JOB_RECOVERING : JOB_RUNNING;
	job->soft = job->kind == JOB_RECOVER;
	job->since = now_usec();
	job->work = (struct work){ .kind = kinds[job->kind],
				   .host = &daemon->host,
				   .known = &daemon->cache.snap,
				   .all = &daemon->cache.all,
				   .turn_seconds = daemon->config.turn_seconds,
				   .look = &job->look,
				   .request = &job->request,
				   .deadline_ms = daemon->config.step_ms };
	events_job(daemon, job, job_state_to_string(job->state));
	start_worker(job);
}
