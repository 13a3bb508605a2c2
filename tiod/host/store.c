/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"

static int failed(struct tio_error *err, int code, const char *doing, const char *name)
{
	return error_set(err, code, "%s %s: %s", doing, name, strerror(-code));
}

static int read_all(int fd, char *data, size_t size)
{
	size_t done = 0;
	ssize_t n;

	while (done < size) {
		n = read(fd, data + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) /* shorter than it said: somebody else writes it */
			return -EIO;
		done += (size_t)n;
	}
	return 0;
}

int store_read(int dir, const char *name, char **ret, size_t *ret_size, struct tio_error *err)
{
	auto_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	auto_free char *data = NULL;
	struct stat st;
	int r;

	*ret = NULL;
	*ret_size = 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : failed(err, -errno, "open", name);
	if (fstat(fd, &st) < 0)
		return failed(err, -errno, "look at", name);
	if (!S_ISREG(st.st_mode))
		return error_set(err, -EINVAL, "%s is not a file", name);
	if (st.st_size > STORE_FILE_MAX)
		return failed(err, -EFBIG, "read", name);

	data = malloc((size_t)st.st_size + 1);
	if (!data)
		return error_set(err, -ENOMEM, "out of memory");
	r = read_all(fd, data, (size_t)st.st_size);
	if (r < 0)
		return failed(err, r, "read", name);
	data[st.st_size] = '\0';
	*ret = take_ptr(data);
	*ret_size = (size_t)st.st_size;
	return 0;
}

static int write_all(int fd, const char *data, size_t size)
{
	size_t done = 0;
	ssize_t n;

	while (done < size) {
		n = write(fd, data + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}

/* Of a folder: that its entries are on disk. */
static int sync_folder(int dir, const char *name, struct tio_error *err)
{
	auto_close int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0)
		return failed(err, -errno, "sync the folder of", name);
	return 0;
}

/* Its text is on disk before it gets the name: a power cut leaves no empty file behind. */
static int write_aside(int dir, const char *aside, const char *text, size_t size,
		       struct tio_error *err)
{
	auto_close int fd = openat(dir, aside,
				   O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd < 0)
		return failed(err, -errno, "create", aside);
	r = write_all(fd, text, size);
	if (r < 0)
		return failed(err, r, "write", aside);
	if (fsync(fd) < 0)
		return failed(err, -errno, "sync", aside);
	return 0;
}

int store_replace(int dir, const char *name, const char *text, size_t size,
		  struct tio_error *err)
{
	char aside[300];
	int r;

	snprintf(aside, sizeof(aside), ".%s.new", name);
	r = write_aside(dir, aside, text, size, err);
	if (r == 0 && renameat(dir, aside, dir, name) < 0)
		r = failed(err, -errno, "replace", name);
	if (r < 0) {
		unlinkat(dir, aside, 0);
		return r;
	}
	return sync_folder(dir, name, err);
}

int store_remove(int dir, const char *name, struct tio_error *err)
{
	if (unlinkat(dir, name, 0) == 0)
		return sync_folder(dir, name, err);
	return errno == ENOENT ? 0 : failed(err, -errno, "remove", name);
}

int store_lock(int dir, const char *name, int *ret, struct tio_error *err)
{
	auto_close int fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd < 0)
		return failed(err, -errno, "open", name);
	do {
		r = flock(fd, LOCK_EX);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return failed(err, -errno, "lock", name);
	*ret = take_fd(&fd);
	return 0;
}
