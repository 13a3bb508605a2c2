/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "metrics.h"

#include "daemon.h"
#include "views.h"

void metrics_progress(struct job *job, const struct progress *progress)
{
	struct metrics_counters *counters = &job->daemon->metrics;

	/* Functions that are worked on at the same time begin together. */
	if (progress->kind == PROGRESS_BEGIN)
		job->step_since = now_usec();
	else if (progress->kind == PROGRESS_DONE && job->step_since)
		metrics_count_step(counters, progress->step, progress->undo,
				   (double)(now_usec() - job->step_since) / 1e6);
}

void metrics_job(const struct job *job)
{
	if (!job_only_looks(job) && job->code < 0 && job->error.step[0])
		metrics_count_failure(&job->daemon->metrics, job->error.step, job->code);
}

static const char *state_of(void *arg, struct bdf bdf)
{
	return view_state(arg, bdf);
}

char *metrics_page(const struct daemon *daemon, bool openmetrics)
{
	const char *names[JOB_STATE_COUNT + 1] = { NULL };
	size_t jobs[JOB_STATE_COUNT] = { 0 };
	json_t *problems = view_problems(daemon);
	struct metrics_input input = {
		.version = TIOD_VERSION,
		.snap = &daemon->cache.snap,
		.all = &daemon->cache.all,
		.counters = &daemon->metrics,
		.state = state_of,
		.arg = (void *)daemon,
		.job_states = names,
		.jobs = jobs,
		.vms = daemon->config.vms,
		.n_vms = daemon->config.n_vms,
		.clients = daemon->server.n_connections,
		.strangers = server_strangers(&daemon->server),
		.clients_refused = daemon->server.refused,
		.openmetrics = openmetrics,
		.ready = daemon->phase == DAEMON_READY,
		.problems = (double)json_array_size(problems),
		.config_problems = (double)daemon->config.n_notes,
		.config_good = !config_is_broken(&daemon->config),
		.config_good_at = (double)daemon->config.good_at,
		.config_seconds = (double)daemon->config.read_usec / 1e6,
	};

	json_decref(problems);
	for (int i = 0; i < JOB_STATE_COUNT; i++)
		names[i] = job_state_to_string((enum job_state)i);
	for (const struct job *job = daemon->jobs.list; job; job = job->next)
		jobs[job->state] += !job_only_looks(job);
	return metrics_text(&input);
}
