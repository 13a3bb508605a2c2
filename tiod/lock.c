/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"

#define LOCK_TRIES   50
#define LOCK_WAIT_US 20000

static int make_folders(const char *path)
{
	char part[256];

	if (!text_copy(part, sizeof(part), path))
		return -ENAMETOOLONG;
	for (char *p = part + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return mkdir(part, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/*
 * A tiod that was killed may have just forked a worker, which has the lock until it has closed
 * what is not its own: that takes a moment, and no other tiod is there.
 */
static int lock_soon(int fd, bool patient)
{
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK || !patient || i == LOCK_TRIES)
			return -errno;
		usleep(LOCK_WAIT_US);
	}
	return 0;
}

static int refuse_second(const char *dir, int fd, struct tio_error *err)
{
	char text[24] = "", who[40] = "";
	uint64_t pid;

	if (pread(fd, text, sizeof(text) - 1, 0) > 0 && text_to_u64(text, 10, &pid) == 0)
		snprintf(who, sizeof(who), " (pid %" PRIu64 ")", pid);
	error_set(err, -EWOULDBLOCK, "another tiod%s uses %s already", who, dir);
	error_fix(err, "stop it first (`systemctl stop tiod.socket tiod`), or give this one a "
		       "--runtime-dir of its own");
	return -EWOULDBLOCK;
}

/* For whoever comes second; where that cannot be written it is only not told. */
static void say_who(int fd)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%d", (int)getpid());

	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n)
		log_debug("the lock does not say who has it: %m");
}

bool lock_is_there(const char *dir, int fd)
{
	auto_text struct text path = { 0 };
	struct stat here, there;

	return text_add(&path, "%s/lock", dir) == 0 && fstat(fd, &here) == 0 &&
	       lstat(path.data, &there) == 0 && here.st_dev == there.st_dev &&
	       here.st_ino == there.st_ino;
}

int lock_take(const char *dir, bool patient, int *ret, struct tio_error *err)
{
	auto_text struct text path = { 0 };
	auto_close int fd = -1;
	int r;

	r = make_folders(dir);
	if (r < 0)
		return error_set(err, r, "make the folder %s: %s", dir, strerror(-r));
	if (text_add(&path, "%s/lock", dir) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	fd = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set(err, -errno, "open %s: %m", path.data);
	r = lock_soon(fd, patient);
	if (r == -EWOULDBLOCK)
		return refuse_second(dir, fd, err);
	if (r < 0)
		return error_set(err, r, "lock %s: %s", path.data, strerror(-r));
	say_who(fd);
	*ret = take_fd(&fd);
	return 0;
}
