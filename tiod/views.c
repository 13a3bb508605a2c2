/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "views.h"

#include "core/report.h"
#include "daemon.h"

static struct standing standing_of(const struct daemon *daemon, struct bdf bdf)
{
	const struct cache *cache = &daemon->cache;
	const struct entry *entry = cache_entry(cache, bdf);
	const struct job *job = jobs_of_function(daemon, bdf);
	const struct link *link = links_find(daemon, cache_family(cache, bdf));

	return (struct standing){
		.job = job ? job_verb(job) : NULL,
		.job_id = job ? job->id : 0,
		.stuck = cache_stuck(cache, cache_family(cache, bdf)),
		.last_error = entry ? entry->error : NULL,
		.link = link ? &link->state : NULL,
		.reconnects = daemon->config.reconnect,
		.gone = !snapshot_find(&cache->snap, bdf),
		.age = entry ? (double)(now_usec() - entry->read_at) / 1e6 : 0,
	};
}

json_t *view_function(const struct daemon *daemon, struct bdf bdf)
{
	return view_one_of_all(daemon, bdf, NULL);
}

json_t *view_one_of_all(const struct daemon *daemon, struct bdf bdf,
			const struct groups *groups)
{
	const struct cache *cache = &daemon->cache;
	const struct function *f = snapshot_find(&cache->snap, bdf);
	struct standing standing = standing_of(daemon, bdf);

	standing.groups = groups;
	standing.in_list = groups;
	if (f)
		return report_function(&cache->snap, &cache->all, f, &standing);
	return report_status(&cache->snap, &cache->all, bdf, &standing);
}

const char *view_state(const struct daemon *daemon, struct bdf bdf)
{
	const struct cache *cache = &daemon->cache;
	const struct function *f = snapshot_find(&cache->snap, bdf);
	struct standing standing = standing_of(daemon, bdf);
	struct function absent = { .bdf = bdf };

	return report_state(f ? f : &absent,
			    f ? snapshot_find(&cache->snap, function_family(f)) : NULL,
			    assignments_find(&cache->all, bdf), &standing);
}

json_t *view_progress(const struct job *job, const struct progress *progress)
{
	json_t *json = report_progress(progress);
	char name[BDF_STRLEN];

	json_object_set_new(json, "family", json_string(bdf_format(job->request.family, name)));
	return json;
}

json_t *view_jobs(const struct daemon *daemon, bool ended)
{
	json_t *list = ended && daemon->jobs.ended ? json_copy(daemon->jobs.ended)
						   : json_array();

	for (const struct job *job = daemon->jobs.list; job; job = job->next)
		if (!job_only_looks(job))
			json_array_append_new(list, job_report(job));
	return list;
}

json_t *view_jobs_of(const struct daemon *daemon, const struct peer *who)
{
	json_t *list = json_array();

	for (const struct job *job = daemon->jobs.list; job; job = job->next)
		if (!job_only_looks(job) && job->who.uid == who->uid)
			json_array_append_new(list, job_report(job));
	return list;
}

json_t *view_problems(const struct daemon *daemon)
{
	json_t *list = json_array();

	if (daemon->unreadable.code)
		json_array_append_new(list, json_sprintf("%s (%s)", daemon->unreadable.text,
							 daemon->unreadable.fix));
	scans_report(daemon, list);
	return list;
}
