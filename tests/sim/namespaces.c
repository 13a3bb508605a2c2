/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "namespaces.h"

/* All the ids that a system has of old; the rest are of no use to a simulated host. */
#define IDS_MAX 65536ul

static int write_proc(pid_t pid, const char *file, const char *text)
{
	char path[64];
	int fd, r;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return r;
}

/* Every id that we have, as itself; "" when there is only one. */
static void identity_map(const char *file, char *buf, size_t size)
{
	unsigned long inside, count;
	size_t at = 0;
	FILE *in = fopen(file, "re");

	buf[0] = '\0';
	while (in && fscanf(in, "%lu %*u %lu", &inside, &count) == 2) {
		if (inside >= IDS_MAX)
			continue;
		if (count > IDS_MAX - inside)
			count = IDS_MAX - inside;
		at += snprintf(buf + at, size - at, "%lu %lu %lu\n", inside, inside, count);
		if (at >= size)
			break;
	}
	if (in)
		fclose(in);
}

/* Runs in the user namespace above, where alone this may be written. */
static int map_ids(pid_t pid)
{
	char uids[1024], gids[1024], line[64];
	int r = -EPERM;

	identity_map("/proc/self/uid_map", uids, sizeof(uids));
	identity_map("/proc/self/gid_map", gids, sizeof(gids));
	if (geteuid() == 0)
		r = write_proc(pid, "uid_map", uids);
	if (r == 0)
		return write_proc(pid, "gid_map", gids);

	(void)write_proc(pid, "setgroups", "deny");
	snprintf(line, sizeof(line), "0 %u 1\n", geteuid());
	r = write_proc(pid, "uid_map", line);
	snprintf(line, sizeof(line), "0 %u 1\n", getegid());
	return r < 0 ? r : write_proc(pid, "gid_map", line);
}

_Noreturn static void die_no_user_namespace(int error)
{
	sim_die("cannot make a user namespace (%s).  See that user.max_user_namespaces is not "
		"0, and that kernel.unprivileged_userns_clone=1 or "
		"kernel.apparmor_restrict_unprivileged_userns=0 where those exist; or run it "
		"as root",
		strerror(error));
}

static void enter_user_namespace(void)
{
	pid_t self = getpid(), helper;
	int go[2], status;
	char c;

	if (pipe2(go, O_CLOEXEC) < 0)
		sim_die("pipe: %s", strerror(errno));
	helper = fork();
	if (helper < 0)
		sim_die("fork: %s", strerror(errno));
	if (helper == 0) {
		close(go[1]);
		_exit(read(go[0], &c, 1) == 1 ? -map_ids(self) : EINTR);
	}
	close(go[0]);
	if (unshare(CLONE_NEWUSER) < 0)
		die_no_user_namespace(errno);
	(void)!write(go[1], "", 1);
	close(go[1]);
	if (waitpid(helper, &status, 0) != helper || !WIFEXITED(status))
		sim_die("the helper that maps user ids died");
	if (WEXITSTATUS(status))
		die_no_user_namespace(WEXITSTATUS(status));
}

void namespaces_enter(void)
{
	enter_user_namespace();
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		sim_die("cannot make mount and network namespaces (%s): user namespaces here "
			"come without rights; kernel.apparmor_restrict_unprivileged_userns=0 "
			"or root helps",
			strerror(errno));
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		sim_die("cannot make mounts private: %s", strerror(errno));
}

/*
 * The system call itself: unshare(CLONE_NEWPID) would leave the server unable to
 * start threads.
 */
pid_t namespaces_fork_init(void)
{
	return syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);
}
