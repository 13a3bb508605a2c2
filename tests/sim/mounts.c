/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc.h"
#include "init.h"
#include "model.h"
#include "mounts.h"
#include "node.h"

/* File systems made here: what is made in them is gone with them. */
static dev_t ours[32];
static size_t n_ours;

static void mount_tmpfs(const char *source, const char *where, const char *options)
{
	struct stat st;

	if (mount(source, where, "tmpfs", MS_NOSUID, options) < 0)
		sim_die("cannot mount a tmpfs on %s: %s", where, strerror(errno));
	if (n_ours < sizeof(ours) / sizeof(ours[0]) && stat(where, &st) == 0)
		ours[n_ours++] = st.st_dev;
}

static bool is_ours(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	for (size_t i = 0; i < n_ours; i++) {
		if (ours[i] == st.st_dev)
			return true;
	}
	return false;
}

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd >= 0)
		close(fd);
}

/* What cannot be bound stays away: a folder of the machine that we may not look into. */
static bool bind(const char *from, const char *to)
{
	return mount(from, to, NULL, MS_BIND | MS_REC, NULL) == 0;
}

/* --- A tmpfs that shows what another folder has --- */

static void mirror_one(const char *from, const char *to)
{
	char target[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (lstat(from, &st) < 0)
		return;
	if (S_ISLNK(st.st_mode)) {
		n = readlink(from, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		(void)!symlink(target, to);
		return;
	}
	if (S_ISDIR(st.st_mode))
		mkdir(to, 0755);
	else
		make_file(to);
	if (!bind(from, to))
		remove(to);
}

static bool is_in(const char *const *list, const char *name)
{
	for (; list && *list; list++) {
		if (!strcmp(*list, name))
			return true;
	}
	return false;
}

static void mirror(const char *from, const char *to, const char *const *except)
{
	char path[PATH_MAX], copy[PATH_MAX];
	struct dirent *entry;
	DIR *dir = opendir(from);

	while (dir && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (is_in(except, entry->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", from, entry->d_name);
		snprintf(copy, sizeof(copy), "%s/%s", to, entry->d_name);
		mirror_one(path, copy);
	}
	if (dir)
		closedir(dir);
}

/* Puts a tmpfs over @dir that shows the same, so that folders can be made in it. */
static void cover(const char *dir)
{
	static const char place[] = "/run/tio-sim/cover";

	mkdir(place, 0755);
	mount_tmpfs("tio-sim", place, "mode=0755");
	mirror(dir, place, NULL);
	if (!bind(place, dir))
		sim_die("cannot cover %s: %s", dir, strerror(errno));
	umount2(place, MNT_DETACH);
	rmdir(place);
}

/* Makes @path a directory without making anything on the machine's own file systems. */
static void ensure_dir(const char *path)
{
	char part[PATH_MAX], parent[PATH_MAX] = "/";
	struct stat st;

	for (const char *at = path; at && *at; at = strchr(at + 1, '/')) {
		const char *end = strchr(at + 1, '/');

		snprintf(part, sizeof(part), "%.*s",
			 end ? (int)(end - path) : (int)strlen(path), path);
		if (stat(part, &st) < 0) {
			if (!is_ours(parent))
				cover(parent);
			if (mkdir(part, 0755) < 0)
				sim_die("cannot make %s: %s", part, strerror(errno));
		}
		strcpy(parent, part);
	}
}

/* --- The root --- */

static void build_proc(void)
{
	if (mount("proc", PLACE_ROOT "/proc", "proc", 0, NULL) == 0)
		return;
	/* A container that hides parts of /proc may not have a fresh one. */
	if (!bind("/proc", PLACE_ROOT "/proc"))
		sim_die("cannot mount /proc: %s", strerror(errno));
}

/* Files that the running kernel does not have stay away. */
static void bind_proc(const struct node *dir, const char *below)
{
	char from[PATH_MAX], to[PATH_MAX];

	for (const struct node *node = dir->first; node; node = node->next) {
		snprintf(from, sizeof(from), PLACE_TREE "/proc%s/%s", below, node->name);
		snprintf(to, sizeof(to), PLACE_ROOT "/proc%s/%s", below, node->name);
		if (S_ISDIR(node->mode)) {
			snprintf(from, sizeof(from), "%s/%s", below, node->name);
			bind_proc(node, from);
		} else if (access(to, F_OK) == 0 && !bind(from, to)) {
			sim_die("cannot bind %s: %s", to, strerror(errno));
		}
	}
}

#define DEV PLACE_ROOT "/dev"

static void build_dev_links(void)
{
	static const char *const links[][2] = {
		{ "/proc/self/fd", DEV "/fd" },       { "/proc/self/fd/0", DEV "/stdin" },
		{ "/proc/self/fd/1", DEV "/stdout" }, { "/proc/self/fd/2", DEV "/stderr" },
		{ "pts/ptmx", DEV "/ptmx" },          { ".tio-sim/vfio", DEV "/vfio" },
		{ ".tio-sim/iommu", DEV "/iommu" },
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		if (symlink(links[i][0], links[i][1]) < 0)
			sim_die("cannot make %s: %s", links[i][1], strerror(errno));
	}
}

/*
 * /dev/vfio and /dev/iommu are links to where their file system is: they come and go with
 * the modules, which a mount could not.
 */
static void build_dev(void)
{
	static const char *const nodes[] = {
		"null", "zero", "full", "random", "urandom", "tty"
	};
	char from[64], to[64];

	mount_tmpfs("udev", DEV, "mode=0755");
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		snprintf(from, sizeof(from), "/dev/%s", nodes[i]);
		snprintf(to, sizeof(to), DEV "/%s", nodes[i]);
		mirror_one(from, to);
	}
	mkdir(DEV "/shm", 01777);
	chmod(DEV "/shm", 01777);
	mkdir(DEV "/pts", 0755);
	(void)mount("devpts", DEV "/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		    "newinstance,ptmxmode=0666,mode=620");
	mkdir(DEV "/.tio-sim", 0755);
	if (!bind(PLACE_TREE "/dev", DEV "/.tio-sim"))
		sim_die("cannot bind the simulated /dev: %s", strerror(errno));
	build_dev_links();
}

static void change_root(void)
{
	if (chdir(PLACE_ROOT) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		sim_die("cannot change the root: %s", strerror(errno));
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		sim_die("cannot leave the old root: %s", strerror(errno));
}

void mounts_build(void)
{
	static const char *const own[] = { "run", "sys", "dev", "proc", NULL };
	char dir[64];

	mount_tmpfs("tio-sim", PLACE_ROOT, "mode=0755");
	mirror("/", PLACE_ROOT, own);
	for (size_t i = 0; own[i]; i++) {
		snprintf(dir, sizeof(dir), PLACE_ROOT "/%s", own[i]);
		mkdir(dir, 0755);
	}
	if (!bind(PLACE_RUN, PLACE_ROOT "/run") ||
	    !bind(PLACE_TREE "/sys", PLACE_ROOT "/sys") ||
	    !bind(PLACE_TREE "/store", PLACE_ROOT "/run/tio-sim/store"))
		sim_die("cannot bind the simulated host: %s", strerror(errno));
	build_proc();
	bind_proc(tree_root("proc"), "");
	build_dev();
	change_root();
}

/* --- The model's mounts --- */

void mounts_add(const char *source, const char *where)
{
	ensure_dir(where);
	mount_tmpfs(source, where, "mode=0755");
}

static void add_one(void *arg, const char *source, const char *where, const char *type)
{
	char dir[PATH_MAX], *slash;

	(void)arg;
	if (!strncmp(source, "/dev/", 5)) {
		snprintf(dir, sizeof(dir), "%s", source);
		slash = strrchr(dir, '/');
		*slash = '\0';
		ensure_dir(dir);
		make_file(source);
	}
	if (where && where[0] == '/' && strcmp(type, "swap") != 0)
		mounts_add(source, where);
}

void mounts_add_all(void)
{
	model_mounts_each(add_one, NULL);
}
