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

/* What was read from the file as it stands there; its strings may be anything. */
static int check_plugin(const struct tio_plugin *plugin, const char *name,
			const struct plugins *loaded, struct tio_error *err)
{
	if (plugin->abi != TIO_PLUGIN_ABI)
		return error_set(err, -ENOEXEC, "%s is for plugin interface %u, tiod has %u",
				 name, plugin->abi, (unsigned int)TIO_PLUGIN_ABI);
	if (plugin->size < sizeof(*plugin))
		return error_set(err, -ENOEXEC, "%s: its tio_plugin has %u bytes, not %zu",
				 name, plugin->size, sizeof(*plugin));
	if (!plugin->name || !text_is_name(plugin->name, 32))
		return error_set(err, -ENOEXEC, "%s: its plugin has no proper name", name);
	if (!plugin->match || plugin->n_match == 0)
		return error_set(err, -ENOEXEC, "%s: plugin %s matches no device", name,
				 plugin->name);
	for (size_t i = 0; i < loaded->n; i++)
		if (strcmp(loaded->list[i]->name, plugin->name) == 0)
			return error_set(err, -EEXIST, "%s: there is a plugin %s already", name,
					 plugin->name);
	return 0;
}

static int open_plugin(int dir, const char *name, const struct tio_plugin **ret,
		       struct tio_error *err)
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

static int load_one(int dir, const char *name, struct plugins *plugins, struct tio_error *err)
{
	const struct tio_plugin *plugin;
	int r;

	if (plugins->n == PLUGINS_MAX)
		return error_set(err, -E2BIG, "%s: there are %d plugins already", name,
				 PLUGINS_MAX);
	r = open_plugin(dir, name, &plugin, err);
	if (r == 0)
		r = check_plugin(plugin, name, plugins, err);
	if (r == 0)
		plugins->list[plugins->n++] = plugin;
	return r;
}

static int is_shared_object(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 3 &&
	       strcmp(entry->d_name + len - 3, ".so") == 0;
}

static int load_all(int dir, struct plugins *plugins, struct tio_error *err)
{
	struct tio_error one;
	struct dirent **names;
	int n, refused = 0;

	n = scandirat(dir, ".", &names, is_shared_object, alphasort);
	if (n < 0)
		return error_set(err, -errno, "read the plugins' folder: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		if (load_one(dir, names[i]->d_name, plugins, &one) < 0) {
			if (refused++ == 0)
				error_set(err, one.code, "%s", one.text);
			else if (err)
				text_append(err->text, sizeof(err->text), "; %s", one.text);
		}
		free(names[i]);
	}
	free(names);
	return refused;
}

int host_plugins_load(const struct host *host, struct plugins *ret, struct tio_error *err)
{
	auto_close int dir = -1;
	struct plugins plugins = { 0 };
	int r;

	*ret = plugins;
	dir = open(host->plugin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 && errno == ENOENT)
		return 0;
	if (dir < 0)
		return error_set(err, -errno, "open %s: %s", host->plugin_dir, strerror(errno));
	r = check_trust(dir, host->plugin_dir, S_IFDIR, err);
	if (r < 0)
		return r;
	r = load_all(dir, &plugins, err);
	if (r < 0)
		return r;
	*ret = plugins;
	return r;
}
