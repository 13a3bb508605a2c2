/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "alloc.h"
#include "model.h"
#include "modules.h"
#include "out.h"
#include "process.h"
#include "trap.h"
#include "tree.h"

#define NAME_MAX_LEN 64
#define PARAMS_MAX   1024
#define IMAGE_MAX    (64u << 20)

static struct {
	int listener;
	int stop; /* eventfd */
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;
	pthread_cond_t left;
	unsigned int busy; /* answers in the making; guarded by @lock */
} trap = { .listener = -1,
	   .lock = PTHREAD_MUTEX_INITIALIZER,
	   .left = PTHREAD_COND_INITIALIZER };

/* --- Inside --- */

static int add_rules(scmp_filter_ctx filter)
{
	static const int calls[] = { SCMP_SYS(init_module), SCMP_SYS(finit_module),
				     SCMP_SYS(delete_module) };
	int r;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		r = seccomp_rule_add(filter, SCMP_ACT_NOTIFY, calls[i], 0);
		if (r < 0)
			return r;
	}
	/* Programs that change their user must go on working. */
	r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
	if (r < 0)
		return r;
	/* 32-bit programs may run; the kernel itself refuses modules from a user namespace */
	return seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
}

int trap_install(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int r = filter ? add_rules(filter) : -ENOMEM;

	if (r == 0)
		r = seccomp_load(filter);
	if (r == 0)
		r = seccomp_notify_fd(filter);
	if (r >= 0)
		r = dup(r);
	seccomp_release(filter);
	return r;
}

/* --- What the caller means --- */

/* A string of another process, page by page, since what follows it may not be mapped. */
static int read_string(pid_t pid, uint64_t from, char *buf, size_t size)
{
	size_t at = 0, n;

	while (at < size) {
		struct iovec local, remote = { (void *)(uintptr_t)(from + at), 0 };

		n = 4096 - (from + at) % 4096;
		if (n > size - at)
			n = size - at;
		remote.iov_len = n;
		local = (struct iovec){ buf + at, n };
		if (process_vm_readv(pid, &local, 1, &remote, 1, 0) != (ssize_t)n)
			return -EFAULT;
		if (memchr(buf + at, '\0', n))
			return 0;
		at += n;
	}
	return -ENAMETOOLONG;
}

/* "/lib/modules/6.1/kernel/vfio-pci.ko.xz" to "vfio-pci". */
static int name_of_fd(pid_t pid, int fd, char *name)
{
	char link[64], path[4096];
	const char *base;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid, fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return -EBADF;
	path[n] = '\0';
	base = strrchr(path, '/');
	base = base ? base + 1 : path;
	n = strcspn(base, ".");
	if (strncmp(base + n, ".ko", 3) != 0 || n >= NAME_MAX_LEN)
		return -ENOEXEC;
	memcpy(name, base, n);
	name[n] = '\0';
	return 0;
}

static int name_of_image(pid_t pid, uint64_t from, uint64_t size, char *name)
{
	struct iovec local, remote = { (void *)(uintptr_t)from, size };
	static const char key[] = "\0name=";
	char *image, *at;
	int r = -ENOEXEC;

	if (size > IMAGE_MAX)
		return -ENOMEM;
	image = sim_alloc(size + 1);
	local = (struct iovec){ image, size };
	if (process_vm_readv(pid, &local, 1, &remote, 1, 0) != (ssize_t)size)
		r = -EFAULT;
	at = memmem(image, size, key, sizeof(key) - 1);
	if (at && snprintf(name, NAME_MAX_LEN, "%s", at + sizeof(key) - 1) < NAME_MAX_LEN)
		r = 0;
	free(image);
	return r;
}

/* --- Answers --- */

static int do_load(const struct seccomp_notif *req, uint64_t params_at, char *name)
{
	char params[PARAMS_MAX], file[NAME_MAX_LEN];
	int r = read_string(req->pid, params_at, params, sizeof(params));

	if (r < 0)
		return r;
	modules_file_name(name, file, sizeof(file));
	return model_module_insert(file, params);
}

static int answer(const struct seccomp_notif *req)
{
	char name[NAME_MAX_LEN], file[NAME_MAX_LEN];
	const __u64 *args = req->data.args;
	int r;

	if (!process_has_cap(req->pid, CAP_SYS_MODULE))
		return -EPERM;
	if (req->data.nr == SYS_finit_module) {
		r = name_of_fd(req->pid, args[0], name);
		return r < 0 ? r : do_load(req, args[1], name);
	}
	if (req->data.nr == SYS_init_module) {
		r = name_of_image(req->pid, args[0], args[1], name);
		return r < 0 ? r : do_load(req, args[2], name);
	}
	r = read_string(req->pid, args[0], name, sizeof(name));
	if (r < 0)
		return r;
	modules_file_name(name, file, sizeof(file));
	return model_module_remove(file);
}

/* On a thread of its own: a driver may take its time to probe. */
static void *answer_one(void *arg)
{
	struct seccomp_notif *req = arg;
	struct seccomp_notif_resp resp = { .id = req->id };
	int r;

	sim_lock();
	r = answer(req);
	sim_unlock();
	out_flush();
	resp.error = r < 0 ? r : 0;
	(void)seccomp_notify_respond(trap.listener, &resp); /* it may have died */
	free(req);
	pthread_mutex_lock(&trap.lock);
	trap.busy--;
	pthread_cond_broadcast(&trap.left);
	pthread_mutex_unlock(&trap.lock);
	return NULL;
}

static void receive_one(void)
{
	struct seccomp_notif *req = sim_alloc(sizeof(*req));
	pthread_t thread;

	if (seccomp_notify_receive(trap.listener, req) < 0) {
		free(req); /* the caller died meanwhile */
		return;
	}
	pthread_mutex_lock(&trap.lock);
	trap.busy++;
	pthread_mutex_unlock(&trap.lock);
	if (pthread_create(&thread, NULL, answer_one, req))
		sim_die("cannot start a thread");
	pthread_detach(thread);
}

static void *listen_to(void *arg)
{
	struct pollfd fds[] = { { trap.listener, POLLIN, 0 }, { trap.stop, POLLIN, 0 } };

	(void)arg;
	while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
		if (fds[1].revents || (fds[0].revents & ~POLLIN))
			break;
		if (fds[0].revents & POLLIN)
			receive_one();
	}
	return NULL;
}

int trap_start(int listener)
{
	/* libseccomp refuses to receive in a process where it has not looked around */
	if (seccomp_api_get() < 5)
		return -EOPNOTSUPP;
	trap.listener = listener;
	trap.stop = eventfd(0, EFD_CLOEXEC);
	if (trap.stop < 0 || pthread_create(&trap.thread, NULL, listen_to, NULL))
		return -EAGAIN;
	trap.running = true;
	return 0;
}

void trap_stop(void)
{
	if (!trap.running)
		return;
	eventfd_write(trap.stop, 1);
	pthread_join(trap.thread, NULL);
	pthread_mutex_lock(&trap.lock);
	while (trap.busy > 0)
		pthread_cond_wait(&trap.left, &trap.lock);
	pthread_mutex_unlock(&trap.lock);
	close(trap.stop);
	close(trap.listener);
	trap.running = false;
}
