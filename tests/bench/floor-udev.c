/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a program does that only wants to know which PCI functions there are: libudev's
 * enumeration, and the properties of each.
 */

#include "floor.h"

#include <libudev.h>
#include <stdio.h>

static unsigned long count_properties(struct udev_device *device)
{
	struct udev_list_entry *entry;
	unsigned long n = 0;

	udev_list_entry_foreach(entry, udev_device_get_properties_list_entry(device))
		n += udev_list_entry_get_value(entry) != NULL;
	return n;
}

int floor_udev(char **args)
{
	double start = floor_now();
	struct udev *udev = udev_new();
	struct udev_enumerate *enumerate = udev ? udev_enumerate_new(udev) : NULL;
	struct udev_list_entry *entry;
	unsigned long functions = 0, properties = 0;

	(void)args;
	if (!enumerate || udev_enumerate_add_match_subsystem(enumerate, "pci") < 0 ||
	    udev_enumerate_scan_devices(enumerate) < 0)
		floor_die("libudev cannot list PCI functions");
	udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(enumerate))
	{
		struct udev_device *device = udev_device_new_from_syspath(
			udev, udev_list_entry_get_name(entry));

		if (!device)
			continue;
		functions++;
		properties += count_properties(device);
		udev_device_unref(device);
	}
	udev_enumerate_unref(enumerate);
	udev_unref(udev);
	printf("{\"usec\": %.0f, \"functions\": %lu, \"properties\": %lu}\n",
	       floor_now() - start, functions, properties);
	return 0;
}
