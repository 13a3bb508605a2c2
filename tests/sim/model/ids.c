/* SPDX-License-Identifier: GPL-2.0-or-later */
/* new_id and remove_id: the IDs that a driver takes besides those of its own table. */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/driver.h"

#define ANY (~0u)

struct dynamic_id {
	unsigned int vendor, device, subvendor, subdevice, class, mask;
	struct dynamic_id *next;
};

static bool same_or_any(unsigned int wanted, unsigned int is)
{
	return wanted == ANY || wanted == is;
}

static bool id_matches(const struct dynamic_id *id, const struct pci_dev *dev)
{
	return same_or_any(id->vendor, dev->vendor) && same_or_any(id->device, dev->id) &&
	       same_or_any(id->subvendor, dev->subvendor) &&
	       same_or_any(id->subdevice, dev->subid) && !((id->class ^ dev->class) & id->mask);
}

bool ids_match(const struct pci_driver *driver, const struct pci_dev *dev)
{
	const json_t *ids = json_object_get(driver->desc, "ids"), *id;
	char modalias[80];
	size_t i;

	driver_modalias(dev, modalias, sizeof(modalias));
	json_array_foreach(ids, i, id) if (fnmatch(json_string_value(id), modalias, 0) ==
					   0) return true;
	for (const struct dynamic_id *own = driver->ids; own; own = own->next)
		if (id_matches(own, dev))
			return true;
	return false;
}

/* How many fields there were: two at least, else -EINVAL. */
static int parse_id(const char *buf, struct dynamic_id *id, unsigned long *data)
{
	char text[SIM_ATTR_MAX + 1];
	int n;

	/* The kernel's %x knows no sign. */
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(buf, "-"), buf);
	*id = (struct dynamic_id){ .subvendor = ANY, .subdevice = ANY };
	n = sscanf(text, "%x %x %x %x %x %x %lx", &id->vendor, &id->device, &id->subvendor,
		   &id->subdevice, &id->class, &id->mask, data);
	return n < 2 ? -EINVAL : n;
}

/* A device that is nothing but what the ID says must not be taken already. */
static int check_new(const struct pci_driver *driver, const struct dynamic_id *id)
{
	const struct pci_dev fake = {
		.vendor = (uint16_t)id->vendor,
		.id = (uint16_t)id->device,
		.subvendor = (uint16_t)id->subvendor,
		.subid = (uint16_t)id->subdevice,
		.class = id->class,
	};

	return ids_match(driver, &fake) ? -EEXIST : 0;
}

int ids_add(struct pci_driver *driver, const char *buf)
{
	bool has_table = json_array_size(json_object_get(driver->desc, "ids")) > 0;
	struct dynamic_id id, **end = &driver->ids;
	unsigned long data = 0;
	int n = parse_id(buf, &id, &data), r = 0;

	if (n < 0)
		return n;
	if (n != 7)
		r = check_new(driver, &id);
	if (r < 0)
		return r;
	/* The data must be what some entry of the driver's table has. */
	if (has_table && data)
		return -EINVAL;
	while (*end)
		end = &(*end)->next;
	*end = malloc(sizeof(**end));
	**end = id;
	return 0;
}

int ids_remove(struct pci_driver *driver, const char *buf)
{
	struct dynamic_id wanted;
	unsigned long data;

	if (parse_id(buf, &wanted, &data) < 0)
		return -EINVAL;
	for (struct dynamic_id **at = &driver->ids; *at; at = &(*at)->next) {
		struct dynamic_id *id = *at;

		if (id->vendor != wanted.vendor || id->device != wanted.device ||
		    !same_or_any(wanted.subvendor, id->subvendor) ||
		    !same_or_any(wanted.subdevice, id->subdevice) ||
		    ((id->class ^ wanted.class) & wanted.mask))
			continue;
		*at = id->next;
		free(id);
		return 0;
	}
	return -ENODEV;
}
