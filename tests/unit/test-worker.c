/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The worker process seen from the daemon, with a loop of its own.
 */

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "worker.h"

static void begin(struct channel *channel, void *arg, struct result *ret)
{
	*(volatile int *)arg = 1;
}

static void on_ended(void *arg, const struct result *result, const struct tio_error *why)
{
	cr_expect(ne(ptr, (void *)result, NULL), "%s", why->text);
	sd_event_exit(arg, 0);
}

static const struct worker_ops ops = { .ended = on_ended };
static const int none[] = { -1 };

static int start(sd_event *event, int *begun)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct worker *worker;

	return worker_start(&worker, event, begin, begun, none, &ops, event, &err);
}

Test(worker, one_that_cannot_be_watched_does_nothing_and_leaves_nothing)
{
	int *begun = mmap(NULL, sizeof(*begun), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sd_event *event = NULL;
	sigset_t set;

	cr_assert(ge(int, sd_event_new(&event), 0));
	/* SIGCHLD is not blocked: the loop takes no child on. */
	cr_expect(lt(int, start(event, begun), 0));
	cr_expect(eq(int, waitpid(-1, NULL, 0), -1));
	cr_expect(eq(int, errno, ECHILD));
	cr_expect(eq(int, *begun, 0));

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	cr_assert(eq(int, start(event, begun), 0));
	cr_expect(eq(int, sd_event_loop(event), 0));
	cr_expect(eq(int, *begun, 1));
	sd_event_unref(event);
	munmap(begun, sizeof(*begun));
}
