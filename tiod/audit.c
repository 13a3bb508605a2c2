/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon.h"

#define FIELDS_MAX 12
#define WHO_SIZE   640

/* What the journal is told beside the line; the texts live as long as this does. */
struct account {
	struct log_field fields[FIELDS_MAX];
	size_t n;
	char uid[16], pid[16], error[16], device[BDF_STRLEN];
};

static void add(struct account *account, const char *name, const char *value)
{
	account->fields[account->n++] = (struct log_field){ name, value };
}

static void add_who(struct account *account, const struct peer *who)
{
	snprintf(account->uid, sizeof(account->uid), "%u", (unsigned)who->uid);
	snprintf(account->pid, sizeof(account->pid), "%d", (int)who->pid);
	add(account, "TIOD_PEER_UID", account->uid);
	add(account, "TIOD_PEER_PID", account->pid);
	add(account, "TIOD_PEER_COMM", who->comm);
	add(account, "TIOD_PEER_UNIT", who->unit);
}

static void add_error(struct account *account, const struct tio_error *err)
{
	snprintf(account->error, sizeof(account->error), "%d", -err->code);
	add(account, "ERRNO", account->error);
	add(account, "TIOD_STEP", err->step);
	add(account, "TIOD_ATTRIBUTE", err->attribute);
}

static void quote(char *buf, size_t size, const char *before, const char *name)
{
	char quoted[512];

	if (*name)
		text_append(buf, size, "%s\"%s\"", before,
			    escape_copy(quoted, sizeof(quoted), name));
}

/*
 * uid 0, pid 12, "tioctl" of "session-3.scope".  Both names are what somebody else chose: in
 * quotes they cannot pass for a part of the sentence.
 */
static const char *say_who(const struct peer *who, char *buf, size_t size)
{
	snprintf(buf, size, "uid %u, pid %d", (unsigned)who->uid, (int)who->pid);
	quote(buf, size, ", ", who->comm);
	quote(buf, size, " of ", who->unit);
	return buf;
}

static void add_job(struct account *account, const struct job *job)
{
	const struct request *request = &job->request;

	bdf_format(request->n_targets ? request->targets[0].function : request->family,
		   account->device);
	add(account, "TIOD_DEVICE", account->device);
	add(account, "TIOD_VM", request->vm.name);
	add(account, "TIOD_TSM", request->tsm);
	add(account, "TIOD_REQUEST", job_verb(job));
	add_who(account, &job->who);
}

static void say_failed(const struct job *job, struct account *account)
{
	enum log_event event = job->error.kind == ERROR_STUCK ? LOG_EVENT_STUCK
							      : LOG_EVENT_FAILED;
	char who[WHO_SIZE];

	add_error(account, &job->error);
	log_event(LOG_LEVEL_WARNING, event, account->fields, account->n,
		  "%s: %s failed: %s (%s)", account->device, job_verb(job), job->error.text,
		  say_who(&job->who, who, sizeof(who)));
}

static void say_changed(const struct job *job, const struct account *account)
{
	static const char *const past[VERB_COUNT] = {
		[VERB_ATTACH] = "attached to ",   [VERB_DETACH] = "detached",
		[VERB_CONNECT] = "connected",     [VERB_DISCONNECT] = "disconnected",
		[VERB_RECONNECT] = "reconnected", [VERB_MOVE] = "followed its card, for ",
	};
	char who[WHO_SIZE];

	log_event(LOG_LEVEL_INFO, LOG_EVENT_CHANGED, account->fields, account->n,
		  "%s%s: %s%s in %.1f s (%s)", account->device,
		  job->request.n_targets > 1 ? " and others" : "", past[job->request.verb],
		  job->request.vm.name, (double)(now_usec() - job->since) / 1e6,
		  say_who(&job->who, who, sizeof(who)));
}

void audit_job_ended(const struct job *job)
{
	struct account account = { 0 };

	if (job_only_looks(job))
		return;
	add_job(&account, job);
	if (job->code < 0)
		say_failed(job, &account);
	else if (job->kind == JOB_RECOVER && job->changed)
		log_event(LOG_LEVEL_INFO, LOG_EVENT_RECOVERED, account.fields, account.n,
			  "%s: what an earlier tiod left unfinished was put in order: %s",
			  account.device, job->error.text);
	else if (job->changed)
		say_changed(job, &account);
}

void audit_refused(const struct peer *who, const struct tio_error *err)
{
	struct account account = { 0 };
	char text[WHO_SIZE];

	add_who(&account, who);
	add_error(&account, err);
	log_event(LOG_LEVEL_WARNING, LOG_EVENT_DENIED, account.fields, account.n, "%s (%s)",
		  err->text, say_who(who, text, sizeof(text)));
}

void audit_done(const struct peer *who, const char *vm, const char *fmt, ...)
{
	struct account account = { 0 };
	char text[256], name[WHO_SIZE];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	add_who(&account, who);
	add(&account, "TIOD_VM", vm);
	log_event(LOG_LEVEL_INFO, LOG_EVENT_CHANGED, account.fields, account.n, "%s (%s)", text,
		  say_who(who, name, sizeof(name)));
}
