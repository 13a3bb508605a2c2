/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job-run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "daemon.h"
#include "job-end.h"

/* Between steps, where a worker only looks: sysfs, /proc, config space. */
#define LOOKING_MS    30000
#define LOCK_MS       5000 /* recovery at start waits this long for a former worker */
#define MS_PER_SECOND 1000

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
	jobs_pump(job->daemon);
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
	metrics_progress(job, progress);
	switch (progress->kind) {
	case PROGRESS_BEGIN:
		job->step = *progress;
		arm(job, progress->deadline_ms ? progress->deadline_ms : LOOKING_MS);
		break;
	case PROGRESS_PLAN:
		job->began = progress->total > 0;
		job->n_open = progress->total;
		job->planned = true;
		arm(job, LOOKING_MS);
		break;
	case PROGRESS_DONE:
	case PROGRESS_FAILED:
		job->step.step[0] = '\0';
		job->failed |= progress->kind == PROGRESS_FAILED;
		job->n_open -= job->n_open > 0;
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
const char *job_doing(const struct job *job, char *buf, size_t size)
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
		       job_doing(job, what, sizeof(what)),
		       (double)job->armed_ms / MS_PER_SECOND,
		       *attribute ? ": the kernel has not come back from " : "", attribute);
	text_copy(err->attribute, sizeof(err->attribute), attribute);
	error_fix(err,
		  "see the kernel's log (dmesg); StepTimeout= in tiod.conf sets the limit");
	error_at(err, job->step.step[0] ? job->step.function : job->request.family,
		 job->step.step);
}

/* Whoever asked has waited long enough; the job itself stays until its process has gone. */
static void answer_as_stuck(struct job *job, const struct tio_error *why)
{
	char name[BDF_STRLEN];
	const struct log_field device = { "TIOD_DEVICE", name };

	bdf_format(job->request.family, name);
	log_event(LOG_LEVEL_ERROR, LOG_EVENT_STUCK, &device, 1, "%s: %s", name, why->text);
	job->state = JOB_STUCK;
	job_mark_stuck(job, why);
	presence_note(job->daemon, job->request.family);
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
	job->daemon->metrics.kills++;
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

static void on_ended(void *arg, const struct result *result, const struct tio_error *why)
{
	struct job *job = arg;

	job->fds = worker_fds(job->worker, &job->n_fds);
	job->worker = NULL;
	leave_turn(job);
	job_worker_ended(job, result, why);
}

static const struct worker_ops ops = {
	.progress = on_progress,
	.takes = on_takes,
	.gives = on_gives,
	.late = on_late,
	.stuck = on_stuck,
	.ended = on_ended,
};

void job_start_worker(struct job *job)
{
	struct tio_error why = TIO_ERROR_NONE;
	struct daemon *daemon = job->daemon;
	int keep[6], r;

	daemon_worker_fds(daemon, keep);
	r = worker_start(&job->worker, daemon->event, work_run, &job->work, keep, &ops, job,
			 &why);
	if (r < 0) {
		job_not_started(job, &why);
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
	struct tio_error why = TIO_ERROR_NONE;
	int r = job->kind == JOB_CHANGE ? presence_check(daemon, &job->request, &why) : 0;

	job->daemon->metrics.recoveries += job->kind == JOB_RECOVER;
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
	if (r < 0)
		job_not_started(job, &why);
	else
		job_start_worker(job);
}
