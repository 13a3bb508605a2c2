/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/vfio.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/devnodes.h"
#include "host/sysfs.h"
#include "host/uevents.h"

/* An event may be missed or come before the node can be opened: look again this often. */
#define LOOK_AGAIN_MS 50

static bool folder_has_entries(int root, const char *path)
{
	auto_closedir DIR *folder = attr_open_folder(root, path);

	return folder && attr_next_entry(folder);
}

void vfio_read_host(const struct host *host, struct snapshot *snap)
{
	snap->iommu = folder_has_entries(host->sys_fd, "kernel/iommu_groups");
	/* Follows links: one that leads nowhere is no iommufd. */
	snap->iommufd = faccessat(host->dev_fd, "iommu", F_OK, 0) == 0;
	devnode_read_iommu(host, snap);
	snap->vfio_pci = attr_exists(host->sys_fd, "bus/pci/drivers/vfio-pci");
}

void vfio_read_cdev(int dir, struct function *f)
{
	auto_closedir DIR *folder = NULL;
	const char *name;
	char path[64];

	f->cdev[0] = '\0';
	f->cdev_node = false;
	if (!f->driver[0])
		return;
	folder = attr_open_folder(dir, "vfio-dev");
	while (folder && (name = attr_next_entry(folder))) {
		if (strncmp(name, "vfio", 4) != 0 || !text_copy(f->cdev, sizeof(f->cdev), name))
			continue;
		/* The folder is there without VFIO_DEVICE_CDEV too; the number is not. */
		snprintf(path, sizeof(path), "vfio-dev/%s/dev", f->cdev);
		f->cdev_node = attr_exists(dir, path);
		return;
	}
	f->cdev[0] = '\0';
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* 0: it can be opened; negative: why it can't, now. */
static int try_open(struct host *host, const struct function *f)
{
	auto_close int fd = -1;
	char path[64];

	snprintf(path, sizeof(path), "vfio/devices/%s", f->cdev);
	fd = openat(host->dev_fd, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd < 0 ? -errno : 0;
}

/* Asks the kernel once; -EAGAIN and the like: not yet. */
static int look(struct host *host, struct function *f, struct tio_error *err)
{
	struct attr folder = attr_of_function(f->bdf, "");
	auto_close int dir = openat(host->sys_fd, folder.path,
				    O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return sysfs_check_function(host->sys_fd, f->bdf, err) < 0 ? -ENODEV : -EAGAIN;
	if (attr_read_link_name(dir, "driver", f->driver, sizeof(f->driver)) < 0)
		f->driver[0] = '\0';
	vfio_read_cdev(dir, f);
	if (!f->cdev[0])
		return -EAGAIN;
	if (!f->cdev_node)
		return -ENOTSUP;
	return try_open(host, f) == 0 ? 0 : -EAGAIN;
}

static void drain(struct uevents *events)
{
	struct uevent event;

	while (uevents_next(events, &event) > 0)
		;
}

static void wait_for_event(struct uevents *events, int64_t ms)
{
	struct pollfd fd = { .fd = events ? uevents_fd(events) : -1, .events = POLLIN };

	if (poll(&fd, 1, (int)(ms < LOOK_AGAIN_MS ? ms : LOOK_AGAIN_MS)) > 0)
		drain(events);
}

static int open_failed(const struct function *f, int code, struct tio_error *err)
{
	char name[BDF_STRLEN];

	error_set(err, code, "open vfio/devices/%s of %s: %s", f->cdev,
		  bdf_format(f->bdf, name), strerror(-code));
	if (err)
		text_copy(err->attribute, sizeof(err->attribute), "cdev");
	return code;
}

static int timed_out(struct host *host, struct function *f, unsigned int timeout_ms,
		     struct tio_error *err)
{
	char name[BDF_STRLEN];
	int r;

	bdf_format(f->bdf, name);
	if (!f->cdev[0])
		return error_kind_set(err, ERROR_TIMEOUT, -ETIMEDOUT,
				      "%s got no VFIO device within %u ms (its driver is %s)",
				      name, timeout_ms, f->driver[0] ? f->driver : "none");
	r = try_open(host, f);
	return error_kind_set(err, ERROR_TIMEOUT, -ETIMEDOUT,
			      "vfio/devices/%s of %s could not be opened within %u ms: %s",
			      f->cdev, name, timeout_ms, strerror(r < 0 ? -r : ETIMEDOUT));
}

static int wait_loop(struct host *host, struct function *f, unsigned int timeout_ms,
		     struct uevents *events, struct tio_error *err)
{
	int64_t end = now_ms() + timeout_ms, left;
	char name[BDF_STRLEN];
	int r;

	for (;;) {
		r = look(host, f, err);
		if (r == 0 || r == -ENODEV)
			return r;
		if (r == -ENOTSUP)
			return error_kind_set(err, ERROR_NOT_READY, r,
					      "the kernel gave %s no device node: it was "
					      "built without CONFIG_VFIO_DEVICE_CDEV",
					      bdf_format(f->bdf, name));
		r = f->cdev[0] ? try_open(host, f) : 0;
		if (r == -EACCES || r == -EPERM)
			return open_failed(f, r, err);
		left = end - now_ms();
		if (left <= 0)
			return timed_out(host, f, timeout_ms, err);
		wait_for_event(events, left);
	}
}

int vfio_wait_cdev(struct host *host, struct function *f, unsigned int timeout_ms,
		   struct tio_error *err)
{
	struct uevents *events = NULL;
	int r;

	/* Without events it is a matter of looking more often; still an answer. */
	(void)uevents_new(&events, NULL);
	r = wait_loop(host, f, timeout_ms, events, err);
	uevents_free(events);
	return r;
}
