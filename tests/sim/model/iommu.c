/* SPDX-License-Identifier: GPL-2.0-or-later */
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
	struct node *dir, *devices;
	struct iommu_group *next;
};

static struct iommu_group *groups;
static struct pool numbers;

int iommu_number(const struct iommu_group *group)
{
	return group->number;
}

static struct iommu_group *group_new(long long label)
{
	struct iommu_group *group = calloc(1, sizeof(*group));
	char name[16];

	group->label = label;
	group->number = pool_take(&numbers, 0);
	snprintf(name, sizeof(name), "%d", group->number);
	group->dir = tree_dir(sys_dir("kernel/iommu_groups"), name);
	group->devices = tree_dir(group->dir, "devices");
	tree_text(group->dir, "type", "DMA-FQ\n");
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
