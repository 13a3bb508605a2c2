/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "aside.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fds.h"
#include "base/log.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* include/uapi/asm-generic/socket.h */
#endif

#define THREADS_MAX 64
#define STACK_SIZE  (256 * 1024)

struct batch {
	struct batch *next;
	size_t n;
	int fds[];
};

/* What no thread could be had for; tried again with the next.  The main thread's alone. */
static struct batch *waiting;
static atomic_uint n_threads;

bool aside_refuse(int socket)
{
	socklen_t size = sizeof(int);
	const int no = 0;
	int was = 1;

	if (getsockopt(socket, SOL_SOCKET, SO_PASSRIGHTS, &was, &size) < 0 || was == 0)
		return was == 0;
	if (setsockopt(socket, SOL_SOCKET, SO_PASSRIGHTS, &no, sizeof(no)) < 0)
		log_debug("descriptors cannot be kept from socket %d: %m", socket);
	return false;
}

static void *close_all(void *arg)
{
	struct batch *batch = arg;

	fds_close(batch->fds, &batch->n);
	free(batch);
	atomic_fetch_sub(&n_threads, 1);
	return NULL;
}

/* 0 or -errno. */
static int start_thread(struct batch *batch)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	if (atomic_load(&n_threads) >= THREADS_MAX)
		return -EAGAIN;
	if (pthread_attr_init(&attr) != 0)
		return -ENOMEM;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	atomic_fetch_add(&n_threads, 1);
	/* Signals are the main loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, &attr, close_all, batch);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (r != 0)
		atomic_fetch_sub(&n_threads, 1);
	return -r;
}

static void close_aside(const int *fds, size_t n)
{
	struct batch *batch = malloc(sizeof(*batch) + n * sizeof(*fds));

	if (!batch) {
		/* They stay open: better than a loop that may stand still. */
		log_error("memory is short: %zu descriptors of clients stay open", n);
		return;
	}
	batch->n = n;
	memcpy(batch->fds, fds, n * sizeof(*fds));
	batch->next = waiting;
	waiting = batch;
	while (waiting) {
		struct batch *next = waiting->next;

		if (start_thread(waiting) < 0)
			return;
		waiting = next;
	}
}

ssize_t aside_read(int socket, void *data, size_t size)
{
	int fds[FDS_MAX];
	size_t n_fds = 0;
	ssize_t n = fds_take(socket, data, size, fds, &n_fds, MSG_DONTWAIT);

	if (n_fds == 0)
		return n;
	close_aside(fds, n_fds);
	errno = EPROTO;
	return -1;
}

void aside_close(int socket, bool clean)
{
	if (clean) {
		close(socket);
		return;
	}
	(void)shutdown(socket, SHUT_RDWR);
	close_aside(&socket, 1);
}
