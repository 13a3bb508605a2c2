/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * OpenDevices: a worker opens them, and the descriptors go out with the reply.
 */

#include <errno.h>

#include "audit.h"
#include "host/peer.h"
#include "methods-look.h"
#include "methods.h"

/* What was found is news to the cache, too. */
static void read_again(struct daemon *daemon, struct bdf function)
{
	const struct function *f = snapshot_find(&daemon->cache.snap, function);

	if (!f)
		return;
	scans_mark(daemon, function);
	scans_mark(daemon, function_family(f));
}

static void on_opened(struct job *job, void *arg)
{
	struct tio_error err = job->error;
	struct call *call = arg;
	json_t *reply = NULL;

	if (job->code == 0) {
		reply = json_loads(job->text, 0, NULL);
		if (json_array_size(json_object_get(reply, "devices")) != job->n_fds)
			error_kind_set(&err, ERROR_BUSY, -EMFILE,
				       "tiod has no room for so many open files");
	}
	if (err.kind == ERROR_NOT_READY)
		read_again(job->daemon, err.function);
	if (err.code == 0 && reply) {
		audit_done(&call->who, job->request.vm.name, "the devices of %s are handed out",
			   job->request.vm.name);
		call_reply_fds(call, reply, job->fds, job->n_fds);
		return;
	}
	json_decref(reply);
	if (err.code)
		methods_fail(call, &err);
	else
		methods_reply(call, NULL);
}

void method_open_devices(struct daemon *daemon, struct call *call)
{
	struct tio_error err = TIO_ERROR_NONE;
	const struct vm *vm = methods_find_vm(daemon, methods_text(call, "vm"), &err);
	struct job *job;

	if (!vm) {
		methods_fail(call, &err);
		return;
	}
	peer_describe(&daemon->host, &call->who);
	job = look_new(daemon, call, on_opened);
	if (!job)
		return;
	job->look.kind = LOOK_DEVICES;
	job->request.vm = *vm;
	job_submit(job);
}
