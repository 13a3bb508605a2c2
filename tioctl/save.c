/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tioctl/save.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

static int fail(struct tio_error *err, int code, const char *what, const char *path,
		const char *name)
{
	return error_set(err, code, "%s %s%s%s: %s", what, path, name ? "/" : "",
			 name ? name : "", strerror(-code));
}

static const char *unfinished(const char *name, char buf[static SAVE_NAME_MAX + 8])
{
	snprintf(buf, SAVE_NAME_MAX + 8, ".%s.tmp", name);
	return buf;
}

static bool is_empty(DIR *folder)
{
	const struct dirent *entry;

	while ((entry = readdir(folder)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return false;
	return true;
}

int save_check(const char *path, bool overwrite, struct tio_error *err)
{
	auto_closedir DIR *folder = opendir(path);

	if (!folder)
		return errno == ENOENT ? 0 : fail(err, -errno, "open", path, NULL);
	if (overwrite || is_empty(folder))
		return 0;
	error_set(err, -EEXIST, "%s is not empty", path);
	error_fix(err, "choose another folder, or give --overwrite");
	return -EEXIST;
}

int save_begin(struct save *save, const char *path, bool overwrite, struct tio_error *err)
{
	int r = save_check(path, overwrite, err);

	if (r < 0)
		return r;
	*save = (struct save){ .path = path, .dir = -1 };
	save->made = mkdir(path, 0700) == 0;
	if (!save->made && errno != EEXIST)
		return fail(err, -errno, "make", path, NULL);
	save->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return save->dir < 0 ? fail(err, -errno, "open", path, NULL) : 0;
}

static int write_whole(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int save_file(struct save *save, const char *name, const void *data, size_t size,
	      struct tio_error *err)
{
	char temporary[SAVE_NAME_MAX + 8];
	auto_close int fd = -1;
	int r;

	assert(strlen(name) < SAVE_NAME_MAX);
	if (save->n_names == SAVE_FILES_MAX)
		return error_set(err, -E2BIG, "more than %d files", SAVE_FILES_MAX);
	unfinished(name, temporary);
	/* One that a former run was killed over is nobody's. */
	(void)unlinkat(save->dir, temporary, 0);
	fd = openat(save->dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return fail(err, -errno, "make", save->path, name);
	text_copy(save->names[save->n_names++], SAVE_NAME_MAX, name);
	r = write_whole(fd, data, size);
	return r < 0 ? fail(err, r, "write", save->path, name) : 0;
}

int save_commit(struct save *save, struct tio_error *err)
{
	char temporary[SAVE_NAME_MAX + 8];
	int r = 0;

	/* Until the last is back, nothing says that what is here belongs together. */
	if (save->n_names > 0)
		(void)unlinkat(save->dir, save->names[save->n_names - 1], 0);
	for (size_t i = 0; i < save->n_names && r == 0; i++)
		if (renameat(save->dir, unfinished(save->names[i], temporary), save->dir,
			     save->names[i]) < 0)
			r = fail(err, -errno, "write", save->path, save->names[i]);
	if (r == 0 && fsync(save->dir) < 0)
		r = fail(err, -errno, "write", save->path, NULL);
	if (r < 0) {
		save_abort(save);
		return r;
	}
	close(take_fd(&save->dir));
	return 0;
}

void save_abort(struct save *save)
{
	char temporary[SAVE_NAME_MAX + 8];

	for (size_t i = 0; i < save->n_names; i++)
		(void)unlinkat(save->dir, unfinished(save->names[i], temporary), 0);
	if (save->dir >= 0)
		close(take_fd(&save->dir));
	if (save->made)
		(void)rmdir(save->path);
}
