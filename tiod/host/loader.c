/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/loader.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

/*
 * Whoever may write to it decides what runs as root, so nobody else may.  The check is
 * made on what was opened, not on a name that may mean something else a moment later.
 */
static int check_trust(int fd, const char *name, mode_t type, struct tio_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set(err, -errno, "%s: %s", name, strerror(errno));
	if ((st.st_mode & S_IFMT) != type)
		return error_set(err, -EINVAL, "%s is not a %s", name,
				 type == S_IFDIR ? "folder" : "plain file");
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return error_set(err, -EPERM,
				 "%s belongs to user %u, neither to root nor to tiod", name,
				 (unsigned int)st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return error_set(err, -EPERM,
				 "%s may be written to by others than its owner (%04o)", name,
				 st.st_mode & 07777U);
	return 0;
}

int loader_open(int dir, const char *name, const struct tio_plugin **ret, struct tio_error *err)
{
	auto_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char path[40];
	void *handle;
	int r;

	if (fd < 0)
		return error_set(err, -errno, "open %s: %s", name, strerror(errno));
	r = check_trust(fd, name, S_IFREG, err);
	if (r < 0)
		return r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return error_set(err, -ENOEXEC, "%s cannot be loaded: %s", name, dlerror());
	/*
	 * The loader knows objects by their path: were the number free again, the next
	 * file to get it would be taken for this one.
	 */
	(void)take_fd(&fd);

	*ret = dlsym(handle, "tio_plugin");
	if (*ret)
		return 0;
	return error_set(err, -ENOEXEC, "%s has no tio_plugin", name);
}

static int is_shared_object(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 3 &&
	       strcmp(entry->d_name + len - 3, ".so") == 0;
}

static int list_names(struct plugin_files *files, struct tio_error *err)
{
	struct dirent **names;
	int n, r = 0;

	n = scandirat(files->dir, ".", &names, is_shared_object, alphasort);
	if (n < 0)
		return error_set(err, -errno, "read the plugins' folder: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		if (files->n == PLUGINS_MAX)
			r = error_set(err, -E2BIG, "there are %d plugins, over %d", n,
				      PLUGINS_MAX);
		else if (!text_copy(files->names[files->n++], sizeof(files->names[0]),
				    names[i]->d_name))
			r = error_set(err, -ENAMETOOLONG,
				      "the plugin's name %.64s… is too long", names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return r;
}

int loader_list(const char *folder, struct plugin_files *ret, struct tio_error *err)
{
	struct plugin_files files = PLUGIN_FILES_NONE;
	int r;

	*ret = files;
	files.dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (files.dir < 0 && errno == ENOENT)
		return 0;
	if (files.dir < 0)
		return error_set(err, -errno, "open %s: %s", folder, strerror(errno));
	r = check_trust(files.dir, folder, S_IFDIR, err);
	if (r == 0)
		r = list_names(&files, err);
	if (r < 0)
		loader_finish(&files);
	else
		*ret = files;
	return r;
}

void loader_finish(struct plugin_files *files)
{
	cleanup_close(&files->dir);
	*files = PLUGIN_FILES_NONE;
}
