/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "core/json.h"
#include "core/report.h"
#include "daemon.h"
#include "job-run.h"
#include "worker.h"

#define USEC_PER_SEC 1000000.0

const char *job_state_to_string(enum job_state state)
{
	static const char *const names[JOB_STATE_COUNT] = {
		[JOB_QUEUED] = "queued",
		[JOB_RUNNING] = "running",
		[JOB_RECOVERING] = "recovering",
		[JOB_STUCK] = "stuck",
	};

	return names[state];
}

const char *job_verb(const struct job *job)
{
	if (job->kind == JOB_RECOVER)
		return "recover";
	if (job_only_looks(job))
		return job->kind == JOB_PLAN ? "plan" : "look";
	return verb_to_string(job->request.verb);
}

bool job_only_looks(const struct job *job)
{
	return job->kind == JOB_PLAN || job->kind == JOB_LOOK;
}

/* --- The queue --- */

static size_t count(const struct daemon *daemon, enum job_state state)
{
	size_t n = 0;

	for (const struct job *job = daemon->jobs.list; job; job = job->next)
		n += job->state == state;
	return n;
}

size_t jobs_running(const struct daemon *daemon)
{
	return count(daemon, JOB_RUNNING) + count(daemon, JOB_RECOVERING);
}

static size_t count_of(const struct daemon *daemon, uid_t uid)
{
	size_t n = 0;

	for (const struct job *job = daemon->jobs.list; job; job = job->next)
		n += job->who.uid == uid && job->state != JOB_STUCK;
	return n;
}

/* One that is for many cards at once is begun whole, when nothing else of its user is there. */
static int check_share(const struct daemon *daemon, const struct peer *who, size_t n,
		       struct tio_error *err)
{
	size_t mine = count_of(daemon, who->uid);

	if (who->may_change || mine == 0 || mine + n <= JOBS_PER_UID)
		return 0;
	error_kind_set(err, ERROR_BUSY, -EBUSY,
		       "%zu jobs of uid %u wait or run already; %zu more are too many: of a "
		       "user who may not change the host, %d may be there at once",
		       mine, (unsigned)who->uid, n, JOBS_PER_UID);
	error_fix(err, "try again when they have ended; `tioctl status` says what is done to "
		       "a VM's devices");
	return -EBUSY;
}

int jobs_check_room(const struct daemon *daemon, enum job_kind kind, size_t n,
		    const struct peer *who, struct tio_error *err)
{
	size_t room = kind == JOB_CHANGE ? JOBS_QUEUE_MAX : JOBS_QUEUE_MAX / 2;

	if (daemon->phase == DAEMON_STOPPING) {
		error_kind_set(err, ERROR_BUSY, -ESHUTDOWN, "tiod is being stopped");
		error_fix(err, "try again: if it is restarted, the next one answers");
		return -ESHUTDOWN;
	}
	if (kind != JOB_LOOK && daemon->unreadable.code) {
		*err = daemon->unreadable;
		return err->code;
	}
	if (check_share(daemon, who, n, err) < 0)
		return err->code;
	if (count(daemon, JOB_QUEUED) + n <= room)
		return 0;
	error_kind_set(err, ERROR_BUSY, -EBUSY, "%zu jobs wait already; %zu more are too many",
		       count(daemon, JOB_QUEUED), n);
	error_fix(err, "try again when some have ended; `tioctl jobs` lists them");
	return -EBUSY;
}

static bool touches(const struct job *job, struct bdf family)
{
	for (size_t i = 0; i < job->request.n_families; i++)
		if (bdf_equal(job->request.families[i], family))
			return true;
	return false;
}

bool jobs_touch(const struct daemon *daemon, struct bdf family)
{
	for (const struct job *job = daemon->jobs.list; job; job = job->next)
		if (touches(job, family))
			return true;
	return false;
}

int jobs_check_family(const struct daemon *daemon, struct bdf family, struct tio_error *err)
{
	const struct tio_error *stuck = cache_stuck(&daemon->cache, family);

	for (const struct job *job = daemon->jobs.list; job; job = job->next) {
		if (job->state != JOB_STUCK || !touches(job, family))
			continue;
		if (stuck)
			*err = *stuck;
		err->kind = ERROR_STUCK;
		return err->code ? err->code : -EBUSY;
	}
	return 0;
}

struct job *job_new(struct daemon *daemon, enum job_kind kind)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->daemon = daemon;
	job->kind = kind;
	job->id = ++daemon->jobs.last_id;
	job->since = now_usec();
	return job;
}

static void mark_targets(const struct job *job)
{
	for (size_t i = 0; i < job->request.n_targets; i++)
		events_changed(job->daemon, job->request.targets[i].function);
}

void job_submit(struct job *job)
{
	struct job **end = &job->daemon->jobs.list;

	while (*end)
		end = &(*end)->next;
	*end = job;
	mark_targets(job);
	events_job(job->daemon, job, job_state_to_string(job->state));
	jobs_pump(job->daemon);
}

static bool shares_family(const struct job *a, const struct job *b)
{
	for (size_t i = 0; i < a->request.n_families; i++)
		if (touches(b, a->request.families[i]))
			return true;
	return false;
}

/*
 * Must @job wait for one that came before it, or that runs already?  Who only looks neither
 * waits nor is waited for.
 */
static bool is_blocked(const struct daemon *daemon, const struct job *job)
{
	bool before = true;

	if (job_only_looks(job))
		return false;
	for (const struct job *other = daemon->jobs.list; other; other = other->next) {
		if (other == job)
			before = false;
		else if (!job_only_looks(other) && (before || other->state != JOB_QUEUED) &&
			 shares_family(job, other))
			return true;
	}
	return false;
}

/* Workers that wait for a TSM cost nothing but their process: others work meanwhile. */
static bool has_worker_free(const struct daemon *daemon)
{
	size_t running = jobs_running(daemon), waiting = 0;

	for (const struct job *job = daemon->jobs.list; job; job = job->next)
		waiting += job->waits;
	return running - waiting < daemon->config.workers &&
	       running < daemon->config.workers + JOBS_QUEUE_MAX;
}

static struct job *next_to_start(struct daemon *daemon)
{
	if (daemon->phase == DAEMON_STOPPING || !has_worker_free(daemon))
		return NULL;
	for (struct job *job = daemon->jobs.list; job; job = job->next)
		if (job->state == JOB_QUEUED && !is_blocked(daemon, job))
			return job;
	return NULL;
}

void jobs_pump(struct daemon *daemon)
{
	struct job *job;

	while ((job = next_to_start(daemon)))
		job_start(job);
}

/* --- Its end --- */

static void forget(struct job *job)
{
	struct job **at = &job->daemon->jobs.list;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
}

/* Who asked may not have waited: what became of it can be asked for a while. */
static void keep_report(struct job *job)
{
	struct jobs *jobs = &job->daemon->jobs;
	json_t *report;

	if (job_only_looks(job) ||
	    (job->kind == JOB_RECOVER && !job->changed && job->code >= 0))
		return;
	report = job_report(job);
	json_object_set_new(report, "state", json_string(job->code < 0 ? "failed" : "done"));
	json_object_set_new(report, "error",
			    job->code < 0 ? report_error(&job->error) : json_null());
	json_object_set_new(report, "seconds", json_seconds(job->seconds));
	if (!jobs->ended)
		jobs->ended = json_array();
	if (json_array_size(jobs->ended) == JOBS_ENDED_MAX)
		json_array_remove(jobs->ended, 0);
	json_array_append_new(jobs->ended, report);
}

void job_end(struct job *job, int code)
{
	struct daemon *daemon = job->daemon;

	forget(job);
	job->code = code;
	job->seconds = (double)(now_usec() - job->since) / USEC_PER_SEC;
	keep_report(job);
	mark_targets(job);
	if (!job_only_looks(job))
		presence_note(daemon, job->request.family);
	events_job(daemon, job, code < 0 ? "failed" : "done");
	if (job->ended)
		job->ended(job, job->arg);
	free(job);
	jobs_pump(daemon);
	daemon_job_ended(daemon);
}

void job_cancel(struct job *job, const struct peer *who)
{
	struct tio_error reason = TIO_ERROR_NONE;

	error_set(&reason, -ECANCELED, "job %llu (%s) was cancelled by uid %u",
		  (unsigned long long)job->id, job_verb(job), (unsigned)who->uid);
	if (job->state == JOB_QUEUED) {
		job->error = reason;
		job_end(job, -ECANCELED);
		return;
	}
	job_stop(job, &reason);
}

static struct job *first_queued(const struct daemon *daemon)
{
	for (struct job *job = daemon->jobs.list; job; job = job->next)
		if (job->state == JOB_QUEUED)
			return job;
	return NULL;
}

/* From the first each time: who hears of one end may have asked to cancel others as well. */
void jobs_cancel_queued(struct daemon *daemon)
{
	struct job *job;

	while ((job = first_queued(daemon))) {
		error_kind_set(&job->error, ERROR_BUSY, -ESHUTDOWN,
			       "tiod was stopped before it came to this; nothing was changed");
		job_end(job, -ESHUTDOWN);
	}
}

void jobs_kill_all(struct daemon *daemon)
{
	struct tio_error reason = TIO_ERROR_NONE;

	error_set(&reason, -ECANCELED, "tiod was stopped while this ran");
	for (struct job *job = daemon->jobs.list; job; job = job->next)
		if (job->worker)
			job_stop(job, &reason);
}

void jobs_finish(struct daemon *daemon)
{
	json_decref(daemon->jobs.ended);
	daemon->jobs.ended = NULL;
	while (daemon->jobs.list) {
		struct job *job = daemon->jobs.list;

		daemon->jobs.list = job->next;
		worker_free(job->worker);
		free(job);
	}
}

/* --- Questions --- */

struct job *jobs_find(const struct daemon *daemon, uint64_t id)
{
	for (struct job *job = daemon->jobs.list; job; job = job->next)
		if (job->id == id)
			return job;
	return NULL;
}

const struct job *jobs_altering(const struct daemon *daemon, struct bdf family)
{
	for (const struct job *job = daemon->jobs.list; job; job = job->next)
		if (!job_only_looks(job) && job->state != JOB_QUEUED && touches(job, family))
			return job;
	return NULL;
}

const struct job *jobs_of_function(const struct daemon *daemon, struct bdf function)
{
	for (const struct job *job = daemon->jobs.list; job; job = job->next) {
		if (job_only_looks(job) || job->state == JOB_STUCK)
			continue;
		if (job->kind == JOB_RECOVER &&
		    touches(job, cache_family(&daemon->cache, function)))
			return job;
		for (size_t i = 0; i < job->request.n_targets; i++)
			if (bdf_equal(job->request.targets[i].function, function))
				return job;
	}
	return NULL;
}

json_t *job_report(const struct job *job)
{
	json_t *functions = json_array();
	char name[BDF_STRLEN];

	for (size_t i = 0; i < job->request.n_targets; i++)
		json_array_append_new(
			functions,
			json_string(bdf_format(job->request.targets[i].function, name)));
	return json_pack("{sI ss ss so ss ss ss so so}", "id", (json_int_t)job->id, "verb",
			 job_verb(job), "family", bdf_format(job->request.family, name),
			 "functions", functions, "vm", job->request.vm.name, "state",
			 job->waits ? "waiting" : job_state_to_string(job->state), "step",
			 job->step.step, "seconds",
			 json_seconds((double)(now_usec() - job->since) / USEC_PER_SEC),
			 "error", json_null());
}
