/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "config-keys.h"

#define LINE_MAX_LENGTH 180 /* what inih takes as built by distributions, and some air */
#define SUFFIX          ".conf"

/* One file being read: what a key's setter sees. */
struct reading {
	struct config *config; /* receives notes */
	const char *path;
	FILE *file;
	unsigned line;
	bool failed;
	const char *section;           /* the one that is known */
	const struct config_key *keys; /* ended by a NULL name */
	void *object;
};

static void note(struct config *config, bool error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void note(struct config *config, bool error, const char *fmt, ...)
{
	struct note *notes;
	va_list args;

	notes = reallocarray(config->notes, config->n_notes + 1, sizeof(*notes));
	if (!notes)
		return;
	config->notes = notes;
	notes += config->n_notes++;
	notes->error = error;
	va_start(args, fmt);
	vsnprintf(notes->text, sizeof(notes->text), fmt, args);
	va_end(args);
}

/* --- One file --- */

static int on_value(void *user, const char *section, const char *name, const char *value)
{
	struct reading *reading = user;
	const char *expected = "";

	if (strcmp(section, reading->section) != 0) {
		note(reading->config, false,
		     "%s:%u: unknown section [%.40s] with %.40s=, ignored", reading->path,
		     reading->line, section, name);
		return 1;
	}
	for (const struct config_key *key = reading->keys; key->name; key++) {
		if (strcmp(name, key->name) != 0)
			continue;
		if (key->set(value, key->offset, reading->object, &expected) == 0)
			return 1;
		note(reading->config, true, "%s:%u: %s=%.80s is not %s", reading->path,
		     reading->line, name, value, expected);
		reading->failed = true;
		return 1;
	}
	note(reading->config, false, "%s:%u: unknown key %.40s= in [%s], ignored",
	     reading->path, reading->line, name, section);
	return 1;
}

/*
 * fgets for inih: counts lines, which inih does not tell its handlers; takes leading blanks
 * off, which it would read as a continuation; and refuses what it would cut in two.
 */
static char *read_line(char *to, int size, void *stream)
{
	struct reading *reading = stream;
	char line[LINE_MAX_LENGTH + 2], *start;
	bool whole;

	if (!fgets(line, sizeof(line), reading->file))
		return NULL;
	reading->line++;
	whole = strchr(line, '\n') || feof(reading->file);
	for (int c = 0; !whole && c != '\n' && c != EOF;)
		c = fgetc(reading->file);
	start = line + strspn(line, " \t");
	if (!whole || strlen(start) + 1 > (size_t)size) {
		note(reading->config, true, "%s:%u: the line is longer than %d characters",
		     reading->path, reading->line, LINE_MAX_LENGTH);
		reading->failed = true;
		start = line;
		text_copy(line, sizeof(line), "\n");
	}
	text_copy(to, (size_t)size, start);
	return to;
}

/* 0, -ENOENT, or -EINVAL after at least one note. */
static int read_file(struct reading *reading)
{
	auto_fclose FILE *file = fopen(reading->path, "re");
	int r;

	if (!file && errno == ENOENT)
		return -ENOENT;
	if (!file) {
		note(reading->config, true, "%s: %m", reading->path);
		return -EINVAL;
	}
	reading->file = file;
	r = ini_parse_stream(read_line, reading, on_value, reading);
	if (r > 0)
		note(reading->config, true, "%s:%d: neither [Section] nor Key=value",
		     reading->path, r);
	if (ferror(file))
		note(reading->config, true, "%s: it cannot be read", reading->path);
	return r != 0 || ferror(file) || reading->failed ? -EINVAL : 0;
}

static int is_conf(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > strlen(SUFFIX) &&
	       strcmp(entry->d_name + length - strlen(SUFFIX), SUFFIX) == 0;
}

typedef int (*file_fn)(struct config *config, const char *path, const char *name, void *arg);

/* Calls @fn for every *.conf in @dir, in order; no folder is no files. */
static int each_file(struct config *config, const char *dir, file_fn fn, void *arg)
{
	struct dirent **list = NULL;
	auto_text struct text path = { 0 };
	int n, r = 0;

	n = scandir(dir, &list, is_conf, alphasort);
	if (n < 0 && errno != ENOENT) {
		note(config, true, "%s: %m", dir);
		return -EINVAL;
	}
	for (int i = 0; i < n; i++) {
		int one;

		path.length = 0;
		one = text_add(&path, "%s/%s", dir, list[i]->d_name);
		if (one == 0)
			one = fn(config, path.data, list[i]->d_name, arg);
		if (one < 0 && r != -ENOMEM)
			r = one;
		free(list[i]);
	}
	free(list);
	return r;
}

/* --- tiod.conf --- */

static int read_daemon_file(struct config *config, const char *path, const char *name,
			    void *arg)
{
	struct reading reading = { .config = config,
				   .path = path,
				   .section = "Daemon",
				   .keys = config_daemon_keys,
				   .object = arg };
	int r = read_file(&reading);

	return r == -ENOENT ? 0 : r;
}

/* A file with a mistake leaves all of the old settings in force, so that none is half read. */
static int read_daemon(struct config *config, const char *dir)
{
	struct config fresh = {
		.workers = 8, .turn_seconds = 600, .clients = 256, .log_level = LOG_LEVEL_INFO
	};
	auto_text struct text path = { 0 }, drop_ins = { 0 };
	bool first = config->workers == 0;
	int r, r2;

	if (text_add(&path, "%s/tiod.conf", dir) < 0 ||
	    text_add(&drop_ins, "%s/tiod.conf.d", dir) < 0)
		return -ENOMEM;
	r = read_daemon_file(config, path.data, "", &fresh);
	r2 = each_file(config, drop_ins.data, read_daemon_file, &fresh);
	r = r < 0 ? r : r2;
	if (r < 0 && !first)
		return r;

	config->workers = fresh.workers;
	config->turn_seconds = fresh.turn_seconds;
	config->step_ms = fresh.step_ms;
	config->clients = fresh.clients;
	config->log_level = fresh.log_level;
	return r;
}

/* --- vms.d --- */

struct vm_list {
	struct vm *vms;
	size_t n;
};

static int keep_vm(struct vm_list *list, const struct vm *vm)
{
	struct vm *vms = reallocarray(list->vms, list->n + 1, sizeof(*vms));

	if (!vms)
		return -ENOMEM;
	list->vms = vms;
	list->vms[list->n++] = *vm;
	return 0;
}

static int read_vm_file(struct config *config, const char *path, const char *name, void *arg)
{
	struct vm_list *list = arg;
	struct vm vm = { .numa_node = VM_NODE_AUTO };
	struct reading reading = { .config = config,
				   .path = path,
				   .section = "VM",
				   .keys = config_vm_keys,
				   .object = &vm };
	const struct vm *before;
	int r;

	text_copy(vm.file, sizeof(vm.file), path);
	text_copy(vm.name, sizeof(vm.name), name);
	vm.name[strnlen(vm.name, sizeof(vm.name)) - strlen(SUFFIX)] = '\0';
	if (strlen(name) - strlen(SUFFIX) >= VM_NAME_MAX ||
	    !text_is_name(vm.name, VM_NAME_MAX - 1)) {
		note(config, true,
		     "%s: the file's name is the VM's: letters, digits, '-', '_' and '.', at most "
		     "%d of them",
		     path, VM_NAME_MAX - 1);
		return -EINVAL;
	}
	r = read_file(&reading);
	if (r == 0)
		return keep_vm(list, &vm);

	before = config_find_vm(config, vm.name);
	if (before && keep_vm(list, before) == 0)
		note(config, false, "%s: what was read of it before stays in force", path);
	return r == -ENOENT ? 0 : r;
}

static int compare_vms(const void *a, const void *b)
{
	return strcmp(((const struct vm *)a)->name, ((const struct vm *)b)->name);
}

static int read_vms(struct config *config, const char *dir)
{
	auto_text struct text path = { 0 };
	struct vm_list list = { 0 };
	int r;

	if (text_add(&path, "%s/vms.d", dir) < 0)
		return -ENOMEM;
	r = each_file(config, path.data, read_vm_file, &list);
	if (list.n)
		qsort(list.vms, list.n, sizeof(*list.vms), compare_vms);
	free(config->vms);
	config->vms = list.vms;
	config->n_vms = list.n;
	return r;
}

int config_load(const char *dir, struct config *config)
{
	int r, r2;

	free(config->notes);
	config->notes = NULL;
	config->n_notes = 0;
	r = read_daemon(config, dir);
	r2 = read_vms(config, dir);
	return r < 0 ? r : r2;
}

const struct vm *config_find_vm(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_vms; i++)
		if (strcmp(config->vms[i].name, name) == 0)
			return &config->vms[i];
	return NULL;
}

void config_finish(struct config *config)
{
	free(config->vms);
	free(config->notes);
	*config = (struct config){ 0 };
}
