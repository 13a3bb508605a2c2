/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What was asked for, waits, and runs: one job a request, one request a family.  A job
 * runs in a worker when no job before it touches the same family; when its worker dies
 * another one recovers the family before the job ends.
 */

#include <stdint.h>

#include "core/request.h"
#include "server.h"
#include "work.h"

#define JOBS_QUEUE_MAX 32
#define JOBS_PER_UID   4 /* waiting and running ones of who may not change the host */

struct daemon;

enum job_kind {
	JOB_CHANGE,
	JOB_PLAN,    /* says the steps */
	JOB_LOOK,    /* reads what @look says */
	JOB_RECOVER, /* at the start */
};

enum job_state {
	JOB_QUEUED,
	JOB_RUNNING,
	JOB_RECOVERING,
	JOB_STUCK, /* its process hangs in the kernel; whoever asked has been told */
	JOB_STATE_COUNT
};

struct job {
	struct job *next;
	struct daemon *daemon; /* borrowed */
	uint64_t id;
	enum job_kind kind;
	enum job_state state;
	struct request request;
	struct look look; /* of JOB_LOOK */
	struct peer who;
	bool own;          /* nobody asked for it, see own-jobs.h */
	unsigned occasion; /* of own ones: RULE_BOOT or RULE_HOTPLUG, 0 for a link that fell */
	uint64_t since;    /* usec: queued, then started */

	struct worker *worker; /* while one runs */
	struct work work;
	struct progress step;    /* the last that was begun */
	uint64_t step_since;     /* usec: when that was */
	bool began;              /* there is a plan: it is no refusal any more */
	bool planned, failed;    /* its worker told so many steps, and that one failed */
	unsigned n_open;         /* steps that it did not tell the end of yet */
	bool waits;              /* for its turn at the TSM */
	bool soft;               /* may wait for a lock longer than its time, unharmed */
	uint64_t armed_ms;       /* the time the worker has */
	unsigned recoveries;     /* workers that were started to put it back */
	struct tio_error reason; /* why its worker was killed */

	/* How it ended. */
	int code;
	struct tio_error error;
	bool changed;
	double seconds;
	const char *text; /* JSON of a plan or a look, during ended() only */
	size_t text_size; /* with its NUL */
	int *fds;         /* that the worker opened, as worker_fds(); during ended() only */
	size_t n_fds;

	/* Whoever asked; may be NULL.  The job is freed after ended(). */
	void (*progressed)(struct job *job, const struct progress *progress, void *arg);
	void (*ended)(struct job *job, void *arg);
	void *arg;
};

/* Changes nothing and is not listed. */
bool job_only_looks(const struct job *job);

#define JOBS_ENDED_MAX 32

struct jobs {
	struct job *list; /* owned, oldest first */
	json_t *ended;    /* owned, may be NULL: reports of the last that ended, oldest first */
	uint64_t last_id;
};

/*
 * 0, or ERROR_BUSY: @n more of @who would be too many.  What only looks gets half of the room,
 * and who may not change the host JOBS_PER_UID.
 */
int jobs_check_room(const struct daemon *daemon, enum job_kind kind, size_t n,
		    const struct peer *who, struct tio_error *err);

/* A job that is not done waits for the family, or works on it. */
bool jobs_touch(const struct daemon *daemon, struct bdf family);

/* 0, or why nothing can be done with the family now. */
int jobs_check_family(const struct daemon *daemon, struct bdf family, struct tio_error *err);

/* NULL when memory is short.  To be filled, then submitted. */
struct job *job_new(struct daemon *daemon, enum job_kind kind);
void job_submit(struct job *job);

struct job *jobs_find(const struct daemon *daemon, uint64_t id);

/* The change that @function is a target of, or NULL. */
const struct job *jobs_of_function(const struct daemon *daemon, struct bdf function);

/* What alters @family at this moment, or NULL. */
const struct job *jobs_altering(const struct daemon *daemon, struct bdf family);

/* Off the queue, or stopped and undone. */
void job_cancel(struct job *job, const struct peer *who);

/* Starts what may start. */
void jobs_pump(struct daemon *daemon);
size_t jobs_running(const struct daemon *daemon);
void jobs_cancel_queued(struct daemon *daemon);
void jobs_kill_all(struct daemon *daemon);
void jobs_finish(struct daemon *daemon);

const char *job_state_to_string(enum job_state state);
const char *job_verb(const struct job *job);
json_t *job_report(const struct job *job);
