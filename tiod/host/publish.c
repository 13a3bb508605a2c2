/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"

static int write_all(int fd, const char *text)
{
	size_t left = strlen(text);
	ssize_t n;

	while (left > 0) {
		n = write(fd, text, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		left -= (size_t)n;
	}
	return 0;
}

/* The umask of a service may keep others from reading. */
static int make_folder(const char *path, size_t length)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof(folder), "%.*s", (int)length, path);
	if (mkdir(folder, 0755) < 0)
		return errno == EEXIST ? 0 : -errno;
	return chmod(folder, 0755) < 0 ? -errno : 0;
}

/* With a dot in front it is no file of the folder's to those who read that. */
static int write_draft(const char *draft, const char *text)
{
	auto_close int fd = -1;

	(void)unlink(draft);
	fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || fchmod(fd, 0644) < 0)
		return -errno;
	return write_all(fd, text);
}

int publish_file(const char *path, const char *text, struct tio_error *err)
{
	const char *name = strrchr(path, '/');
	char draft[PATH_MAX];
	int r;

	if (!name || snprintf(draft, sizeof(draft), "%.*s/.%s.new", (int)(name - path), path,
			      name + 1) >= (int)sizeof(draft))
		return error_set(err, -ENAMETOOLONG, "write %s: the path is too long", path);
	r = make_folder(path, (size_t)(name - path));
	if (r == 0)
		r = write_draft(draft, text);
	if (r == 0 && rename(draft, path) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(draft);
		return error_set(err, r, "write %s: %s", path, strerror(-r));
	}
	return 0;
}

int publish_remove(const char *path, struct tio_error *err)
{
	if (unlink(path) == 0 || errno == ENOENT || errno == ENOTDIR)
		return 0;
	return error_set(err, -errno, "remove %s: %s", path, strerror(errno));
}
