/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "own-jobs.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "targets.h"

struct job *own_job_new(struct daemon *daemon, enum verb verb, struct bdf family)
{
	struct job *job = job_new(daemon, JOB_CHANGE);
	char name[BDF_STRLEN];

	if (!job) {
		log_error("%s: memory is short: %s is left out", bdf_format(family, name),
			  verb_to_string(verb));
		return NULL;
	}
	job->own = true;
	job->request.verb = verb;
	job->request.family = family;
	job->who = (struct peer){ .uid = getuid(), .pid = getpid() };
	return job;
}

void own_job_submit(struct job *job, int r, const struct tio_error *err)
{
	struct daemon *daemon = job->daemon;
	struct tio_error why = *err;
	char name[BDF_STRLEN];

	if (r == 0)
		r = targets_list_families(daemon, &job->request, &why);
	for (size_t i = 0; r == 0 && i < job->request.n_families; i++)
		r = jobs_check_family(daemon, job->request.families[i], &why);
	if (r == 0 && daemon->unreadable.code) {
		why = daemon->unreadable;
		r = why.code;
	}
	if (r == 0) {
		job_submit(job);
		return;
	}
	log_warning("%s: %s is not done: %s", bdf_format(job->request.family, name),
		    verb_to_string(job->request.verb), why.text);
	job->error = why;
	job->code = r;
	job->ended(job, job->arg);
	free(job);
}
