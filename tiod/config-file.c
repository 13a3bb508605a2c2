/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config-file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

#define LINE_MAX_LENGTH 180 /* what inih takes as built by distributions, and some air */
#define SUFFIX          ".conf"

/* One file being read: what a key's setter sees. */
struct reading {
	struct config *config; /* receives notes */
	const char *path;
	FILE *file;
	unsigned line;
	bool failed;
	const struct config_section *sections;
	void *object;
};

/* --- One file --- */

void config_tell(const struct config *config, const char *fmt, ...)
{
	char what[320];
	va_list args;

	if (!config->tell)
		return;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	config->tell(config->tell_arg, what);
}

static const struct config_key *find_section(const struct reading *reading, const char *name)
{
	for (const struct config_section *s = reading->sections; s->name; s++)
		if (strcmp(s->name, name) == 0)
			return s->keys;
	return NULL;
}

/* Left out with a warning; but a match that is not read would make a rule wider. */
static void unknown(struct reading *reading, bool section, const char *in, const char *name)
{
	bool strict = reading->sections->strict;
	char what[112];

	if (section)
		snprintf(what, sizeof(what), "section [%.40s] with %.40s=", in, name);
	else
		snprintf(what, sizeof(what), "key %.40s= in [%.40s]", name, in);
	config_note(reading->config, strict, "%s:%u: unknown %s%s", reading->path,
		    reading->line, what, strict ? "" : ", ignored");
	reading->failed |= strict;
}

static int on_value(void *user, const char *section, const char *name, const char *value)
{
	struct reading *reading = user;
	const struct config_key *key = find_section(reading, section);
	const char *expected = "";

	if (!key) {
		unknown(reading, true, section, name);
		return 1;
	}
	for (; key->name; key++) {
		if (strcmp(name, key->name) != 0)
			continue;
		if (key->asks)
			config_tell(reading->config, "who %s=%.80s is (%s:%u)", name, value,
				    reading->path, reading->line);
		if (key->set(value, key->offset, reading->object, &expected) == 0)
			return 1;
		config_note(reading->config, true, "%s:%u: %s=%.80s is not %s", reading->path,
			    reading->line, name, value, expected);
		reading->failed = true;
		return 1;
	}
	unknown(reading, false, section, name);
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
		config_note(reading->config, true,
			    "%s:%u: the line is longer than %d characters", reading->path,
			    reading->line, LINE_MAX_LENGTH);
		reading->failed = true;
		start = line;
		text_copy(line, sizeof(line), "\n");
	}
	text_copy(to, (size_t)size, start);
	return to;
}

/* A FIFO would be waited for, and a terminal read from. */
static FILE *open_file(const char *path)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	FILE *file;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		return NULL;
	}
	file = fdopen(fd, "r");
	if (file)
		(void)take_fd(&fd);
	return file;
}

/* Who may write here decides who is given which device. */
static bool is_trusted(struct config *config, const char *path, const struct stat *st)
{
	if (st->st_uid != 0 && st->st_uid != geteuid()) {
		config_note(config, true,
			    "%s: it belongs to user %u, and is only read when it is root's "
			    "(chown root %s)",
			    path, (unsigned)st->st_uid, path);
		return false;
	}
	if (st->st_mode & S_IWGRP && st->st_gid != 0 && st->st_gid != getegid()) {
		config_note(config, true,
			    "%s: group %u may write it, so it is not read (chmod g-w %s)", path,
			    (unsigned)st->st_gid, path);
		return false;
	}
	if (st->st_mode & S_IWOTH) {
		config_note(config, true,
			    "%s: everybody may write it, so it is not read (chmod o-w %s)",
			    path, path);
		return false;
	}
	return true;
}

/* Half of a file may say more than all of it: a match that is missing fits everything. */
static bool has_changed(int fd, const char *path, const struct stat *before)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size != before->st_size ||
	    st.st_mtim.tv_sec != before->st_mtim.tv_sec ||
	    st.st_mtim.tv_nsec != before->st_mtim.tv_nsec)
		return true;
	return stat(path, &st) < 0 || st.st_ino != before->st_ino ||
	       st.st_dev != before->st_dev;
}

/* -EINVAL, or -ENOENT when nothing is there at all. */
static int say_why_not_open(struct config *config, const char *path, int code)
{
	struct stat st;

	if (code == ENOENT && lstat(path, &st) < 0)
		return -ENOENT;
	if (code == ENOENT)
		config_note(config, true, "%s: it is a link to a file that is not there", path);
	else if (code == EINVAL)
		config_note(config, true,
			    "%s: it is no file that can be read, but a FIFO, a "
			    "socket or a device",
			    path);
	else
		config_note(config, true, "%s: %s", path, strerror(code));
	return -EINVAL;
}

int config_read_file(struct config *config, const char *path,
		     const struct config_section *sections, void *object)
{
	struct reading reading = {
		.config = config, .path = path, .sections = sections, .object = object
	};
	auto_fclose FILE *file = NULL;
	struct stat before;
	int r;

	config_tell(config, "the file %s", path);
	file = open_file(path);
	if (!file)
		return say_why_not_open(config, path, errno);
	if (fstat(fileno(file), &before) < 0 || !is_trusted(config, path, &before))
		return -EINVAL;
	reading.file = file;
	r = ini_parse_stream(read_line, &reading, on_value, &reading);
	if (r > 0)
		config_note(config, true, "%s:%d: neither [Section] nor Key=value", path, r);
	if (ferror(file))
		config_note(config, true, "%s: it cannot be read", path);
	if (has_changed(fileno(file), path, &before)) {
		config_note(config, true,
			    "%s: it was changed while it was read (tioctl reload reads it "
			    "again)",
			    path);
		return -EINVAL;
	}
	return r != 0 || ferror(file) || reading.failed ? -EINVAL : 0;
}

/* --- Folders --- */

/* Takes the next folder off @dirs; false when there is none. */
static bool next_dir(const char **dirs, struct text *ret)
{
	size_t length = strcspn(*dirs, ":");

	if (length == 0)
		return false;
	ret->length = 0;
	if (text_add(ret, "%.*s", (int)length, *dirs) < 0)
		return false;
	*dirs += length + ((*dirs)[length] == ':');
	return true;
}

const char *config_first_dir(const char *dirs, char *buf, size_t size)
{
	text_copy(buf, size, dirs);
	buf[strcspn(buf, ":")] = '\0';
	return buf;
}

int config_find_file(const char *dirs, const char *name, struct text *ret)
{
	auto_text struct text dir = { 0 };
	struct stat st;

	while (next_dir(&dirs, &dir)) {
		ret->length = 0;
		if (text_add(ret, "%s/%s", dir.data, name) < 0)
			return -ENOMEM;
		if (lstat(ret->data, &st) == 0 || errno != ENOENT)
			return 0;
	}
	return -ENOENT;
}

/* One *.conf of the folders, and where it was found first. */
struct found {
	char *name, *path; /* owned */
};

struct found_list {
	struct found *list; /* owned */
	size_t n;
};

static void found_finish(struct found_list *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->list[i].name);
		free(all->list[i].path);
	}
	free(all->list);
}

static int found_add(struct found_list *all, const char *folder, const char *name)
{
	struct found *list;
	struct found one;

	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->list[i].name, name) == 0)
			return 0;
	list = reallocarray(all->list, all->n + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	all->list = list;
	one.name = strdup(name);
	if (asprintf(&one.path, "%s/%s", folder, name) < 0)
		one.path = NULL;
	if (!one.name || !one.path) {
		free(one.name);
		free(one.path);
		return -ENOMEM;
	}
	all->list[all->n++] = one;
	return 0;
}

static bool is_conf(const char *name)
{
	size_t length = strlen(name);

	return name[0] != '.' && length > strlen(SUFFIX) &&
	       strcmp(name + length - strlen(SUFFIX), SUFFIX) == 0;
}

static int find_in(struct config *config, const char *folder, struct found_list *all)
{
	auto_closedir DIR *dir = NULL;
	struct dirent *entry;
	struct stat st;
	int r = 0;

	config_tell(config, "the folder %s", folder);
	dir = opendir(folder);
	if (!dir && errno == ENOENT)
		return 0;
	if (!dir) {
		config_note(config, true, "%s: %m", folder);
		return -EIO;
	}
	if (fstat(dirfd(dir), &st) < 0 || !is_trusted(config, folder, &st))
		return -EIO;
	while (r == 0 && (entry = readdir(dir)))
		if (is_conf(entry->d_name))
			r = found_add(all, folder, entry->d_name);
	return r;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct found *)a)->name, ((const struct found *)b)->name);
}

/* /dev/null and empty files are there to hide others. */
static bool only_hides(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 &&
	       (S_ISCHR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_size == 0));
}

int config_each_file(struct config *config, const char *dirs, const char *folder,
		     config_file_fn fn, void *arg)
{
	auto_text struct text dir = { 0 }, path = { 0 };
	struct found_list all = { 0 };
	int r = 0, one;

	while (next_dir(&dirs, &dir)) {
		path.length = 0;
		one = text_add(&path, "%s/%s", dir.data, folder);
		if (one == 0)
			one = find_in(config, path.data, &all);
		if (one < 0 && r != -ENOMEM && r != -EIO)
			r = one;
	}
	if (all.n)
		qsort(all.list, all.n, sizeof(*all.list), compare_names);
	/* Without all folders it is not known what a file hides, or stands for. */
	for (size_t i = 0; i < all.n && r != -EIO && r != -ENOMEM; i++) {
		if (only_hides(all.list[i].path))
			continue;
		one = fn(config, all.list[i].path, all.list[i].name, arg);
		if (one < 0 && r != -ENOMEM)
			r = one;
	}
	found_finish(&all);
	return r;
}

int config_name_of(struct config *config, const char *path, const char *file, const char *what,
		   char *buf, size_t size)
{
	size_t length = strlen(file) - strlen(SUFFIX);

	text_copy(buf, size, file);
	if (length < size)
		buf[length] = '\0';
	if (length < size && text_is_name(buf, size - 1))
		return 0;
	config_note(
		config, true,
		"%s: the file's name is the %s's: letters, digits, '-', '_' and '.', at most "
		"%zu of them",
		path, what, size - 1);
	return -EINVAL;
}
