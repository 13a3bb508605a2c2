/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "model/driver.h"
#include "model/host.h"

/* --- Network interfaces: {"name", "address", "up", "speed"} of the function --- */

struct netdev {
	const char *address;
	bool up;
};

static void net_uevent(const struct device *device, struct env *env)
{
	const struct kid *kid = (const struct kid *)device;

	env_add(env, "INTERFACE=%s", device->name);
	env_add(env, "IFINDEX=%d", kid->numbers[0]);
}

static const struct device_type net_type = { .subsystem = "net", .uevent = net_uevent };
static struct pool ifindexes;

static void net_attributes(struct kid *kid, const json_t *desc, unsigned int index)
{
	struct node *dir = kid->device.dir;
	bool up = desc_bool(desc, "up", false);

	attr_printf(dir, "address", "%s\n", desc_text(desc, "address", "02:00:00:00:00:00"));
	attr_printf(dir, "ifindex", "%d\n", kid->numbers[0]);
	attr_printf(dir, "iflink", "%d\n", kid->numbers[0]);
	attr_printf(dir, "dev_port", "%u\n", index);
	attr_printf(dir, "flags", "0x%x\n", up ? 0x1003 : 0x1002);
	tree_text(dir, "operstate", up ? "up\n" : "down\n");
	tree_text(dir, "type", "1\n");
	tree_text(dir, "addr_assign_type", "0\n");
	tree_text(dir, "name_assign_type", "4\n");
	tree_text(dir, "dev_id", "0x0\n");
	tree_text(dir, "mtu", "1500\n");
	if (up) {
		tree_text(dir, "carrier", "1\n");
		attr_printf(dir, "speed", "%lld\n", desc_int(desc, "speed", 1000));
	}
	if (kid->owner->device.dir)
		tree_link_to(dir, "device", kid->owner->device.dir);
}

/* A VF's interface is named as udev's rules would, after its PF's. */
static int net_probe(struct pci_dev *dev)
{
	const json_t *desc = json_object_get(dev->desc, "net");
	struct kid *kid;
	const char *name = desc_text(desc, "name", NULL);

	if (!name)
		return 0;
	kid = kid_new(dev, &net_type);
	kid_number(kid, &ifindexes, 2);
	if (dev->physfn)
		snprintf(kid->device.name, sizeof(kid->device.name), "%.8sv%u", name,
			 dev->vf_index);
	else
		snprintf(kid->device.name, sizeof(kid->device.name), "%.15s", name);
	device_add(&kid->device, dev->device.dir, true);
	net_attributes(kid, dev->physfn ? NULL : desc, dev->physfn ? dev->vf_index : 0);
	device_event(&kid->device, "add");
	return 0;
}

const struct driver_kind net_kind = { .name = "net", .probe = net_probe };

/* --- Sound cards and display devices: numbered nodes and no more --- */

struct simple_class {
	struct device_type type;
	const char *name; /* with the number */
	const char *devname;
	int major, minor; /* plus the number */
	struct pool pool;
};

static void simple_add(struct pci_dev *dev, struct simple_class *class, struct node *parent,
		       bool glue)
{
	struct kid *kid = kid_new(dev, &class->type);
	int number = kid_number(kid, &class->pool, 0);

	snprintf(kid->device.name, sizeof(kid->device.name), "%s%d", class->name,
		 class->minor + number);
	if (class->major) {
		kid->device.major = class->major;
		kid->device.minor = class->minor + number;
		snprintf(kid->device.devname, sizeof(kid->device.devname), "%s%d",
			 class->devname, class->minor + number);
	}
	device_add(&kid->device, parent, glue);
	if (!class->major)
		attr_printf(kid->device.dir, "number", "%d\n", number);
	device_event(&kid->device, "add");
}

static int sound_probe(struct pci_dev *dev)
{
	static struct simple_class card = { { .subsystem = "sound" }, "card" };
	static struct simple_class control = {
		{ .subsystem = "sound" },
		"controlC",
		"snd/controlC",
		116,
	};

	simple_add(dev, &card, dev->device.dir, true);
	simple_add(dev, &control, dev->kids->device.dir, false);
	return 0;
}

static int drm_probe(struct pci_dev *dev)
{
	static struct simple_class card = {
		{ .subsystem = "drm", .devtype = "drm_minor" },
		"card",
		"dri/card",
		226,
	};
	static struct simple_class render = {
		{ .subsystem = "drm", .devtype = "drm_minor" },
		"renderD",
		"dri/renderD",
		226,
		128,
	};

	simple_add(dev, &card, dev->device.dir, true);
	if (dev->class >> 8 == 0x0302)
		simple_add(dev, &render, dev->device.dir, true);
	return 0;
}

const struct driver_kind sound_kind = { .name = "sound", .probe = sound_probe };
const struct driver_kind drm_kind = { .name = "drm", .probe = drm_probe };
