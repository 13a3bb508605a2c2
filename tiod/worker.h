/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One piece of work in one child process.
 *
 * Kernel writes sleep for seconds, libpci ends its process when it is unhappy, and
 * plugins are other people's code.  None of that runs in the daemon: it forks, the
 * child works straight through, tells its progress on a socket, leaves a struct result
 * in a memory file and exits.  The loop hears of it either way.
 */

#include <systemd/sd-event.h>

#include "base/fds.h"
#include "core/host.h"
#include "result.h"

struct worker;

/* In the child: how the work talks to the daemon. */
struct channel {
	int fd;
	unsigned turn_seconds; /* for the sentence when a turn is refused */
};

void channel_progress(void *channel, const struct progress *progress);
int channel_tsm_take(void *channel, const char *tsm, struct tio_error *err);
void channel_tsm_give(void *channel);

/* Once at most; they stay open here.  0 or -errno. */
#define CHANNEL_FDS_MAX FDS_MAX
int channel_send_fds(struct channel *channel, const int *fds, size_t n);

/* Fills @ret; what it borrows must live until the child exits. */
typedef void (*work_fn)(struct channel *channel, void *arg, struct result *ret);

struct worker_ops {
	/* NULL where the work tells nothing, and where it takes no turn. */
	void (*progress)(void *arg, const struct progress *progress);
	void (*takes)(void *arg, const char *tsm); /* answer with worker_answer() */
	void (*gives)(void *arg);

	void (*late)(void *arg);  /* the time of worker_arm() is over */
	void (*stuck)(void *arg); /* was killed, but is inside the kernel and does not go */

	/*
	 * It is gone.  @result is NULL when it left none; @why then says how it ended.  The
	 * worker is freed afterwards.
	 */
	void (*ended)(void *arg, const struct result *result, const struct tio_error *why);
};

/*
 * @keep: descriptors that the work needs, ended by -1; all others are closed in the child,
 * but for standard error.  On failure the work was not begun.
 */
int worker_start(struct worker **ret, sd_event *event, work_fn work, void *work_arg,
		 const int *keep, const struct worker_ops *ops, void *arg,
		 struct tio_error *err);

/*
 * What it has open below @sys, seen from the file or folder of a function where there is one:
 * "tsm/connect".  Empty if there is nothing.  Asks @proc, and never waits.
 */
void worker_attribute(const struct worker *worker, const char *proc, const char *sys, char *ret,
		      size_t size);

/* The function that it is below there; BDF_NONE if none. */
struct bdf worker_function(const struct worker *worker, const char *proc, const char *sys);

/* Calls late() in @ms; 0: never.  Replaces what was armed before. */
int worker_arm(struct worker *worker, uint64_t ms);

/* Answers a takes(): 0 or a negative errno. */
void worker_answer(struct worker *worker, int code);

/* SIGKILL; stuck() follows if it is still there two seconds later. */
void worker_kill(struct worker *worker);
bool worker_was_killed(const struct worker *worker);

/* What channel_send_fds() sent; who takes one over puts -1 in its place. */
int *worker_fds(struct worker *worker, size_t *ret_n);

/* Hears no more of it; its process ends with the daemon.  NULL is fine. */
void worker_free(struct worker *worker);
