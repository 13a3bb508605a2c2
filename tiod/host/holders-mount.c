/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/holders.h"
#include "host/sysfs.h"

#define NAMESPACES_MAX 1024 /* mount namespaces that are looked at: a container has one */

/* "id parent major:minor root where options optional… - type source options" */
int holders_parse_mount(char *line, struct mount *ret)
{
	char *save = NULL, *field[5] = { NULL };
	struct mount mount;
	char *part, *type, *source, *options;

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
	type = part ? strtok_r(NULL, " \n", &save) : NULL;
	source = type ? strtok_r(NULL, " \n", &save) : NULL;
	if (!source)
		return -EINVAL;
	options = strtok_r(NULL, " \n", &save);

	holders_unescape(field[4]);
	holders_unescape(source);
	if (options)
		holders_unescape(options);
	mount.where = field[4];
	mount.type = type;
	mount.source = source;
	mount.options = options ? options : "";
	*ret = mount;
	return 0;
}

/* One namespace's list of mounts, that of process @pid, or tiod's own. */
struct table {
	const struct holder_search *search;
	enum holder_kind kind;
	int pid;
	char command[32];
	size_t first; /* holders before this are not of this list */
};

/* --- Which of its disks --- */

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool has_btrfs_device(int fs, const char *uuid, const char *device)
{
	char path[160];

	snprintf(path, sizeof(path), "%.40s/devices/%.80s", uuid, device);
	return attr_exists(fs, path);
}

/* A btrfs of several devices is listed with one of them: all of them are in use. */
static struct child *find_btrfs(const struct holder_search *search, const char *source)
{
	auto_closedir DIR *folder = attr_open_folder(search->host->sys_fd, "fs/btrfs");
	char link[64];
	const char *uuid, *device = last_part(source);

	if (strncmp(source, "/dev/", 5) == 0 &&
	    attr_read_link_name(search->host->dev_fd, source + 5, link, sizeof(link)) == 0)
		device = link;
	while (folder && (uuid = attr_next_entry(folder))) {
		if (!has_btrfs_device(dirfd(folder), uuid, device))
			continue;
		for (size_t i = 0; i < search->children->n; i++) {
			struct child *child = &search->children->list[i];

			if (child->block && has_btrfs_device(dirfd(folder), uuid, child->node))
				return child;
		}
	}
	return NULL;
}

/* By number, and by name: btrfs and others mount under a number of their own. */
static struct child *find_mounted(const struct holder_search *search, const struct mount *mount)
{
	struct child *child;

	for (size_t i = 0; mount->major && i < search->children->n; i++) {
		child = &search->children->list[i];
		if (child->block && child->major == mount->major &&
		    child->minor == mount->minor)
			return child;
	}
	child = holders_find_node(search, mount->source);
	if (!child && strcmp(mount->type, "btrfs") == 0)
		child = find_btrfs(search, mount->source);
	return child;
}

/* --- One list --- */

/* Containers see most of the host's mounts again: once is enough. */
static bool is_known(const struct holder_search *search, const char *where)
{
	for (size_t i = search->before; i < search->snap->n_holders; i++) {
		const struct holder *h = &search->snap->holders[i];

		if (h->kind <= HOLDER_OVERLAY && strcmp(h->where, where) == 0)
			return true;
	}
	return false;
}

static int add(const struct table *table, enum holder_kind kind, const char *where,
	       struct child *child)
{
	struct holder holder = { .kind = kind, .pid = table->pid };

	if (is_known(table->search, where))
		return 0;
	text_copy(holder.where, sizeof(holder.where), where);
	text_copy(holder.command, sizeof(holder.command), table->command);
	return holders_add(table->search, holder, child);
}

static bool is_below(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	/* Below the root is everything: nothing that could be told apart. */
	return length > 1 && strncmp(path, folder, length) == 0 &&
	       (path[length] == '/' || path[length] == '\0');
}

/* The layer @path of an overlay that is mounted on @where. */
static int add_layer(const struct table *table, const char *path, const char *where)
{
	struct snapshot *snap = table->search->snap;

	for (size_t i = table->first; i < snap->n_holders; i++) {
		const struct holder *h = &snap->holders[i];
		struct holder overlay;

		if (h->kind != table->kind || !is_below(path, h->where) ||
		    is_known(table->search, where))
			continue;
		overlay = *h;
		overlay.kind = HOLDER_OVERLAY;
		text_copy(overlay.where, sizeof(overlay.where), where);
		return holders_add(table->search, overlay, NULL);
	}
	return 0;
}

/* "rw,lowerdir=/a:/b,upperdir=/c,workdir=/d" */
static int add_layers(const struct table *table, const struct mount *mount)
{
	char options[1024], *rest = options, *option, *path;
	int r = 0;

	text_copy(options, sizeof(options), mount->options);
	while (r == 0 && (option = strsep(&rest, ","))) {
		if (strncmp(option, "lowerdir", 8) != 0 && strncmp(option, "upperdir", 8) != 0)
			continue;
		option = strchr(option, '=');
		while (r == 0 && option && (path = strsep(&option, ":=")))
			if (*path == '/')
				r = add_layer(table, path, mount->where);
	}
	return r;
}

static int read_line(const struct table *table, char *line, bool layers)
{
	struct mount mount;
	struct child *child;

	if (holders_parse_mount(line, &mount) < 0)
		return 0;
	if (layers)
		return strcmp(mount.type, "overlay") == 0 ? add_layers(table, &mount) : 0;
	child = find_mounted(table->search, &mount);
	return child ? add(table, table->kind, mount.where, child) : 0;
}

static int read_list(const struct table *table, const char *path, bool layers)
{
	auto_fclose FILE *file = NULL;
	auto_free char *line = NULL;
	size_t space = 0;
	int r = holders_open_proc(table->search, path, &file);

	while (r == 0 && file && getline(&line, &space, file) >= 0)
		r = read_line(table, line, layers);
	return r < 0 ? r : holders_end_proc(table->search, path, file);
}

/* Twice: an overlay may be listed before the file system that its layers are on. */
static int read_table(const struct table *table, const char *path)
{
	int r = read_list(table, path, false);

	if (r == 0 && table->search->snap->n_holders > table->first)
		r = read_list(table, path, true);
	return r;
}

/* --- All namespaces --- */

struct namespaces {
	char list[NAMESPACES_MAX][24];
	size_t n;
	bool cut;
};

/* 1 when it was not met before and there is room for it; 0; or an error. */
static int meet(const struct holder_search *search, struct namespaces *namespaces,
		const char *pid)
{
	char path[32], name[24];
	int r;

	snprintf(path, sizeof(path), "%.16s/ns/mnt", pid);
	r = attr_read_link(search->host->proc_fd, path, name, sizeof(name));
	if (r < 0)
		return holders_fail_proc(search, r, path);
	for (size_t i = 0; i < namespaces->n; i++)
		if (strcmp(namespaces->list[i], name) == 0)
			return 0;
	if (namespaces->n == NAMESPACES_MAX) {
		namespaces->cut = true;
		return 0;
	}
	text_copy(namespaces->list[namespaces->n++], sizeof(namespaces->list[0]), name);
	return 1;
}

static int read_namespace(const struct holder_search *search, int pid)
{
	struct table table = { .search = search, .first = search->snap->n_holders };
	char path[32];

	/* tiod may be in one of its own; the first process is in the host's. */
	table.kind = pid == 1 ? HOLDER_MOUNT : HOLDER_FAR_MOUNT;
	table.pid = pid;
	holders_read_command(search->host, pid, table.command, sizeof(table.command));
	snprintf(path, sizeof(path), "%d/mountinfo", pid);
	return read_table(&table, path);
}

static int read_one(const struct holder_search *search, struct namespaces *met, int pid)
{
	char path[32], name[24];
	int r;

	snprintf(name, sizeof(name), "%d", pid);
	r = meet(search, met, name);
	if (r <= 0)
		return r;
	r = read_namespace(search, pid);
	/* If it has ended meanwhile, another process of that namespace has to tell. */
	snprintf(path, sizeof(path), "%d/ns/mnt", pid);
	if (attr_read_link(search->host->proc_fd, path, name, sizeof(name)) < 0)
		met->n--;
	return r;
}

static int read_others(const struct holder_search *search, struct namespaces *met)
{
	auto_closedir DIR *processes = NULL;
	const char *name;
	uint64_t pid;
	int r = holders_open_proc_folder(search, ".", &processes);

	while (r == 0 && processes && (name = attr_next_entry(processes)))
		if (text_to_u64(name, 10, &pid) == 0)
			r = read_one(search, met, (int)pid);
	if (r < 0 || !met->cut)
		return r;
	return holders_add_unseen(search, "stop containers that are not needed",
				  "the host has more than %d mount namespaces", NAMESPACES_MAX);
}

int holders_find_mounts(const struct holder_search *search)
{
	struct table own = { .search = search,
			     .kind = HOLDER_MOUNT,
			     .first = search->snap->n_holders };
	struct namespaces met = { .n = 0 };
	bool any = false;
	int r;

	for (size_t i = 0; i < search->children->n; i++)
		any = any || search->children->list[i].block;
	if (!any)
		return 0;
	r = meet(search, &met, "self");
	if (r >= 0)
		r = read_table(&own, "self/mountinfo");
	if (r == 0)
		r = read_one(search, &met, 1);
	return r == 0 ? read_others(search, &met) : r;
}
