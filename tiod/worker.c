/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "worker.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "timer.h"

#define KILL_WAIT_MS 2000
#define USEC_PER_MS  1000u

enum message_kind { MESSAGE_PROGRESS, MESSAGE_TAKE, MESSAGE_GIVE, MESSAGE_ANSWER, MESSAGE_FDS };

struct message {
	enum message_kind kind;
	int code;
	char tsm[TSM_NAME_MAX];
	struct progress progress;
};

struct worker {
	sd_event *event; /* borrowed */
	pid_t pid;
	int channel_fd, result_fd;                /* owned */
	sd_event_source *channel, *child, *timer; /* owned */
	bool killed, said_stuck;
	int fds[FDS_MAX]; /* owned */
	size_t n_fds;
	const struct worker_ops *ops;
	void *arg;
};

/* --- In the child --- */

void channel_progress(void *arg, const struct progress *progress)
{
	const struct channel *channel = arg;
	struct message message = { .kind = MESSAGE_PROGRESS, .progress = *progress };

	/* A daemon that is gone takes the worker along; there is nobody to tell. */
	(void)send(channel->fd, &message, sizeof(message), MSG_NOSIGNAL);
}

int channel_tsm_take(void *arg, const char *tsm, struct tio_error *err)
{
	const struct channel *channel = arg;
	struct message message = { .kind = MESSAGE_TAKE };
	ssize_t n;

	text_copy(message.tsm, sizeof(message.tsm), tsm);
	if (send(channel->fd, &message, sizeof(message), MSG_NOSIGNAL) < 0)
		return error_set(err, -errno, "ask the daemon for the turn at %s", tsm);
	n = recv(channel->fd, &message, sizeof(message), 0);
	if (n < 0)
		return error_set(err, -errno, "wait for the turn at %s", tsm);
	if (n != sizeof(message) || message.kind != MESSAGE_ANSWER)
		return error_set(err, -ECONNRESET,
				 "wait for the turn at %s: the daemon is gone", tsm);
	if (message.code == 0)
		return 0;
	error_kind_set(err, ERROR_TIMEOUT, message.code,
		       "%s was not free for %u s, because a connect or disconnect of another "
		       "function did not end",
		       tsm, channel->turn_seconds);
	error_fix(err,
		  "`tioctl jobs` shows who holds it; TurnTimeout= in tiod.conf sets the limit");
	return message.code;
}

void channel_tsm_give(void *arg)
{
	const struct channel *channel = arg;
	struct message message = { .kind = MESSAGE_GIVE };

	(void)send(channel->fd, &message, sizeof(message), MSG_NOSIGNAL);
}

int channel_send_fds(struct channel *channel, const int *fds, size_t n)
{
	struct message message = { .kind = MESSAGE_FDS };

	return fds_send(channel->fd, &message, sizeof(message), fds, n, 0) < 0 ? -errno : 0;
}

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Clients' connections, other workers' channels and the loop's own must not live on here. */
static void close_all_but(const int *keep, int channel_fd, int result_fd)
{
	int fds[16], n = 0, from = STDERR_FILENO + 1;

	fds[n++] = channel_fd;
	fds[n++] = result_fd;
	for (; *keep >= 0; keep++) {
		assert(n < (int)ARRAY_SIZE(fds));
		fds[n++] = *keep;
	}
	qsort(fds, (size_t)n, sizeof(fds[0]), compare_fds);
	for (int i = 0; i < n; i++) {
		if (fds[i] > from)
			close_range((unsigned)from, (unsigned)fds[i] - 1, 0);
		if (fds[i] >= from)
			from = fds[i] + 1;
	}
	close_range((unsigned)from, ~0u, 0);
}

static void default_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		/* A log that nobody reads any more must not end a change half way. */
		if (sig != SIGKILL && sig != SIGSTOP && sig != SIGPIPE)
			(void)signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Nothing is begun before the daemon can see how it ends. */
static bool is_watched(int channel_fd)
{
	struct message message;

	return recv(channel_fd, &message, sizeof(message), 0) == sizeof(message);
}

__attribute__((noreturn)) static void run_child(pid_t parent, int channel_fd, int result_fd,
						work_fn work, void *work_arg, const int *keep)
{
	struct channel channel = { .fd = channel_fd };
	struct result result = { 0 };

	/* The daemon's journal brings the next start back to what a dead daemon left. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	default_signals();
	close_all_but(keep, channel_fd, result_fd);
	if (!is_watched(channel_fd))
		_exit(1);
	work(&channel, work_arg, &result);
	_exit(result_write(result_fd, &result) == 0 ? 0 : 1);
}

/* --- In the daemon --- */

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	sd_event_source_disable_unref(worker->channel);
	sd_event_source_disable_unref(worker->child);
	sd_event_source_disable_unref(worker->timer);
	if (worker->channel_fd >= 0)
		close(worker->channel_fd);
	if (worker->result_fd >= 0)
		close(worker->result_fd);
	for (size_t i = 0; i < worker->n_fds; i++)
		if (worker->fds[i] >= 0)
			close(worker->fds[i]);
	free(worker);
}

static void dispatch(struct worker *worker, const struct message *message)
{
	const struct worker_ops *ops = worker->ops;

	switch (message->kind) {
	case MESSAGE_PROGRESS:
		if (ops->progress)
			ops->progress(worker->arg, &message->progress);
		return;
	case MESSAGE_TAKE:
		if (ops->takes)
			ops->takes(worker->arg, message->tsm);
		else
			worker_answer(worker, -ENOTSUP);
		return;
	case MESSAGE_GIVE:
		if (ops->gives)
			ops->gives(worker->arg);
		return;
	case MESSAGE_FDS:
		return;
	case MESSAGE_ANSWER:
		break;
	}
	log_error("a worker sent an answer, which is a mistake of tiod");
}

/* True when a message was taken. */
static bool take_message(struct worker *worker)
{
	struct message message;
	int fds[FDS_MAX];
	size_t n_fds = 0;
	ssize_t n = fds_receive(worker->channel_fd, &message, sizeof(message), fds, &n_fds,
				MSG_DONTWAIT);

	if (n_fds && (worker->n_fds || n != sizeof(message) || message.kind != MESSAGE_FDS))
		fds_close(fds, &n_fds);
	if (n != sizeof(message))
		return false;
	if (n_fds)
		memcpy(worker->fds, fds, n_fds * sizeof(*fds));
	worker->n_fds += n_fds;
	dispatch(worker, &message);
	return true;
}

static int on_channel(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct worker *worker = userdata;

	if (!take_message(worker) && (revents & EPOLLHUP))
		sd_event_source_set_enabled(worker->channel, SD_EVENT_OFF);
	return 0;
}

static void explain_end(const struct worker *worker, const siginfo_t *info,
			struct tio_error *why)
{
	if (info->si_code == CLD_EXITED)
		error_set(why, -EIO,
			  "the worker process ended by itself with status %d and left "
			  "no result",
			  info->si_status);
	else if (worker->killed)
		error_set(why, -ECANCELED, "the worker process was stopped");
	else
		error_set(why, -EIO, "the worker process was ended by signal %d (SIG%s)",
			  info->si_status, sigabbrev_np(info->si_status) ?: "?");
}

static int on_child(sd_event_source *source, const siginfo_t *info, void *userdata)
{
	struct worker *worker = userdata;
	struct tio_error why = TIO_ERROR_NONE;
	struct result result = { 0 };
	bool complete;

	while (take_message(worker))
		continue;
	complete = info->si_code == CLD_EXITED && info->si_status == 0 &&
		   result_read(worker->result_fd, &result) == 0;
	if (!complete)
		explain_end(worker, info, &why);
	worker->ops->ended(worker->arg, complete ? &result : NULL, &why);
	result_finish(&result);
	worker_free(worker);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct worker *worker = userdata;

	if (!worker->killed) {
		worker->ops->late(worker->arg);
	} else if (!worker->said_stuck) {
		worker->said_stuck = true;
		worker->ops->stuck(worker->arg);
	}
	return 0;
}

static int watch(struct worker *worker)
{
	int r;

	r = sd_event_add_io(worker->event, &worker->channel, worker->channel_fd, EPOLLIN,
			    on_channel, worker);
	if (r < 0)
		return r;
	r = sd_event_add_child(worker->event, &worker->child, worker->pid, WEXITED, on_child,
			       worker);
	if (r < 0)
		return r;
	return timer_new(worker->event, &worker->timer, USEC_PER_MS, on_timer, worker);
}

/* The child has not been told to begin, so it hangs nowhere. */
static void give_up(struct worker *worker)
{
	pid_t pid = worker->pid;

	worker_free(worker);
	if (pid > 0 && kill(pid, SIGKILL) == 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			continue;
}

int worker_start(struct worker **ret, sd_event *event, work_fn work, void *work_arg,
		 const int *keep, const struct worker_ops *ops, void *arg,
		 struct tio_error *err)
{
	auto_close int theirs = -1;
	struct worker *worker;
	pid_t parent = getpid();
	int fds[2], r;

	worker = calloc(1, sizeof(*worker));
	if (!worker)
		return error_set(err, -ENOMEM, "start a worker process");
	*worker = (struct worker){
		.event = event, .channel_fd = -1, .result_fd = -1, .ops = ops, .arg = arg
	};
	worker->result_fd = memfd_create("tiod-result", MFD_CLOEXEC);
	if (worker->result_fd < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
		r = error_set(err, -errno, "start a worker process: %m");
		worker_free(worker);
		return r;
	}
	worker->channel_fd = fds[0];
	theirs = fds[1];

	worker->pid = fork();
	if (worker->pid == 0)
		run_child(parent, theirs, worker->result_fd, work, work_arg, keep);
	r = worker->pid < 0 ? -errno : watch(worker);
	if (r < 0) {
		error_set(err, r, "start a worker process: %s", strerror(-r));
		give_up(worker);
		return r;
	}
	worker_answer(worker, 0);
	*ret = worker;
	return 0;
}

int worker_arm(struct worker *worker, uint64_t ms)
{
	if (worker->killed)
		return 0;
	if (ms == 0)
		return sd_event_source_set_enabled(worker->timer, SD_EVENT_OFF);
	return timer_set(worker->timer, ms * USEC_PER_MS);
}

void worker_answer(struct worker *worker, int code)
{
	struct message message = { .kind = MESSAGE_ANSWER, .code = code };

	/* It waits for nothing else, so there is room; if it died, on_child() will say so. */
	(void)send(worker->channel_fd, &message, sizeof(message), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void worker_kill(struct worker *worker)
{
	if (worker->killed)
		return;
	if (kill(worker->pid, SIGKILL) < 0)
		log_error("kill worker %d: %m", (int)worker->pid);
	(void)worker_arm(worker, KILL_WAIT_MS);
	worker->killed = true;
}

/*
 * "devices/…/0000:e1:00.0/tsm/connect" as "tsm/connect"; a function's own folder as "".
 * @ret is the function, or BDF_NONE.
 */
static const char *below_function(const char *path, struct bdf *ret)
{
	const char *best = path, *next;
	struct bdf bdf;
	char part[64];

	*ret = BDF_NONE;

	for (const char *p = path; *p; p = next) {
		size_t length = strcspn(p, "/");

		next = p + length + (p[length] == '/');
		snprintf(part, sizeof(part), "%.*s", (int)length, p);
		if (bdf_parse(part, &bdf) == 0) {
			best = next;
			*ret = bdf;
		}
	}
	return best;
}

/* What @worker opened last below @sys: "devices/…".  False if there is nothing. */
static bool last_open(const struct worker *worker, const char *proc, const char *sys, char *ret,
		      size_t size)
{
	char folder[300], path[512];
	auto_closedir DIR *fds = NULL;
	const struct dirent *entry;
	bool found = false;
	struct bdf bdf;
	ssize_t n;

	snprintf(folder, sizeof(folder), "%s/%d/fd", proc, (int)worker->pid);
	fds = opendir(folder);
	while (fds && (entry = readdir(fds))) {
		n = readlinkat(dirfd(fds), entry->d_name, path, sizeof(path) - 1);
		if (n <= 0)
			continue;
		path[n] = '\0';
		if (strncmp(path, sys, strlen(sys)) != 0 || path[strlen(sys)] != '/' ||
		    !*below_function(path + strlen(sys) + 1, &bdf))
			continue;
		found = text_copy(ret, size, path + strlen(sys) + 1);
	}
	return found;
}

void worker_attribute(const struct worker *worker, const char *proc, const char *sys, char *ret,
		      size_t size)
{
	struct bdf bdf;
	char path[512];

	ret[0] = '\0';
	if (last_open(worker, proc, sys, path, sizeof(path)))
		text_copy(ret, size, below_function(path, &bdf));
}

struct bdf worker_function(const struct worker *worker, const char *proc, const char *sys)
{
	struct bdf bdf = BDF_NONE;
	char path[512];

	if (last_open(worker, proc, sys, path, sizeof(path)))
		(void)below_function(path, &bdf);
	return bdf;
}

int *worker_fds(struct worker *worker, size_t *ret_n)
{
	*ret_n = worker->n_fds;
	return worker->fds;
}

bool worker_was_killed(const struct worker *worker)
{
	return worker->killed;
}
