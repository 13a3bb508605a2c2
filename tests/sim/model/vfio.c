/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/driver.h"
#include "model/host.h"
#include "model/tsm.h"

#define VFIO_CDEV_MAJOR  511
#define VFIO_GROUP_MAJOR 244
#define MISC_MAJOR       10
#define VFIO_MINOR       196
#define IOMMU_MINOR      124

static const struct device_type vfio_dev_type = { .subsystem = "vfio-dev" };
static const struct device_type group_type = { .subsystem = "vfio" };
static const struct device_type misc_type = { .subsystem = "misc" };

/* The legacy node of a group: there while vfio has one of its devices. */
struct vfio_group {
	struct device device;
	int number, devices, users;
	struct node *node;
	struct vfio_group *next;
};

/* The use of one function by vfio. */
struct vfio {
	struct pci_dev *dev;
	struct vfio_group *group;
	struct node *node;
	long long usable_ms;
	int users;
	bool finished;
};

static struct vfio_group *vfio_groups;
static struct pool vfio_numbers;

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ll + ts.tv_nsec / 1000000;
}

#define CDEV_DIR "vfio/devices"

static int cdevs;

/* devtmpfs takes a directory away with the last node in it. */
static void cdev_node_drop(struct node **node)
{
	if (!*node)
		return;
	tree_remove(*node);
	*node = NULL;
	if (--cdevs == 0)
		tree_remove(dir_make(tree_root("dev"), CDEV_DIR));
}

static void drop_node(struct node **node)
{
	if (*node)
		tree_remove(*node);
	*node = NULL;
}

/* --- Nodes --- */

static int cdev_open(void *obj, const struct sim_caller *who)
{
	struct vfio *vfio = obj;

	if (vfio->finished || now_ms() < vfio->usable_ms)
		return -ENODEV;
	vfio->users++;
	return 0;
}

static void cdev_release(void *obj, const struct sim_caller *who)
{
	((struct vfio *)obj)->users--;
	sim_wake();
}

static int group_open(void *obj, const struct sim_caller *who)
{
	struct vfio_group *group = obj;

	if (group->users > 0)
		return -EBUSY;
	group->users++;
	return 0;
}

static void group_release(void *obj, const struct sim_caller *who)
{
	((struct vfio_group *)obj)->users--;
	sim_wake();
}

static int any_open(void *obj, const struct sim_caller *who)
{
	return 0;
}

static const struct node_ops cdev_ops = { .open = cdev_open, .release = cdev_release };
static const struct node_ops group_ops = { .open = group_open, .release = group_release };
static const struct node_ops misc_ops = { .open = any_open };

/* --- Groups --- */

static struct vfio_group *group_get(int number)
{
	struct vfio_group *group = vfio_groups;

	while (group && group->number != number)
		group = group->next;
	if (!group) {
		group = calloc(1, sizeof(*group));
		group->number = number;
		group->next = vfio_groups;
		vfio_groups = group;
	}
	if (group->devices++ > 0)
		return group;

	group->device.type = &group_type;
	group->device.major = VFIO_GROUP_MAJOR;
	group->device.minor = number;
	snprintf(group->device.name, sizeof(group->device.name), "%d", number);
	snprintf(group->device.devname, sizeof(group->device.devname), "vfio/%d", number);
	device_add(&group->device, sys_dir("devices/virtual/vfio"), false);
	group->node = tree_attr(dir_make(tree_root("dev"), "vfio"), group->device.name, 0600,
				&group_ops, group);
	device_event(&group->device, "add");
	return group;
}

static void group_put(struct vfio_group *group)
{
	if (!group || --group->devices > 0)
		return;
	drop_node(&group->node);
	device_remove(&group->device);
}

/* --- Binding and unbinding --- */

int vfio_users(const struct pci_dev *dev)
{
	const struct vfio *vfio = dev->driver_data;

	return dev->driver && dev->driver->kind == &vfio_kind && vfio ? vfio->users : 0;
}

void vfio_hold(struct pci_dev *dev, int change)
{
	struct vfio *vfio = dev->driver_data;

	if (vfio && dev->driver && dev->driver->kind == &vfio_kind && vfio->users + change >= 0)
		vfio->users += change;
	sim_wake();
}

static long long settle_ms(const struct pci_dev *dev)
{
	long long ms = desc_int(dev->driver->desc, "settle_ms", 0);

	return (long long)((double)desc_int(dev->desc, "settle_ms", ms) * host.speed);
}

static void cdev_add(struct vfio *vfio)
{
	struct kid *kid = kid_new(vfio->dev, &vfio_dev_type);
	int number = kid_number(kid, &vfio_numbers, 0);

	snprintf(kid->device.name, sizeof(kid->device.name), "vfio%d", number);
	if (host.vfio_cdev) {
		kid->device.major = VFIO_CDEV_MAJOR;
		kid->device.minor = number;
		snprintf(kid->device.devname, sizeof(kid->device.devname), CDEV_DIR "/vfio%d",
			 number);
		cdevs++;
		vfio->node = tree_attr(dir_make(tree_root("dev"), CDEV_DIR), kid->device.name,
				       0600, &cdev_ops, vfio);
	}
	device_add(&kid->device, vfio->dev->device.dir, true);
	tree_link_to(kid->device.dir, "device", vfio->dev->device.dir);
	device_event(&kid->device, "add");
}

static int vfio_probe(struct pci_dev *dev)
{
	struct vfio *vfio;

	if (pci_is_bridge(dev) || !dev->group)
		return -EINVAL;
	if (dev->sriov.numvfs > 0)
		return -EBUSY;
	vfio = calloc(1, sizeof(*vfio));
	vfio->dev = dev;
	vfio->usable_ms = now_ms() + settle_ms(dev);
	dev->driver_data = vfio;
	dev->power_on = false; /* pm_runtime_allow() */
	if (host.vfio_group)
		vfio->group = group_get(iommu_number(dev->group));
	cdev_add(vfio);
	return 0;
}

/*
 * No new users, then wait for those there are: the kernel asks them to let go every ten
 * seconds, and a signal only makes it wait uninterruptibly.
 */
static void vfio_remove(struct pci_dev *dev)
{
	struct vfio *vfio = dev->driver_data;

	dev->power_on = true; /* pm_runtime_forbid() */
	cdev_node_drop(&vfio->node);
	group_put(vfio->group);
	vfio->finished = true;
	if (dev->kids)
		device_remove(&dev->kids->device);
	while (vfio->users > 0 || (vfio->group && vfio->group->users > 0))
		if (sim_wait(-1, SIM_UNINTERRUPTIBLE) < 0)
			break;
	dev->driver_data = NULL;
	free(vfio);
}

const struct driver_kind vfio_kind = { "vfio", vfio_probe, vfio_remove };

/* --- /dev/iommu and /dev/vfio/vfio --- */

struct misc {
	struct device device;
	struct node *node;
};

static void misc_set(struct misc *misc, bool present, const char *dir, mode_t mode)
{
	if (!present) {
		drop_node(&misc->node);
		device_remove(&misc->device);
		return;
	}
	misc->device.type = &misc_type;
	misc->device.major = MISC_MAJOR;
	device_add(&misc->device, sys_dir("devices/virtual/misc"), false);
	misc->node = tree_attr(dir_make(tree_root("dev"), dir), misc->device.name, mode,
			       &misc_ops, misc);
	device_event(&misc->device, "add");
}

void vfio_iommufd(bool present)
{
	static struct misc misc = {
		.device = { .name = "iommu", .devname = "iommu", .minor = IOMMU_MINOR },
	};

	misc_set(&misc, present, "", 0660);
}

void vfio_container(bool present)
{
	static struct misc misc = {
		.device = { .name = "vfio", .devname = "vfio/vfio", .minor = VFIO_MINOR },
	};

	static const char *const dirs[] = { "class/vfio", "class/vfio-dev",
					    "devices/virtual/vfio" };

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (present)
			sys_dir(dirs[i]);
		else
			tree_remove(sys_dir(dirs[i]));
	}
	if (host.vfio_container)
		misc_set(&misc, present, "vfio", 0666);
}
