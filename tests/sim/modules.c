/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "elf-module.h"
#include "init.h"
#include "model.h"
#include "modules.h"
#include "mounts.h"

/* --- Names --- */

struct search {
	const char *name;
	char *buf;
	size_t size;
};

/* The kernel and its tools take '-' and '_' for the same. */
static bool same_module(const char *a, const char *b)
{
	for (; *a && *b; a++, b++) {
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	}
	return !*a && !*b;
}

static void match_module(void *arg, const char *name, const char *depends,
			 const char *const *aliases)
{
	const struct search *search = arg;

	(void)depends;
	(void)aliases;
	if (same_module(search->name, name))
		snprintf(search->buf, search->size, "%s", name);
}

void modules_file_name(const char *name, char *buf, size_t size)
{
	struct search search = { name, buf, size };

	snprintf(buf, size, "%s", name);
	model_modules_each(match_module, &search);
}

/* --- Files --- */

struct folder {
	const char *release;
	char dir[128];
	unsigned int count;
};

static void write_module(void *arg, const char *name, const char *depends,
			 const char *const *aliases)
{
	struct folder *folder = arg;
	char *path;

	if (folder->count++ == 0) {
		char *dir = sim_printf("%s/kernel", folder->dir);

		mounts_add("tio-sim", folder->dir);
		mkdir(dir, 0755);
		free(dir);
	}
	path = sim_printf("%s/kernel/%s.ko", folder->dir, name);
	if (elf_module_write(path, name, depends, aliases, folder->release) < 0)
		sim_die("cannot write %s: %s", path, strerror(errno));
	free(path);
}

/* depmod complains about lists that a kernel build would have left. */
static void write_empty_lists(const struct folder *folder)
{
	static const char *const lists[] = { "modules.order", "modules.builtin",
					     "modules.builtin.modinfo" };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		char *path = sim_printf("%s/%s", folder->dir, lists[i]);
		int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

		if (fd >= 0)
			close(fd);
		free(path);
	}
}

static void run_depmod(const char *release)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		init_unblock_signals();
		execlp("depmod", "depmod", release, NULL);
		execl("/usr/sbin/depmod", "depmod", release, NULL);
		execl("/sbin/depmod", "depmod", release, NULL);
		_exit(EXIT_NOT_FOUND);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		fprintf(stderr, "tio-sim: depmod did not work, modprobe will find nothing "
				"(is kmod installed?)\n");
}

void modules_describe(void)
{
	struct folder folder = { 0 };
	struct utsname uts;

	uname(&uts);
	folder.release = uts.release;
	snprintf(folder.dir, sizeof(folder.dir), "/lib/modules/%s", uts.release);
	model_modules_each(write_module, &folder);
	if (!folder.count)
		return;
	write_empty_lists(&folder);
	run_depmod(uts.release);
}
