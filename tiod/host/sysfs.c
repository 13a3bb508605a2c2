/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"

/* Names of drivers and TSMs come from files and from the wire: none may climb out. */
static bool path_is_inside(const char *path)
{
	const char *part = path;

	if (path[0] == '\0' || path[0] == '/')
		return false;
	while (part) {
		if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
			return false;
		part = strchr(part, '/');
		if (part)
			part++;
	}
	return true;
}

static int open_attr(int dir, const char *path, int flags)
{
	int fd;

	if (!path_is_inside(path))
		return -EINVAL;
	fd = openat(dir, path, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

int attr_read(int dir, const char *path, char *buf, size_t size)
{
	auto_close int fd = -1;
	ssize_t n;

	buf[0] = '\0';
	fd = open_attr(dir, path, O_RDONLY);
	if (fd < 0)
		return fd;

	/* tsm/ attributes may be interrupted while a connect of another function runs. */
	do {
		n = read(fd, buf, size);
	} while (n < 0 && errno == EINTR);
	if (n < 0 || (size_t)n == size) {
		int code = n < 0 ? -errno : -EFBIG;

		buf[0] = '\0';
		return code;
	}

	buf[n] = '\0';
	if (n > 0 && buf[n - 1] == '\n')
		buf[n - 1] = '\0';
	return 0;
}

int attr_read_number(int dir, const char *path, int64_t *ret)
{
	char buf[32];
	bool negative;
	uint64_t value;
	int r;

	r = attr_read(dir, path, buf, sizeof(buf));
	if (r < 0)
		return r;
	negative = buf[0] == '-';
	r = text_to_u64(buf + negative, 0, &value);
	if (r < 0)
		return r;
	if (value > INT64_MAX)
		return -ERANGE;
	*ret = negative ? -(int64_t)value : (int64_t)value;
	return 0;
}

bool attr_exists(int dir, const char *path)
{
	struct stat st;

	return path_is_inside(path) && fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int attr_read_link(int dir, const char *path, char *buf, size_t size)
{
	ssize_t n;

	buf[0] = '\0';
	if (!path_is_inside(path))
		return -EINVAL;
	n = readlinkat(dir, path, buf, size);
	if (n < 0 || (size_t)n == size) {
		int code = n < 0 ? -errno : -EFBIG;

		buf[0] = '\0';
		return code;
	}
	buf[n] = '\0';
	return 0;
}

int attr_read_link_name(int dir, const char *path, char *buf, size_t size)
{
	char target[ATTR_SIZE_MAX];
	const char *name;
	int r;

	buf[0] = '\0';
	r = attr_read_link(dir, path, target, sizeof(target));
	if (r < 0)
		return r;
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	if (text_copy(buf, size, name))
		return 0;
	buf[0] = '\0';
	return -EFBIG;
}

DIR *attr_open_folder(int dir, const char *path)
{
	auto_close int fd = -1;
	DIR *folder;

	if (!path_is_inside(path)) {
		errno = EINVAL;
		return NULL;
	}
	/* Folders of functions are links in bus/pci/devices: these are followed. */
	fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	folder = fdopendir(fd);
	if (folder)
		(void)take_fd(&fd);
	return folder;
}

const char *attr_next_entry(DIR *folder)
{
	struct dirent *entry;

	while ((entry = readdir(folder)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return entry->d_name;
	return NULL;
}

__attribute__((format(printf, 4, 5))) static struct attr make_attr(const char *name,
								   const char *kind,
								   const char *owner,
								   const char *fmt, ...)
{
	struct attr attr = { 0 };
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(attr.path, sizeof(attr.path), fmt, args);
	va_end(args);
	/* A path that was cut off would name another attribute. */
	if (n < 0 || (size_t)n >= sizeof(attr.path))
		attr.path[0] = '\0';
	text_copy(attr.name, sizeof(attr.name), name);
	text_append(attr.owner, sizeof(attr.owner), "%s%s", kind, owner);
	return attr;
}

struct attr attr_of_function(struct bdf bdf, const char *name)
{
	char address[BDF_STRLEN];
	struct attr attr;

	bdf_format(bdf, address);
	attr = make_attr(name, "", address, "bus/pci/devices/%s/%s", address, name);
	attr.function = bdf;
	return attr;
}

struct attr attr_of_driver(const char *driver, const char *name)
{
	/* One part of a path, or no path at all. */
	if (driver[0] == '\0' || strchr(driver, '/') || driver[0] == '.')
		return make_attr(name, "driver ", driver, "%s", "");
	return make_attr(name, "driver ", driver, "bus/pci/drivers/%s/%s", driver, name);
}

struct attr attr_of_bus(const char *name)
{
	return make_attr(name, "", "", "bus/pci/%s", name);
}

static int failed(int root, const struct attr *attr, int code, struct tio_error *err,
		  const char *doing)
{
	if ((code == -ENOENT || code == -ENODEV) && attr->function.valid &&
	    sysfs_check_function(root, attr->function, err) < 0)
		return error_wrap(err, -ENODEV, "%s%s", doing, attr->name);

	error_set(err, code, "%s%s%s%s: %s", doing, attr->name, attr->owner[0] ? " of " : "",
		  attr->owner, strerror(-code));
	if (err)
		text_copy(err->attribute, sizeof(err->attribute), attr->name);
	return code;
}

int sysfs_read(int root, const struct attr *attr, char *buf, size_t size, struct tio_error *err)
{
	int r = attr_read(root, attr->path, buf, size);

	return r < 0 ? failed(root, attr, r, err, "read ") : 0;
}

int sysfs_write(int root, const struct attr *attr, const char *value, struct tio_error *err)
{
	auto_close int fd = -1;
	char doing[128] = "";
	size_t size = strlen(value);
	int code = 0;
	ssize_t n;

	text_append(doing, sizeof(doing), "write \"%.*s\" to ", (int)strcspn(value, "\n"),
		    value);
	fd = open_attr(root, attr->path, O_WRONLY);
	if (fd < 0)
		return failed(root, attr, fd, err, doing);

	n = write(fd, value, size);
	if (n < 0)
		code = -errno;
	else if ((size_t)n != size)
		code = -EIO;
	return code < 0 ? failed(root, attr, code, err, doing) : 0;
}

int sysfs_mismatch(const struct attr *attr, int code, const char *wanted, const char *found,
		   struct tio_error *err)
{
	error_set(err, code, "\"%s\" was written to %s%s%s, but it holds \"%s\"", wanted,
		  attr->name, attr->owner[0] ? " of " : "", attr->owner, found);
	if (err)
		text_copy(err->attribute, sizeof(err->attribute), attr->name);
	return code;
}

int sysfs_check_function(int root, struct bdf bdf, struct tio_error *err)
{
	struct attr attr = attr_of_function(bdf, "uevent");

	if (attr_exists(root, attr.path))
		return 0;
	error_kind_set(err, ERROR_NO_FUNCTION, -ENODEV, "there is no PCI function %s",
		       attr.owner);
	if (err)
		err->function = bdf;
	return -ENODEV;
}
