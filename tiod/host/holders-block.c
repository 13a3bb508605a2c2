/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/holders.h"
#include "host/sysfs.h"

/* The kernel writes blanks, backslashes and line ends as three octal digits. */
static void unescape(char *text)
{
	char *to = text;
	unsigned int c;

	for (const char *p = text; *p; p++) {
		if (p[0] == '\\' && sscanf(p + 1, "%3o", &c) == 1 &&
		    strspn(p + 1, "01234567") >= 3 && c > 0 && c < 256) {
			*to++ = (char)c;
			p += 3;
		} else {
			*to++ = *p;
		}
	}
	*to = '\0';
}

/* "id parent major:minor root where options optional… - type source options" */
int holders_parse_mount(char *line, struct mount *ret)
{
	char *save = NULL, *field[5] = { NULL };
	struct mount mount;
	char *part, *source;

	for (int i = 0; i < 5; i++) {
		field[i] = strtok_r(i == 0 ? line : NULL, " \n", &save);
		if (!field[i])
			return -EINVAL;
	}
	if (sscanf(field[2], "%u:%u", &mount.major, &mount.minor) != 2)
		return -EINVAL;
	while ((part = strtok_r(NULL, " \n", &save)))
		if (strcmp(part, "-") == 0)
			break;
	part = strtok_r(NULL, " \n", &save);
	source = part ? strtok_r(NULL, " \n", &save) : NULL;
	if (!source)
		return -EINVAL;

	unescape(field[4]);
	unescape(source);
	mount.where = field[4];
	mount.source = source;
	*ret = mount;
	return 0;
}

static const struct child *find_node(const struct children *children, const char *path)
{
	if (strncmp(path, "/dev/", 5) != 0)
		return NULL;
	for (size_t i = 0; i < children->n; i++)
		if (children->list[i].block && strcmp(children->list[i].node, path + 5) == 0)
			return &children->list[i];
	return NULL;
}

/* By number, and by name: btrfs and overlays mount under a number of their own. */
static const struct child *find_mounted(const struct children *children,
					const struct mount *mount)
{
	for (size_t i = 0; i < children->n; i++) {
		const struct child *child = &children->list[i];

		if (child->block && child->major == mount->major &&
		    child->minor == mount->minor && child->major != 0)
			return child;
	}
	return find_node(children, mount->source);
}

static FILE *open_proc(const struct host *host, const char *path)
{
	auto_close int fd = openat(host->proc_fd, path, O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "re");

	if (file)
		(void)take_fd(&fd);
	return file;
}

static int add_node(const struct holder_search *search, enum holder_kind kind,
		    const struct child *child, const char *where)
{
	char what[80];

	snprintf(what, sizeof(what), "/dev/%s", child->node);
	return holders_add(search, kind, what, where);
}

static int find_mounts(const struct holder_search *search)
{
	auto_fclose FILE *file = open_proc(search->host, "self/mountinfo");
	auto_free char *line = NULL;
	const struct child *child;
	struct mount mount;
	size_t space = 0;
	int r = 0;

	while (r == 0 && file && getline(&line, &space, file) >= 0) {
		if (holders_parse_mount(line, &mount) < 0)
			continue;
		child = find_mounted(search->children, &mount);
		if (child)
			r = add_node(search, HOLDER_MOUNT, child, mount.where);
	}
	return r;
}

static int find_swaps(const struct holder_search *search)
{
	auto_fclose FILE *file = open_proc(search->host, "swaps");
	auto_free char *line = NULL;
	const struct child *child;
	size_t space = 0;
	int r = 0;

	while (r == 0 && file && getline(&line, &space, file) >= 0) {
		line[strcspn(line, " \t\n")] = '\0';
		unescape(line);
		child = find_node(search->children, line);
		if (child)
			r = add_node(search, HOLDER_SWAP, child, "");
	}
	return r;
}

/* "dm-3" says little: the name that it was given, if it has one. */
static void name_of(int dir, const char *holder, char *ret, size_t size)
{
	char path[320];

	text_copy(ret, size, holder);
	snprintf(path, sizeof(path), "%s/dm/name", holder);
	if (attr_read(dir, path, ret, size) < 0 || !ret[0])
		text_copy(ret, size, holder);
}

static int find_stacked(const struct holder_search *search, const struct child *child)
{
	auto_closedir DIR *folder = NULL;
	char path[272], where[128];
	const char *name;
	int r = 0;

	snprintf(path, sizeof(path), "%s/holders", child->path);
	folder = attr_open_folder(search->host->sys_fd, path);
	while (r == 0 && folder && (name = attr_next_entry(folder))) {
		name_of(dirfd(folder), name, where, sizeof(where));
		r = add_node(search, HOLDER_BLOCK, child, where);
	}
	return r;
}

int holders_find_block(const struct holder_search *search)
{
	bool any = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < search->children->n; i++) {
		if (!search->children->list[i].block)
			continue;
		any = true;
		r = find_stacked(search, &search->children->list[i]);
	}
	if (r == 0 && any)
		r = find_mounts(search);
	if (r == 0 && any)
		r = find_swaps(search);
	return r;
}
