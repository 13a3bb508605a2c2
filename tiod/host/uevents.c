/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/uevents.h"

#include <errno.h>
#include <libudev.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "host/topology.h"

/* 4096 functions make some 12000 events at once; libudev asks for less by default. */
#define RECEIVE_BUFFER (128 * 1024 * 1024)

struct uevents {
	struct udev *udev;            /* owned */
	struct udev_monitor *monitor; /* owned */
};

static const char *const subsystems[] = { "pci", "tsm", "vfio-dev" };

/* udevd sends its events on another group than the kernel; without it that one is silent. */
static const char *event_source(void)
{
	return access(UEVENTS_UDEV_FOLDER "/" UEVENTS_UDEV_SOCKET, F_OK) == 0 ? "udev" : "kernel";
}

static int start(struct uevents *uevents)
{
	int r;

	uevents->udev = udev_new();
	if (!uevents->udev)
		return -ENOMEM;
	uevents->monitor = udev_monitor_new_from_netlink(uevents->udev, event_source());
	if (!uevents->monitor)
		return errno ? -errno : -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(subsystems); i++) {
		r = udev_monitor_filter_add_match_subsystem_devtype(uevents->monitor,
								    subsystems[i], NULL);
		if (r < 0)
			return r;
	}
	/* A smaller one, which an ordinary user gets, only makes lost events more likely. */
	(void)udev_monitor_set_receive_buffer_size(uevents->monitor, RECEIVE_BUFFER);
	return udev_monitor_enable_receiving(uevents->monitor);
}

int uevents_new(struct uevents **ret, struct tio_error *err)
{
	struct uevents *uevents = calloc(1, sizeof(*uevents));
	int r;

	if (!uevents)
		return error_set(err, -ENOMEM, "out of memory");
	errno = 0;
	r = start(uevents);
	if (r < 0) {
		uevents_free(uevents);
		return error_set(err, r, "listen to the kernel's device events: %s",
				 strerror(-r));
	}
	*ret = uevents;
	return 0;
}

void uevents_free(struct uevents *uevents)
{
	if (!uevents)
		return;
	udev_monitor_unref(uevents->monitor);
	udev_unref(uevents->udev);
	free(uevents);
}

int uevents_fd(const struct uevents *uevents)
{
	return udev_monitor_get_fd(uevents->monitor);
}

static void describe(struct udev_device *device, struct uevent *ret)
{
	const char *subsystem = udev_device_get_subsystem(device);
	const char *name = udev_device_get_sysname(device);
	const char *path = udev_device_get_devpath(device);
	const char *action = udev_device_get_action(device);
	struct topology place;

	text_copy(ret->action, sizeof(ret->action), action ? action : "");
	if (!subsystem || !name || !path)
		return;
	if (strcmp(subsystem, "tsm") == 0) {
		ret->kind = UEVENT_TSM;
		text_copy(ret->tsm, sizeof(ret->tsm), name);
	} else if (strcmp(subsystem, "pci") == 0) {
		/* Bridges' secondary buses are of this subsystem too: "0000:e1". */
		if (bdf_parse(name, &ret->function) < 0)
			return;
		ret->kind = strcmp(ret->action, "remove") == 0 ? UEVENT_REMOVED
							       : UEVENT_FUNCTION;
	} else if (strcmp(subsystem, "vfio-dev") == 0 && topology_parse(path, &place) == 0) {
		ret->kind = UEVENT_FUNCTION;
		ret->function = place.last;
	}
}

int uevents_next(struct uevents *uevents, struct uevent *ret)
{
	struct udev_device *device;

	*ret = (struct uevent){ .kind = UEVENT_OTHER };
	if (!uevents)
		return 0;
	errno = 0;
	device = udev_monitor_receive_device(uevents->monitor);
	if (device) {
		describe(device, ret);
		udev_device_unref(device);
		return 1;
	}
	if (errno != ENOBUFS)
		return 0;
	ret->kind = UEVENT_LOST;
	return 1;
}

int uevents_property(dev_t number, const char *key, char *buf, size_t size)
{
	struct udev *udev = udev_new();
	struct udev_device *device;
	const char *value = NULL;

	device = udev ? udev_device_new_from_devnum(udev, 'b', number) : NULL;
	if (device)
		value = udev_device_get_property_value(device, key);
	if (value)
		text_copy(buf, size, value);
	udev_device_unref(device);
	udev_unref(udev);
	return value ? 0 : -ENODATA;
}
