/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process.h"

#define STATUS_MAX 4096

static bool read_status(pid_t pid, char *buf)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, buf, STATUS_MAX - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* The text behind "\n<key>:\t", or NULL. */
static const char *status_field(const char *status, const char *key)
{
	const char *at = strstr(status, key);

	return at ? at + strlen(key) : NULL;
}

/*
 * A signal whose action is death shows as SIGKILL pending on every thread, whatever it
 * was: that is how the kernel begins to kill a group.
 */
bool process_is_dying(pid_t pid)
{
	static const char *const keys[] = { "\nSigPnd:\t", "\nShdPnd:\t" };
	char status[STATUS_MAX];
	const char *field;

	if (!read_status(pid, status))
		return true;
	for (size_t i = 0; i < 2; i++) {
		field = status_field(status, keys[i]);
		if (field && strtoull(field, NULL, 16) >> (SIGKILL - 1) & 1)
			return true;
	}
	return false;
}

bool process_is_gone(pid_t pid)
{
	char status[STATUS_MAX];
	const char *state;

	if (!read_status(pid, status))
		return true;
	state = status_field(status, "\nState:\t");
	return state && (*state == 'Z' || *state == 'X');
}

pid_t process_parent(pid_t pid)
{
	char status[STATUS_MAX];
	const char *field;
	pid_t parent;

	if (!read_status(pid, status))
		return 0;
	field = status_field(status, "\nPPid:\t");
	parent = field ? atoi(field) : 0;
	if (parent <= 1 || parent == getpid() || !read_status(parent, status))
		return 0;
	/* Our own child is the init of the simulation: to kill it would end everything. */
	field = status_field(status, "\nPPid:\t");
	return field && atoi(field) != getpid() ? parent : 0;
}

bool process_has_cap(pid_t pid, unsigned int cap)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, pid };
	struct __user_cap_data_struct caps[2] = { 0 };

	return syscall(SYS_capget, &head, caps) == 0 && (caps[0].effective >> cap & 1);
}

bool process_is_admin(pid_t pid)
{
	char path[64], ours[64], theirs[64];
	ssize_t n, m;

	if (!process_has_cap(pid, CAP_SYS_ADMIN))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	n = readlink("/proc/self/ns/user", ours, sizeof(ours));
	m = readlink(path, theirs, sizeof(theirs));
	return n > 0 && n == m && !memcmp(ours, theirs, n);
}
