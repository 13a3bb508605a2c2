/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/holders.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/sysfs.h"

#define HOLDERS_MAX 256 /* of one function: a host of containers has thousands of mounts */

FILE *holders_open_proc(const struct host *host, const char *path)
{
	auto_close int fd = openat(host->proc_fd, path, O_RDONLY | O_CLOEXEC);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "re");

	if (file)
		(void)take_fd(&fd);
	return file;
}

void holders_read_command(const struct host *host, int pid, char *buf, size_t size)
{
	char path[32];

	buf[0] = '\0';
	snprintf(path, sizeof(path), "%d/comm", pid);
	attr_read(host->proc_fd, path, buf, size);
}

/* The kernel writes blanks, backslashes and line ends as three octal digits. */
void holders_unescape(char *text)
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

/* --- Adding --- */

/* From the function's own disk upwards, as a person would tell it. */
static void put_stack(const struct children *children, const struct child *child,
		      struct holder *h)
{
	if (!child->stacked)
		return;
	put_stack(children, &children->list[child->lower], h);
	holder_stack_on(h, child->stack, child->name, child->group);
}

static void mark_used(struct children *children, struct child *child)
{
	child->used = true;
	while (child->stacked) {
		child = &children->list[child->lower];
		child->used = true;
	}
}

static const struct child *root_of(const struct children *children, const struct child *child)
{
	while (child->stacked)
		child = &children->list[child->lower];
	return child;
}

int holders_add(const struct holder_search *search, struct holder holder, struct child *child)
{
	const struct child *root;

	if (search->snap->n_holders - search->before >= HOLDERS_MAX)
		return 0;
	holder.function = search->f->bdf;
	if (child) {
		root = root_of(search->children, child);
		snprintf(holder.what, sizeof(holder.what), "/dev/%s", root->node);
		put_stack(search->children, child, &holder);
		mark_used(search->children, child);
	}
	return snapshot_add_holder(search->snap, &holder);
}

/* --- Whose node --- */

static struct child *find_by_name(const struct children *children, const char *node)
{
	for (size_t i = 0; i < children->n; i++)
		if (children->list[i].block && strcmp(children->list[i].node, node) == 0)
			return &children->list[i];
	return NULL;
}

static struct child *find_by_number(const struct children *children, dev_t number)
{
	for (size_t i = 0; i < children->n; i++)
		if (children->list[i].block && children->list[i].major &&
		    makedev(children->list[i].major, children->list[i].minor) == number)
			return &children->list[i];
	return NULL;
}

/* udev makes /dev/mapper/… and /dev/disk/by-uuid/… links; without it, mapper has nodes. */
struct child *holders_find_node(const struct holder_search *search, const char *path)
{
	struct child *child;
	struct stat st;
	char name[64];

	if (strncmp(path, "/dev/", 5) != 0)
		return NULL;
	child = find_by_name(search->children, path + 5);
	if (!child &&
	    attr_read_link_name(search->host->dev_fd, path + 5, name, sizeof(name)) == 0)
		child = find_by_name(search->children, name);
	if (!child && fstatat(search->host->dev_fd, path + 5, &st, AT_NO_AUTOMOUNT) == 0 &&
	    S_ISBLK(st.st_mode))
		child = find_by_number(search->children, st.st_rdev);
	return child;
}

/* --- All kinds --- */

static int find_vfs(const struct holder_search *search)
{
	struct holder holder = { .kind = HOLDER_VFS };

	if (search->f->vfs == 0)
		return 0;
	snprintf(holder.what, sizeof(holder.what), "%u virtual functions", search->f->vfs);
	return holders_add(search, holder, NULL);
}

static int (*const kinds[])(const struct holder_search *search) = {
	holders_find_mounts,    holders_find_block, holders_find_net,
	holders_find_processes, find_vfs,           holders_find_unexplained,
};

/* What was found before is out of date. */
static void forget(struct snapshot *snap, struct bdf function)
{
	size_t kept = 0;

	for (size_t i = 0; i < snap->n_holders; i++)
		if (!bdf_equal(snap->holders[i].function, function))
			snap->holders[kept++] = snap->holders[i];
	snap->n_holders = kept;
}

int holders_find(const struct host *host, struct snapshot *snap, const struct function *f,
		 const struct plugin_traits *traits, struct tio_error *err)
{
	struct children children = { 0 };
	struct holder_search search = {
		.host = host, .f = f, .children = &children, .snap = snap
	};
	int r;

	forget(snap, f->bdf);
	search.before = snap->n_holders;
	r = children_list(host, f, traits, &children);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kinds); i++)
		r = kinds[i](&search);
	children_finish(&children);
	return r < 0 ? error_set(err, r, "out of memory") : 0;
}
