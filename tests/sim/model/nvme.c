/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/driver.h"
#include "model/host.h"

#define NVME_MAJOR 242
#define SECTOR     512

static struct pool instances;

struct disk_part {
	int number;
	struct node *in_block; /* the link below /sys/block, of a whole disk */
};

static void part_uevent(const struct device *device, struct env *env)
{
	const struct kid *kid = (const struct kid *)device;

	env_add(env, "PARTN=%d", ((const struct disk_part *)kid->data)->number);
}

static const struct device_type nvme_type = { .subsystem = "nvme" };
static const struct device_type disk_type = { .subsystem = "block", .devtype = "disk" };
static const struct device_type part_type = {
	.subsystem = "block",
	.devtype = "partition",
	.uevent = part_uevent,
};

static void part_gone(struct kid *kid)
{
	struct disk_part *part = kid->data;

	if (part->in_block)
		tree_remove(part->in_block);
	free(part);
}

/* A disk or partition of @name below @parent. */
static struct kid *block_new(struct pci_dev *dev, const struct device_type *type,
			     struct node *parent, const char *name, unsigned long long bytes)
{
	struct kid *kid = kid_new(dev, type);
	struct disk_part *part = calloc(1, sizeof(*part));

	kid->data = part;
	kid->gone = part_gone;
	/*
	 * No number, as the kernel has it for disks that nobody can open: there is no block
	 * device that could be claimed.
	 */
	snprintf(kid->device.name, sizeof(kid->device.name), "%s", name);
	snprintf(kid->device.devname, sizeof(kid->device.devname), "%s", name);
	device_add(&kid->device, parent, false);
	attr_printf(kid->device.dir, "size", "%llu\n", bytes / SECTOR);
	tree_text(kid->device.dir, "ro", "0\n");
	tree_dir(kid->device.dir, "holders");
	return kid;
}

static void add_partitions(struct pci_dev *dev, struct kid *disk, const json_t *desc)
{
	const json_t *sizes = json_object_get(desc, "partitions"), *size;
	unsigned long long start = 1ull << 20;
	size_t i;

	json_array_foreach(sizes, i, size)
	{
		unsigned long long bytes = desc_size(json_string_value(size));
		char name[64];
		struct kid *kid;

		snprintf(name, sizeof(name), "%sp%u", disk->device.name, (unsigned int)i + 1);
		kid = block_new(dev, &part_type, disk->device.dir, name, bytes);
		((struct disk_part *)kid->data)->number = (int)i + 1;
		attr_printf(kid->device.dir, "partition", "%zu\n", i + 1);
		attr_printf(kid->device.dir, "start", "%llu\n", start / SECTOR);
		device_event(&kid->device, "add");
		start += bytes;
	}
}

static void add_disk(struct pci_dev *dev, struct node *controller, const json_t *desc,
		     int instance, size_t index)
{
	struct disk_part *part;
	struct kid *disk;
	struct node *queue;
	char name[48];

	snprintf(name, sizeof(name), "nvme%dn%zu", instance, index + 1);
	disk = block_new(dev, &disk_type, controller, name,
			 desc_size(desc_text(desc, "size", "0")));
	part = disk->data;
	part->in_block = tree_link_to(sys_dir("block"), name, disk->device.dir);
	tree_link_to(disk->device.dir, "device", controller);
	tree_dir(disk->device.dir, "slaves");
	tree_text(disk->device.dir, "removable", "0\n");
	queue = tree_dir(disk->device.dir, "queue");
	tree_text(queue, "rotational", "0\n");
	tree_text(queue, "logical_block_size", "512\n");
	device_event(&disk->device, "add");
	add_partitions(dev, disk, desc);
}

static int nvme_probe(struct pci_dev *dev)
{
	const json_t *desc = json_object_get(dev->desc, "nvme"), *namespace;
	struct kid *kid = kid_new(dev, &nvme_type);
	int instance = kid_number(kid, &instances, 0);
	struct node *dir;
	size_t i;

	kid->device.major = NVME_MAJOR;
	kid->device.minor = instance;
	snprintf(kid->device.name, sizeof(kid->device.name), "nvme%d", instance);
	snprintf(kid->device.devname, sizeof(kid->device.devname), "nvme%d", instance);
	device_add(&kid->device, dev->device.dir, true);
	dir = kid->device.dir;
	attr_printf(dir, "model", "%-40s\n", desc_text(desc, "model", "Simulated NVMe drive"));
	attr_printf(dir, "serial", "%-20s\n", desc_text(desc, "serial", "SIM0"));
	tree_text(dir, "firmware_rev", "1.0     \n");
	tree_text(dir, "transport", "pcie\n");
	tree_text(dir, "state", "live\n");
	attr_printf(dir, "address", "%s\n", dev->device.name);
	tree_link_to(dir, "device", dev->device.dir);
	device_event(&kid->device, "add");
	json_array_foreach(json_object_get(desc, "namespaces"), i, namespace) if (!dev->physfn)
		add_disk(dev, dir, namespace, instance, i);
	return 0;
}

const struct driver_kind nvme_kind = { .name = "nvme", .probe = nvme_probe };
