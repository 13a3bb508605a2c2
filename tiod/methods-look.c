/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Methods for which a worker looks at the kernel first.
 */

#include <errno.h>

#include "core/json.h"
#include "core/report.h"
#include "methods-look.h"
#include "methods.h"

static void on_gone(void *arg)
{
	/* The job goes on; its end finds that nobody waits. */
}

struct job *look_new(struct daemon *daemon, struct call *call,
		     void (*ended)(struct job *job, void *arg))
{
	struct tio_error err = TIO_ERROR_NONE;
	struct job *job;

	if (jobs_check_room(daemon, JOB_LOOK, 1, &call->who, &err) < 0) {
		methods_fail(call, &err);
		return NULL;
	}
	job = job_new(daemon, JOB_LOOK);
	if (!job) {
		methods_reply(call, NULL);
		return NULL;
	}
	call->gone = on_gone;
	job->who = call->who;
	job->ended = ended;
	job->arg = call;
	return job;
}

void look_start(struct daemon *daemon, struct call *call, const struct look *look,
		void (*ended)(struct job *job, void *arg))
{
	struct job *job = look_new(daemon, call, ended);

	if (!job)
		return;
	job->look = *look;
	job->request.family = look->function; /* what messages call it by */
	job_submit(job);
}

int look_find(const struct daemon *daemon, const struct call *call, struct bdf *ret,
	      struct tio_error *err)
{
	const struct snapshot *snap = &daemon->cache.snap;
	struct target target;
	int r = request_resolve(snap, methods_text(call, "function"), &target, err);

	if (r < 0)
		return r;
	*ret = snapshot_find(snap, target.function) ? target.function : target.physfn;
	if (snapshot_find(snap, *ret))
		return 0;
	return error_kind_set(err, ERROR_NO_FUNCTION, -ENODEV, "%s is not there", target.named);
}

/* --- IDE --- */

static void on_ide(struct job *job, void *arg)
{
	/* What it shows and what status says shall be the same. */
	scans_watch(job->daemon, job->request.family);
	if (job->code < 0)
		methods_fail(arg, &job->error);
	else
		methods_reply(arg, json_pack("{so}", "ide", json_loads(job->text, 0, NULL)));
}

void method_get_ide(struct daemon *daemon, struct call *call)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct look look = { .kind = LOOK_IDE };

	if (look_find(daemon, call, &look.function, &err) < 0)
		methods_fail(call, &err);
	else
		look_start(daemon, call, &look, on_ide);
}

/* --- The security manager's status --- */

static void on_tsm(struct job *job, void *arg)
{
	if (job->code < 0)
		methods_fail(arg, &job->error);
	else
		methods_reply(arg, json_pack("{so}", "status", json_loads(job->text, 0, NULL)));
}

/* A look never waits behind a connect: that may take minutes, and who asks wants to know now.
 */
int look_check_turns(const struct daemon *daemon, struct tio_error *err)
{
	if (!turns_any(&daemon->turns))
		return 0;
	error_kind_set(err, ERROR_BUSY, -EBUSY,
		       "the security manager is busy with a connect or disconnect and tells "
		       "nothing of itself meanwhile");
	error_fix(err, "ask again when it has ended; `tioctl jobs` lists what runs");
	return -EBUSY;
}

/*
 * Each reading of measurements makes the card and the security manager work, with the kernel's
 * lock held that every connect waits for: not something for whoever may look.
 */
static int check_evidence(const struct call *call, const struct look *look,
			  struct tio_error *err)
{
	if (!look->evidence || rights_allow(&call->who, ACCESS_CHANGE))
		return 0;
	return rights_refuse(&call->who, "io.tiod.GetTsmStatus with \"evidence\"",
			     ACCESS_CHANGE, err);
}

void method_get_tsm_status(struct daemon *daemon, struct call *call)
{
	struct look look = { .kind = LOOK_TSM, .evidence = methods_flag(call, "evidence") };
	struct tio_error err = TIO_ERROR_NONE;

	if (check_evidence(call, &look, &err) < 0 ||
	    look_find(daemon, call, &look.function, &err) < 0 ||
	    look_check_turns(daemon, &err) < 0)
		methods_fail(call, &err);
	else
		look_start(daemon, call, &look, on_tsm);
}

/* --- Hugepages: no event tells when pages are taken --- */

static void on_hugepages(struct job *job, void *arg)
{
	if (job->code < 0)
		methods_fail(arg, &job->error);
	else
		methods_reply(arg, json_pack("{so}", "pools",
					     report_hugepages(&job->daemon->cache.snap)));
}

void method_get_hugepages(struct daemon *daemon, struct call *call)
{
	look_start(daemon, call, &(struct look){ .kind = LOOK_HOST }, on_hugepages);
}

/* --- Plugins: the daemon itself never loads one --- */

static void on_plugins(struct job *job, void *arg)
{
	if (job->code < 0)
		methods_fail(arg, &job->error);
	else
		methods_reply(arg, json_loads(job->text, 0, NULL));
}

void method_list_plugins(struct daemon *daemon, struct call *call)
{
	look_start(daemon, call, &(struct look){ .kind = LOOK_PLUGINS }, on_plugins);
}
