/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/driver.h"
#include "model/host.h"
#include "model/tsm.h"

struct iommu_group {
	int number;
	long long label; /* of the description, -1 for a group of one */
	int members;
	const char *type;
	struct node *dir, *devices;
	struct iommu_group *next;
};

static struct iommu_group *groups;
static struct pool numbers;

int iommu_number(const struct iommu_group *group)
{
	return group->number;
}

/* --- type: of the domain that the kernel's own drivers work in --- */

#define TYPE_DEFAULT "DMA-FQ"

static bool is_word(const char *buf, const char *word)
{
	size_t n = strlen(word);

	return strncmp(buf, word, n) == 0 && (!buf[n] || strcmp(buf + n, "\n") == 0);
}

/* The type that @buf asks for, or NULL. */
static const char *wanted_type(const char *buf)
{
	static const char *const types[] = { "identity", "DMA", "DMA-FQ" };

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (is_word(buf, types[i]))
			return types[i];
	return is_word(buf, "auto") ? TYPE_DEFAULT : NULL;
}

/* Does a driver use the domain?  Those that leave DMA to others don't. */
static bool used(const struct iommu_group *group)
{
	for (const struct pci_dev *dev = pci_first(); dev; dev = dev->next)
		if (dev->group == group && dev->driver && !driver_leaves_dma(dev->driver))
			return true;
	return false;
}

static ssize_t type_show(void *obj, const struct sim_caller *who, char *buf)
{
	return snprintf(buf, SIM_ATTR_MAX, "%s\n", ((struct iommu_group *)obj)->type);
}

static int type_store(void *obj, const struct sim_caller *who, const char *buf, size_t size)
{
	struct iommu_group *group = obj;
	const char *type = wanted_type(buf);

	if (!who->sys_admin)
		return -EACCES;
	if (!type)
		return -EINVAL;
	/* From DMA to DMA-FQ is the one way that is open under a driver. */
	if (used(group) && !(strcmp(type, "DMA-FQ") == 0 && strcmp(group->type, "DMA") == 0))
		return -EPERM;
	group->type = type;
	return 0;
}

static const struct attribute group_attrs[] = {
	{ "type", 0644, { .show = type_show, .store = type_store } },
	{ NULL },
};

/* --- Groups --- */

static struct iommu_group *group_new(long long label)
{
	struct iommu_group *group = calloc(1, sizeof(*group));
	char name[16];

	group->label = label;
	group->number = pool_take(&numbers, 0);
	snprintf(name, sizeof(name), "%d", group->number);
	group->dir = tree_dir(sys_dir("kernel/iommu_groups"), name);
	group->devices = tree_dir(group->dir, "devices");
	group->type = TYPE_DEFAULT;
	attributes_add(group->dir, group_attrs, group);
	tree_text(group->dir, "reserved_regions",
		  "0x00000000fee00000 0x00000000feefffff msi\n");
	group->next = groups;
	groups = group;
	return group;
}

static void group_drop(struct iommu_group *group)
{
	struct iommu_group **at;

	for (at = &groups; *at != group; at = &(*at)->next)
		;
	*at = group->next;
	tree_remove(group->dir);
	pool_drop(&numbers, group->number);
	free(group);
}

/* Functions with the same "group" share one; all others and VFs have their own. */
static struct iommu_group *group_for(const struct pci_dev *dev)
{
	long long label = dev->physfn ? -1 : desc_int(dev->desc, "group", -1);

	for (struct iommu_group *group = groups; group && label >= 0; group = group->next)
		if (group->label == label)
			return group;
	return group_new(label);
}

void iommu_add(struct pci_dev *dev)
{
	if (!host.iommu || desc_bool(dev->desc, "no_iommu", false))
		return;
	dev->group = group_for(dev);
	dev->group->members++;
	tree_link_to(dev->device.dir, "iommu_group", dev->group->dir);
	tree_link_to(dev->group->devices, dev->device.name, dev->device.dir);
}

void iommu_remove(struct pci_dev *dev)
{
	struct node *link;

	if (!dev->group)
		return;
	link = tree_find(dev->group->devices, dev->device.name);
	if (link)
		tree_remove(link);
	link = tree_find(dev->device.dir, "iommu_group");
	if (link)
		tree_remove(link);
	if (--dev->group->members == 0)
		group_drop(dev->group);
	dev->group = NULL;
}
