/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/config.h"
#include "model/host.h"
#include "model/tsm.h"

/* --- The host bridge's pool --- */

static ssize_t streams_show(void *obj, const struct sim_caller *who, char *buf)
{
	const struct host_bridge *bridge = obj;
	int left = bridge->streams_size;

	for (int i = 0; i < bridge->streams_size && i < bridge->streams.size; i++)
		left -= bridge->streams.used[i];
	return snprintf(buf, SIM_ATTR_MAX, "%d\n", left);
}

static const struct attribute bridge_attrs[] = {
	{ "available_secure_streams", 0444, { .show = streams_show } },
	{ NULL },
};

void ide_host_bridge(struct host_bridge *bridge)
{
	bridge->streams_size = (int)host.streams;
	if (bridge->streams_size > 0)
		attributes_add(bridge->device.dir, bridge_attrs, bridge);
}

static struct host_bridge *bridge_of(const char *address)
{
	struct host_bridge *bridge = host_bridge_first();

	while (bridge && strcmp(bridge->device.name + strlen("pci"), address) != 0)
		bridge = bridge->next;
	return bridge;
}

json_t *ide_set_streams(const json_t *command)
{
	struct host_bridge *bridge = bridge_of(desc_text(command, "bridge", ""));
	long long nr = desc_int(command, "nr", -1);

	if (!bridge || nr < 0 || nr > 256)
		return json_pack("{s:b,s:s}", "ok", 0, "error",
				 "no such host bridge, or \"nr\" is not 0 to 256");
	attributes_remove(bridge->device.dir, bridge_attrs);
	bridge->streams_size = (int)nr;
	if (nr > 0)
		attributes_add(bridge->device.dir, bridge_attrs, bridge);
	return json_pack("{s:b}", "ok", 1);
}

/* --- Selective blocks --- */

static unsigned int block_count(const struct pci_dev *dev)
{
	return 1 + (config_get(dev, dev->ide_cap + 4) >> 16 & 0xff);
}

static unsigned int block_at(const struct pci_dev *dev, int block)
{
	unsigned int first = dev->ide_cap + IDE_BLOCKS;
	unsigned int assoc = config_get(dev, first) & 0xf;

	return first + (unsigned int)block * IDE_BLOCK(assoc);
}

/* The index of a block without a stream, or -1. */
static int free_block(const struct pci_dev *dev)
{
	for (unsigned int i = 0; i < block_count(dev); i++)
		if (!(dev->ide_used & 1u << i))
			return (int)i;
	return -1;
}

/* --- What a card holds when it is found --- */

/* Registers that a disconnect didn't reach: the card keeps them until it loses power. */
struct left {
	char name[sizeof(((struct device *)0)->name)];
	size_t size;
	struct left *next;
	uint8_t bytes[];
};

static struct left *lefts;

static struct left **find_left(const char *name)
{
	struct left **at = &lefts;

	while (*at && strcmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

void ide_power_lost(const char *name)
{
	struct left **at = find_left(name), *left = *at;

	if (!left)
		return;
	*at = left->next;
	free(left);
}

static void leave_behind(const struct pci_dev *dev)
{
	size_t size = block_at(dev, (int)block_count(dev)) - dev->ide_cap;
	struct left *left = calloc(1, sizeof(*left) + size);

	ide_power_lost(dev->device.name);
	snprintf(left->name, sizeof(left->name), "%s", dev->device.name);
	left->size = size;
	memcpy(left->bytes, dev->config + dev->ide_cap, size);
	left->next = lefts;
	lefts = left;
}

/* An ID that is in use already is nobody's below this host bridge from then on. */
void ide_found(struct pci_dev *dev)
{
	const struct left *left = *find_left(dev->device.name);

	if (!dev->ide_cap)
		return;
	if (left)
		memcpy(dev->config + dev->ide_cap, left->bytes, left->size);
	for (unsigned int i = 0; i < block_count(dev); i++) {
		uint32_t ctl = config_get(dev, block_at(dev, (int)i) + IDE_CTL);

		if (!(ctl & IDE_CTL_EN))
			continue;
		dev->ide_used |= 1u << i;
		dev->bridge->claimed[ctl >> 24] = true;
	}
}

struct pci_dev *ide_port(const struct pci_dev *dev)
{
	return pci_root_port(dev);
}

int ide_alloc(struct pci_dev *dev, struct ide_stream *stream)
{
	struct pci_dev *port = ide_port(dev);
	int id;

	if (dev->type != PCI_ENDPOINT || !dev->ide_cap || !port || !port->ide_cap)
		return -EFAULT;
	stream->block = free_block(dev);
	stream->port_block = free_block(port);
	if (stream->block < 0 || stream->port_block < 0)
		return -EFAULT;

	id = pool_take(&dev->bridge->streams, 0);
	if (id >= dev->bridge->streams_size) {
		pool_drop(&dev->bridge->streams, id);
		return -EFAULT;
	}
	if (dev->bridge->claimed[id & 0xff]) {
		pool_drop(&dev->bridge->streams, id);
		return -EBUSY;
	}
	stream->pool_index = id;
	stream->port = port;
	dev->ide_used |= 1u << stream->block;
	port->ide_used |= 1u << stream->port_block;
	return 0;
}

/* Both of the port's windows go to the address association, as far as there is room. */
static void associate(struct pci_dev *port, unsigned int block)
{
	unsigned int room = config_get(port, block) & 0xf, used = 0;

	for (int i = 1; i < PCI_NUM_WINDOWS && used < room; i++) {
		const struct pci_range *window = &port->windows[i];
		uint64_t end = window->base + window->size - 1;
		unsigned int at = block + IDE_ADDR(used);

		if (!window->size)
			continue;
		config_set(port, at,
			   1u | (uint32_t)(window->base >> 20 & 0xfff) << 8 |
				   (uint32_t)(end >> 20 & 0xfff) << 20);
		config_set(port, at + 4, (uint32_t)(end >> 32));
		config_set(port, at + 8, (uint32_t)(window->base >> 32));
		used++;
	}
}

static uint32_t rid(const struct pci_dev *dev)
{
	return dev->bus << 8 | dev->devfn;
}

/* The requesters at @partner's end: itself and the VFs that it has now. */
static void associate_rids(struct pci_dev *dev, unsigned int block,
			   const struct pci_dev *partner)
{
	const struct sriov *sriov = &partner->sriov;
	uint32_t first = rid(partner), last = first;

	if (sriov->numvfs > 0)
		last = rid(sriov->vfs[sriov->numvfs - 1]);
	if (host.rid_all) {
		first = 0;
		last = 0xffff;
	}
	config_set(dev, block + IDE_RID1, last << 8);
	config_set(dev, block + IDE_RID2, 1u | first << 8 | (dev->domain & 0xff) << 24);
}

static void enable_block(struct pci_dev *dev, unsigned int block, uint32_t ctl)
{
	config_set(dev, block + IDE_CTL, ctl | IDE_CTL_EN);
}

void ide_enable(struct pci_dev *dev, struct ide_stream *stream)
{
	uint32_t id = IDE_CTL_ID(stream->pool_index);
	uint32_t status = dev->tsm.insecure ? 0 : IDE_STS_SECURE;
	char name[48];

	associate_rids(dev, block_at(dev, stream->block), stream->port);
	associate_rids(stream->port, block_at(stream->port, stream->port_block), dev);
	enable_block(dev, block_at(dev, stream->block),
		     id | IDE_CTL_DEFAULT | IDE_CTL_TEE_LIMIT);
	enable_block(stream->port, block_at(stream->port, stream->port_block),
		     id | IDE_CTL_CFG_EN);
	associate(stream->port, block_at(stream->port, stream->port_block));

	stream->live = true;
	ide_status(dev, status, true, true);
	snprintf(name, sizeof(name), "stream%d.%d.%d", stream->pool_index, stream->port_block,
		 stream->block);
	stream->link = tree_link_to(dev->bridge->device.dir, name, dev->device.dir);
}

/*
 * Idle again: all but the block's own capability goes, and the ID is 255.  What is written
 * to a card that doesn't hear is lost.
 */
static void clear_block(struct pci_dev *dev, int block)
{
	unsigned int at = block_at(dev, block), assoc = config_get(dev, at) & 0xf;

	if (dev->disconnected) {
		leave_behind(dev);
		return;
	}
	memset(dev->config + at + IDE_CTL, 0, IDE_BLOCK(assoc) - IDE_CTL);
	config_set(dev, at + IDE_CTL, IDE_IDLE);
	if (*find_left(dev->device.name))
		leave_behind(dev);
}

void ide_free(struct pci_dev *dev, struct ide_stream *stream)
{
	if (stream->live) {
		clear_block(dev, stream->block);
		clear_block(stream->port, stream->port_block);
		tree_remove(stream->link);
	}
	pool_drop(&dev->bridge->streams, stream->pool_index);
	dev->ide_used &= ~(1u << stream->block);
	stream->port->ide_used &= ~(1u << stream->port_block);
	*stream = (struct ide_stream){ 0 };
}

void ide_status(struct pci_dev *dev, uint32_t status, bool endpoint, bool port)
{
	const struct ide_stream *stream = &dev->tsm.stream;

	if (!stream->live)
		return;
	if (endpoint)
		config_set(dev, block_at(dev, stream->block) + IDE_STS, status);
	if (port)
		config_set(stream->port, block_at(stream->port, stream->port_block) + IDE_STS,
			   status);
}
