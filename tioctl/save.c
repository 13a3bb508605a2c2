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

static bool is_empty(int dir)
{
	/* A folder that cannot be listed may hold anything. */
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_closedir DIR *folder = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (!folder && copy >= 0)
		close(copy);
	while (folder && (entry = readdir(folder)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return false;
	return folder;
}

/* Whoever else may write there could put links in the way of what is written. */
static int check_owner(int dir, const char *path, struct tio_error *err)
{
	struct stat st;

	if (fstat(dir, &st) < 0)
		return fail(err, -errno, "look at", path, NULL);
	if (st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	if (st.st_uid != geteuid()) {
		error_set(err, -EPERM, "%s belongs to uid %u, not to uid %u who saves there",
			  path, (unsigned)st.st_uid, (unsigned)geteuid());
		error_fix(err, "name a folder that is not there yet");
	} else {
		error_set(err, -EPERM, "others may write to %s (its mode is %04o)", path,
			  (unsigned)st.st_mode & 07777);
		error_fix(err, "`chmod go-w` it, or name a folder that is not there yet");
	}
	return -EPERM;
}

/* Without the slashes at its end, behind which a link would be followed. */
static int open_without_links(const char *path)
{
	auto_free char *plain = strdup(path);
	size_t n = strlen(path);
	struct stat st;
	int fd;

	if (!plain)
		return -ENOMEM;
	while (n > 1 && plain[n - 1] == '/')
		plain[--n] = '\0';
	fd = open(plain, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
		return fd;
	/* The kernel says ENOTDIR of a link. */
	fd = -errno;
	return lstat(plain, &st) == 0 && S_ISLNK(st.st_mode) ? -ELOOP : fd;
}

/* -ENOENT without a sentence: there is none. */
static int open_folder(const char *path, bool overwrite, int *ret, struct tio_error *err)
{
	auto_close int dir = open_without_links(path);
	int r = dir;

	if (r == -ENOENT)
		return r;
	if (r == -ELOOP) {
		error_set(err, r, "%s is a symbolic link, which is not followed", path);
		error_fix(err, "name the folder itself");
		return r;
	}
	if (r < 0)
		return fail(err, r, "open", path, NULL);
	r = check_owner(dir, path, err);
	if (r < 0)
		return r;
	if (!overwrite && !is_empty(dir)) {
		error_set(err, -EEXIST, "%s is not empty", path);
		error_fix(err, "choose another folder, or give --overwrite");
		return -EEXIST;
	}
	*ret = take_fd(&dir);
	return 0;
}

int save_check(const char *path, bool overwrite, struct tio_error *err)
{
	auto_close int dir = -1;
	int r = open_folder(path, overwrite, &dir, err);

	return r == -ENOENT ? 0 : r;
}

int save_begin(struct save *save, const char *path, bool overwrite, struct tio_error *err)
{
	int r;

	*save = (struct save){ .path = path, .dir = -1 };
	save->made = mkdir(path, 0700) == 0;
	if (!save->made && errno != EEXIST)
		return fail(err, -errno, "make", path, NULL);
	r = open_folder(path, overwrite, &save->dir, err);
	if (r < 0 && save->made)
		(void)rmdir(path);
	return r == -ENOENT ? fail(err, r, "open", path, NULL) : r;
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
