/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/devnodes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/sysfs.h"

#define MODE_BITS 07777

static struct node_access access_of(const struct stat *st)
{
	return (struct node_access){ .known = true,
				     .mode = st->st_mode & MODE_BITS,
				     .uid = st->st_uid,
				     .gid = st->st_gid };
}

static void path_of(const struct function *f, char *buf, size_t size)
{
	snprintf(buf, size, "vfio/devices/%s", f->cdev);
}

/* --- The node itself --- */

/* The device number that the kernel shows in @attribute, "511:3". */
static int read_number(const struct host *host, const char *attribute, dev_t *ret)
{
	unsigned int major, minor;
	char text[32];
	int r = attr_read(host->sys_fd, attribute, text, sizeof(text));

	if (r < 0)
		return r;
	if (sscanf(text, "%u:%u", &major, &minor) != 2)
		return -EBADMSG;
	*ret = makedev(major, minor);
	return 0;
}

/* A simulated host's nodes are regular files, of a FUSE that only root can have put there. */
static bool is_simulated(int fd, const struct stat *st)
{
	struct statfs fs;

	return S_ISREG(st->st_mode) && fstatfs(fd, &fs) == 0 && fs.f_type == FUSE_SUPER_MAGIC;
}

/* A descriptor that only stands for the node at @path; checked to be @attribute's device. */
static int take(const struct host *host, const char *path, int flags, const char *attribute,
		struct tio_error *err)
{
	auto_close int fd = openat(host->dev_fd, path, O_PATH | O_CLOEXEC | flags);
	struct stat st;
	dev_t number;
	int r;

	if (fd < 0)
		return error_set(err, -errno, "open /dev/%s: %m", path);
	if (fstat(fd, &st) < 0)
		return error_set(err, -errno, "look at /dev/%s: %m", path);
	r = read_number(host, attribute, &number);
	if (r < 0)
		return error_set(err, r, "read the device number in %s: %s", attribute,
				 strerror(-r));
	if ((!S_ISCHR(st.st_mode) || st.st_rdev != number) && !is_simulated(fd, &st)) {
		error_set(err, -ENXIO,
			  "/dev/%s is not the character device %u:%u that the kernel has for "
			  "it",
			  path, major(number), minor(number));
		error_fix(err, "see what put it there: `ls -l /dev/%s`", path);
		return -ENXIO;
	}
	return take_fd(&fd);
}

static int take_node(const struct host *host, const struct function *f, char path[static 64],
		     struct tio_error *err)
{
	struct attr number;
	char name[64];

	path_of(f, path, 64);
	if (!f->cdev[0])
		return error_set(err, -ENODEV, "it has no VFIO character device");
	snprintf(name, sizeof(name), "vfio-dev/%s/dev", f->cdev);
	number = attr_of_function(f->bdf, name);
	return take(host, path, O_NOFOLLOW, number.path, err);
}

/* --- Reading --- */

void devnode_read(const struct host *host, struct function *f)
{
	auto_close int fd = -1;
	struct stat st;
	char path[64];

	f->node = (struct node_access){ 0 };
	if (!f->cdev_node)
		return;
	fd = take_node(host, f, path, NULL);
	if (fd >= 0 && fstat(fd, &st) == 0)
		f->node = access_of(&st);
}

void devnode_read_iommu(const struct host *host, struct snapshot *snap)
{
	struct stat st;

	snap->iommu_node = (struct node_access){ 0 };
	if (fstatat(host->dev_fd, "iommu", &st, 0) == 0)
		snap->iommu_node = access_of(&st);
}

/* --- Changing and opening --- */

static int set_mode(const struct host *host, int fd, mode_t mode)
{
	char link[32];

	snprintf(link, sizeof(link), "self/fd/%d", fd);
	return fchmodat(host->proc_fd, link, mode, 0) < 0 ? -errno : 0;
}

int devnode_set(const struct host *host, const struct function *f,
		const struct node_access *access, struct tio_error *err)
{
	char path[64];
	auto_close int fd = take_node(host, f, path, err);
	struct stat st;
	int r = 0;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return error_set(err, -errno, "look at /dev/%s: %m", path);
	/* At no time may the old or the new owner do what it could not before or after. */
	if ((st.st_mode & MODE_BITS) != access->mode)
		r = set_mode(host, fd, st.st_mode & access->mode);
	if (r == 0 && (st.st_uid != access->uid || st.st_gid != access->gid) &&
	    fchownat(fd, "", access->uid, access->gid, AT_EMPTY_PATH) < 0)
		r = -errno;
	if (r == 0 && (st.st_mode & MODE_BITS) != access->mode)
		r = set_mode(host, fd, access->mode);
	if (r < 0)
		error_set(err, r, "give /dev/%s to uid %u, gid %u: %s", path, access->uid,
			  access->gid, strerror(-r));
	return r;
}

static int open_taken(const struct host *host, int node, const char *path,
		      struct tio_error *err)
{
	char link[32];
	int fd;

	snprintf(link, sizeof(link), "self/fd/%d", node);
	fd = openat(host->proc_fd, link, O_RDWR | O_CLOEXEC);
	return fd < 0 ? error_set(err, -errno, "open /dev/%s: %m", path) : fd;
}

int devnode_open(const struct host *host, const struct function *f, struct tio_error *err)
{
	char path[64];
	auto_close int node = take_node(host, f, path, err);

	return node < 0 ? node : open_taken(host, node, path, err);
}

int devnode_open_iommu(const struct host *host, struct tio_error *err)
{
	auto_close int node = take(host, "iommu", 0, "class/misc/iommu/dev", err);

	return node < 0 ? node : open_taken(host, node, "iommu", err);
}
