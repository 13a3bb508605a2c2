/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/driver.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "core/function.h"
#include "host/sysfs.h"

/*
 * The kernel answers EAGAIN between the add event of a device and the end of its
 * registration: a matter of milliseconds.
 */
#define DEFERRED_TRIES    40
#define DEFERRED_PAUSE_MS 25

static int write_until_ready(int root, const struct attr *attr, const char *value,
			     struct tio_error *err)
{
	const struct timespec pause = { .tv_nsec = DEFERRED_PAUSE_MS * 1000000L };
	struct tio_error last = TIO_ERROR_NONE;
	int r = -EAGAIN;

	for (int i = 0; i < DEFERRED_TRIES && r == -EAGAIN; i++) {
		if (i > 0)
			nanosleep(&pause, NULL);
		r = sysfs_write(root, attr, value, &last);
	}
	if (r < 0 && err)
		*err = last;
	return r;
}

/* The driver's name, "" for none. */
static int current_driver(int root, struct bdf bdf, char *buf, size_t size,
			  struct tio_error *err)
{
	struct attr link = attr_of_function(bdf, "driver");
	int r = attr_read_link_name(root, link.path, buf, size);

	if (r == -ENOENT)
		return sysfs_check_function(root, bdf, err);
	if (r < 0)
		return error_set(err, r, "read the driver of %s: %s", link.owner, strerror(-r));
	return 0;
}

int driver_set_override(int root, struct bdf bdf, const char *driver, struct tio_error *err)
{
	struct attr attr = attr_of_function(bdf, "driver_override");
	char found[ATTR_SIZE_MAX];
	int r;

	if (strchr(driver, '\n'))
		return error_kind_set(err, ERROR_INVALID, -EINVAL, "no driver is called \"%s\"",
				      driver);
	/* A write of nothing would not reach the kernel: an empty line clears. */
	r = sysfs_write(root, &attr, driver[0] ? driver : "\n", err);
	if (r < 0)
		return r;
	r = sysfs_read(root, &attr, found, sizeof(found), err);
	if (r < 0)
		return r;
	if (strcmp(found, "(null)") == 0)
		found[0] = '\0';
	if (strcmp(found, driver) != 0)
		return sysfs_mismatch(&attr, -EPROTO, driver, found, err);
	return 0;
}

int driver_unbind(int root, struct bdf bdf, struct tio_error *err)
{
	struct attr attr = attr_of_function(bdf, "driver/unbind");
	char now[DRIVER_NAME_MAX];
	int r;

	r = current_driver(root, bdf, now, sizeof(now), err);
	if (r < 0 || !now[0])
		return r;
	text_copy(attr.name, sizeof(attr.name), "unbind");
	r = sysfs_write(root, &attr, attr.owner, err);
	if (r < 0)
		return r;

	r = current_driver(root, bdf, now, sizeof(now), err);
	if (r < 0 || !now[0])
		return r;
	error_set(err, -EPROTO, "unbind of %s was told to let go of it, but %s still has it",
		  attr.owner, now);
	if (err)
		text_copy(err->attribute, sizeof(err->attribute), "unbind");
	return -EPROTO;
}

/* The write is over: did it do what it says? */
static int check_bound(int root, struct bdf bdf, const struct attr *attr, const char *driver,
		       struct tio_error *err)
{
	char now[DRIVER_NAME_MAX], address[BDF_STRLEN];
	int r;

	r = current_driver(root, bdf, now, sizeof(now), err);
	if (r < 0)
		return r;
	if (strcmp(now, driver) == 0)
		return 0;
	error_set(err, -EPROTO, "%s was written to bind of driver %s, but %s%s",
		  bdf_format(bdf, address), driver,
		  now[0] ? "the function's driver is " : "it has no driver", now);
	if (err)
		text_copy(err->attribute, sizeof(err->attribute), attr->name);
	return -EPROTO;
}

int driver_bind(int root, struct bdf bdf, const char *driver, struct tio_error *err)
{
	struct attr attr = attr_of_driver(driver, "bind");
	char now[DRIVER_NAME_MAX], address[BDF_STRLEN];
	struct tio_error refused = TIO_ERROR_NONE;
	int r;

	r = current_driver(root, bdf, now, sizeof(now), err);
	if (r < 0)
		return r;
	if (strcmp(now, driver) == 0 && driver[0])
		return 0;

	r = write_until_ready(root, &attr, bdf_format(bdf, address), &refused);
	/* Busy with the very driver: udev or the kernel's own probe came first. */
	if (r == 0 || (r == -EBUSY && check_bound(root, bdf, &attr, driver, NULL) == 0))
		return check_bound(root, bdf, &attr, driver, err);
	if (err)
		*err = refused;
	return r;
}

int driver_probe(int root, struct bdf bdf, struct tio_error *err)
{
	struct attr attr = attr_of_bus("drivers_probe");
	char address[BDF_STRLEN];

	return write_until_ready(root, &attr, bdf_format(bdf, address), err);
}
