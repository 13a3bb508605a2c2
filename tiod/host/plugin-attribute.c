/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/plugin-process.h"

#define PATH_LENGTH_MAX 120

/*
 * Reading these touches the card (BARs, ROM, VPD) or waits for a connect of any other card
 * (tsm/).
 */
static bool is_forbidden(const char *attribute)
{
	static const char *const names[] = { "tsm", "rom", "vpd" };
	size_t length = strcspn(attribute, "/");

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == length && strncmp(names[i], attribute, length) == 0)
			return true;
	return strncmp(attribute, "resource", 8) == 0 && strcmp(attribute, "resource") != 0;
}

/* Relative, printable, and nothing but names between the slashes. */
static bool is_proper(const char *path)
{
	size_t length;

	if (strlen(path) > PATH_LENGTH_MAX)
		return false;
	for (;; path += length + 1) {
		length = strcspn(path, "/");
		if (length == 0 || path[0] == '.')
			return false;
		for (size_t i = 0; i < length; i++)
			if (path[i] <= ' ' || path[i] > '~')
				return false;
		if (!path[length])
			return true;
	}
}

/* Links may lead on within the folder only: "driver/…" and "physfn/…" are others' folders. */
static int open_beneath(int folder, const char *attribute)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS |
					   RESOLVE_NO_XDEV };
	long fd = syscall(SYS_openat2, folder, attribute, &how, sizeof(how));

	if (fd < 0)
		return errno == EXDEV || errno == ELOOP ? -EPERM : -errno;
	return (int)fd;
}

int plugin_attribute_read(int sys_fd, struct bdf bdf, const char *attribute, char *buf)
{
	auto_close int folder = -1, fd = -1;
	char path[64], name[BDF_STRLEN], bytes[PLUGIN_ATTRIBUTE_MAX + 1];
	struct stat st;
	ssize_t n;

	if (!is_proper(attribute) || is_forbidden(attribute))
		return -EPERM;
	snprintf(path, sizeof(path), "bus/pci/devices/%s", bdf_format(bdf, name));
	folder = openat(sys_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return -errno;
	fd = open_beneath(folder, attribute);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EPERM;
	n = read(fd, bytes, sizeof(bytes));
	if (n < 0)
		return -errno;
	if (n > PLUGIN_ATTRIBUTE_MAX)
		return -EFBIG;
	memcpy(buf, bytes, (size_t)n);
	/* Config space is no text. */
	if (n > 0 && buf[n - 1] == '\n' && strcmp(attribute, "config") != 0)
		n--;
	return (int)n;
}
