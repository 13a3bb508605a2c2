/* SPDX-License-Identifier: GPL-2.0-or-later */

#define FUSE_USE_VERSION 312

#include <errno.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "out.h"
#include "process.h"
#include "tree.h"
#include "wait.h"

/* How soon a signal to a waiting process is noticed: nobody tells us, we look. */
#define LOOK_MS 20

static pthread_mutex_t big_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken; /* on CLOCK_MONOTONIC, see start_clock() */
static pthread_once_t started = PTHREAD_ONCE_INIT;
static unsigned long wakes;
static bool ending;

static _Thread_local struct {
	struct fuse_req *req;
	pid_t pid;
	bool forbidden;
} mine;

static void start_clock(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&woken, &attr);
	pthread_condattr_destroy(&attr);
}

void sim_lock(void)
{
	pthread_mutex_lock(&big_lock);
}

void sim_unlock(void)
{
	pthread_mutex_unlock(&big_lock);
}

void sim_wake(void)
{
	pthread_once(&started, start_clock);
	wakes++;
	pthread_cond_broadcast(&woken);
}

void wait_begin(struct fuse_req *req, pid_t pid)
{
	mine.req = req;
	mine.pid = pid;
}

void wait_end(void)
{
	mine.req = NULL;
}

void wait_forbid(bool forbid)
{
	mine.forbidden = forbid;
}

void wait_shutdown(void)
{
	sim_lock();
	ending = true;
	sim_wake();
	sim_unlock();
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* Any signal makes the kernel interrupt the request; whether it kills is in /proc. */
static bool is_signalled(enum sim_wait_mode mode)
{
	if (mode == SIM_UNINTERRUPTIBLE || !mine.req || !fuse_req_interrupted(mine.req))
		return false;
	return mode == SIM_INTERRUPTIBLE || process_is_dying(mine.pid);
}

static void wait_until(long long when_ms)
{
	struct timespec ts = { when_ms / 1000, when_ms % 1000 * 1000000 };

	pthread_cond_timedwait(&woken, &big_lock, &ts);
}

/* @end_ms is -1 for ever.  With @stay, a wake is no reason to return. */
static int wait_for(long long end_ms, enum sim_wait_mode mode, bool stay)
{
	unsigned long seen = wakes;
	long long now;

	if (mine.forbidden)
		return -EAGAIN;
	pthread_once(&started, start_clock);
	if (out_pending()) {
		sim_unlock();
		out_flush();
		sim_lock();
	}
	while (stay || seen == wakes) {
		now = now_ms();
		if (ending)
			return -ESHUTDOWN;
		if (is_signalled(mode))
			return -EINTR;
		if (end_ms >= 0 && now >= end_ms)
			return 0;
		wait_until(end_ms >= 0 && end_ms < now + LOOK_MS ? end_ms : now + LOOK_MS);
	}
	return ending ? -ESHUTDOWN : 0;
}

int sim_wait(int ms, enum sim_wait_mode mode)
{
	return wait_for(ms < 0 ? -1 : now_ms() + ms, mode, false);
}

int sim_sleep(int ms, enum sim_wait_mode mode)
{
	return ms > 0 ? wait_for(now_ms() + ms, mode, true) : 0;
}
