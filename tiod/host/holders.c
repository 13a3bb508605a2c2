/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/holders.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "core/holder.h"
#include "host/sysfs.h"

/* Of one function: a host of containers has thousands of mounts. */
#define FORCIBLE_MAX 256
#define HOLDERS_MAX  2048

#define PF_EXITING 0x4 /* of include/linux/sched.h; proc(5) shows these flags */

/* --- /proc --- */

int holders_fail(const struct holder_search *search, int r, const char *root, const char *path)
{
	error_set(search->err, r, "cannot see who uses it: %s/%s: %s", root, path,
		  strerror(-r));
	error_fix(search->err, r == -EACCES || r == -EPERM
				       ? "run tiod as root with CAP_SYS_PTRACE and "
					 "CAP_DAC_READ_SEARCH, as its unit does"
				       : "mend what the kernel complains of, and try again");
	return r;
}

/* "97 (a name) S 1 97 97 0 -1 4194560 …": the ninth is its flags.  So are zombies. */
static bool is_ending(const char *stat)
{
	const char *behind = strrchr(stat, ')');
	unsigned int flags;

	return behind && sscanf(behind, ") %*c %*d %*d %*d %*d %*d %u", &flags) == 1 &&
	       (flags & PF_EXITING);
}

/*
 * mountinfo says EINVAL of a process that has ended; a link of one that ends just while it is
 * read says EACCES (proc_ns_readlink() in fs/proc/namespaces.c), as it does of one that may not
 * be looked at.  From its end until it is waited for, others may not look at one of another
 * user (ptrace_may_access() in kernel/ptrace.c); files that its other threads still have are
 * found with those.
 */
static bool is_gone(int proc_fd, int r, const char *path)
{
	char name[32], stat[512];

	if (r == -ENOENT || r == -ESRCH || r == -EINVAL)
		return true;
	if ((r != -EACCES && r != -EPERM) || !isdigit((unsigned char)*path))
		return false;
	snprintf(name, sizeof(name), "%.*s/stat", (int)strcspn(path, "/"), path);
	r = attr_read(proc_fd, name, stat, sizeof(stat));
	return r == -ENOENT || r == -ESRCH || (r >= 0 && is_ending(stat));
}

int holders_fail_proc(const struct holder_search *search, int r, const char *path)
{
	return is_gone(search->host->proc_fd, r, path) ? 0
						       : holders_fail(search, r, "/proc", path);
}

int holders_open_proc(const struct holder_search *search, const char *path, FILE **ret)
{
	auto_close int fd = openat(search->host->proc_fd, path, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : 0;

	*ret = NULL;
	if (r == 0) {
		*ret = fdopen(fd, "re");
		r = *ret ? 0 : -errno;
	}
	if (r == 0)
		(void)take_fd(&fd);
	return r == 0 ? 0 : holders_fail_proc(search, r, path);
}

int holders_end_proc(const struct holder_search *search, const char *path, FILE *file)
{
	if (!file || !ferror(file))
		return 0;
	return holders_fail_proc(search, errno ? -errno : -EIO, path);
}

int holders_open_proc_folder(const struct holder_search *search, const char *path, DIR **ret)
{
	int r;

	*ret = attr_open_folder(search->host->proc_fd, path);
	r = *ret ? 0 : -errno;
	return r == 0 ? 0 : holders_fail_proc(search, r, path);
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

int holders_add_unseen(const struct holder_search *search, const char *undo, const char *fmt,
		       ...)
{
	struct holder holder = { .kind = HOLDER_UNSEEN, .function = search->f->bdf };
	va_list args;

	va_start(args, fmt);
	vsnprintf(holder.where, sizeof(holder.where), fmt, args);
	va_end(args);
	text_copy(holder.undo, sizeof(holder.undo), undo);
	return snapshot_add_holder(search->snap, &holder);
}

/* One that no --force overrides stands for those that are left out. */
static int say_cut(const struct holder_search *search)
{
	for (size_t i = search->snap->n_holders; i-- > search->before;)
		if (search->snap->holders[i].kind == HOLDER_UNSEEN)
			return 0;
	return holders_add_unseen(search, "end some of those that are told first",
				  "there are too many to be listed");
}

/* However many can be forced, they do not push off one that cannot. */
int holders_add(const struct holder_search *search, struct holder holder, struct child *child)
{
	bool forcible = holder_force(&holder) || holder_is_note(&holder);
	const struct child *root;

	if (search->snap->n_holders - search->before >= (forcible ? FORCIBLE_MAX : HOLDERS_MAX))
		return say_cut(search);
	holder.function = search->f->bdf;
	if (child) {
		root = root_of(search->children, child);
		snprintf(holder.what, sizeof(holder.what), "/dev/%s", root->node);
		put_stack(search->children, child, &holder);
		if (!forcible)
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

static int find_cut(const struct holder_search *search)
{
	if (!search->children->cut)
		return 0;
	return holders_add_unseen(search, "`lsblk` and `ip link` show what there is",
				  "its devices in sysfs could not be looked at whole");
}

static int (*const kinds[])(const struct holder_search *search) = {
	holders_find_mounts,
	holders_find_block,
	holders_find_net,
	holders_find_processes,
	find_vfs,
	holders_find_unexplained,
	find_cut,
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
		.host = host, .f = f, .children = &children, .snap = snap, .err = err
	};
	int r;

	forget(snap, f->bdf);
	search.before = snap->n_holders;
	r = children_list(host, f, traits, &children);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kinds); i++)
		r = kinds[i](&search);
	children_finish(&children);
	return r == -ENOMEM ? error_set(err, r, "out of memory") : r;
}
