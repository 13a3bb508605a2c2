/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/parallel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/error.h"

_Static_assert(sizeof(struct tio_error) <= PIPE_BUF, "a result is one atomic write");

struct part {
	pid_t pid; /* -1: could not be started */
	int fd;    /* its result; owned */
};

static void __attribute__((noreturn))
child(pid_t parent, int fd, size_t index, int (*fn)(void *, size_t, struct tio_error *),
      void *arg)
{
	struct tio_error err = TIO_ERROR_NONE;
	int r;

	/* With its parent goes the reason for what it does; it may be dead already. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	r = fn(arg, index, &err);
	if (r == 0)
		err = TIO_ERROR_NONE;
	else if (err.code == 0)
		error_set(&err, r, "failed without a reason");
	_exit(write(fd, &err, sizeof(err)) != sizeof(err));
}

static void start(struct part *part, size_t index,
		  int (*fn)(void *, size_t, struct tio_error *), void *arg,
		  struct tio_error *err)
{
	auto_close int read_end = -1, write_end = -1;
	pid_t parent = getpid();
	int fds[2];

	*part = (struct part){ .pid = -1, .fd = -1 };
	if (pipe2(fds, O_CLOEXEC) < 0) {
		error_set(err, -errno, "pipe: %s", strerror(errno));
		return;
	}
	read_end = fds[0];
	write_end = fds[1];
	part->pid = fork();
	if (part->pid < 0) {
		error_set(err, -errno, "fork: %s", strerror(errno));
		return;
	}
	if (part->pid == 0)
		child(parent, write_end, index, fn, arg);
	part->fd = take_fd(&read_end);
}

static void finish(struct part *part, struct tio_error *err)
{
	struct tio_error result;
	int status = 0;
	ssize_t n;

	if (part->pid < 0)
		return;
	do
		n = read(part->fd, &result, sizeof(result));
	while (n < 0 && errno == EINTR);
	while (waitpid(part->pid, &status, 0) < 0 && errno == EINTR)
		;
	close(part->fd);
	if (n == (ssize_t)sizeof(result))
		*err = result;
	else if (WIFSIGNALED(status))
		error_set(err, -ECANCELED, "its process was ended by signal %d (%s)",
			  WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		error_set(err, -ECANCELED, "its process ended without a result");
}

void parallel_run(size_t n, int (*fn)(void *arg, size_t index, struct tio_error *err),
		  void *arg, struct tio_error *errs)
{
	struct part parts[PARALLEL_MAX];

	for (size_t first = 0; first < n; first += PARALLEL_MAX) {
		size_t wave = n - first < PARALLEL_MAX ? n - first : PARALLEL_MAX;

		for (size_t i = 0; i < wave; i++)
			start(&parts[i], first + i, fn, arg, &errs[first + i]);
		for (size_t i = 0; i < wave; i++)
			finish(&parts[i], &errs[first + i]);
	}
}
