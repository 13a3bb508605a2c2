/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "model/config.h"
#include "model/host.h"
#include "model/pci.h"
#include "model/tsm.h"

#define GIB (1ull << 30)

uint32_t config_get(const struct pci_dev *dev, unsigned int at)
{
	const uint8_t *c = dev->config + at;

	return c[0] | (uint32_t)c[1] << 8 | (uint32_t)c[2] << 16 | (uint32_t)c[3] << 24;
}

void config_set(struct pci_dev *dev, unsigned int at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		dev->config[at + (unsigned int)i] = (uint8_t)(value >> (8 * i));
}

/* --- Addresses --- */

/* Where each BAR was put, so that a function that comes back gets its own again. */
struct placed {
	char name[16];
	int bar;
	struct pci_range range;
	struct placed *next;
};

static struct placed *placed[1024];

static uint64_t allocate(uint64_t size, bool pref)
{
	static uint64_t next[2] = { 0x80000000, 64 * GIB };
	uint64_t base = (next[pref] + size - 1) / size * size;

	next[pref] = base + size;
	return base;
}

void bar_place(const char *name, int bar, struct pci_range *ret)
{
	unsigned int hash = (unsigned int)bar;
	struct placed **at, *new;

	for (const char *c = name; *c; c++)
		hash = hash * 33 + (unsigned char)*c;
	at = &placed[hash % 1024];
	for (; *at; at = &(*at)->next) {
		if (strcmp((*at)->name, name) == 0 && (*at)->bar == bar &&
		    (*at)->range.size == ret->size) {
			*ret = (*at)->range;
			return;
		}
	}
	new = calloc(1, sizeof(*new));
	strncpy(new->name, name, sizeof(new->name) - 1);
	new->bar = bar;
	new->range.size = ret->size;
	new->range.pref = ret->size >= 64u << 20;
	new->range.base = allocate(ret->size, new->range.pref);
	*at = new;
	*ret = new->range;
}

/* --- Capabilities --- */

/* Appends an extended capability of @size bytes to the chain; returns its offset. */
static unsigned int add_ext(struct pci_dev *dev, unsigned int id, unsigned int version,
			    unsigned int size)
{
	unsigned int at = 0x100;

	if (dev->last_ext) {
		uint32_t last = config_get(dev, dev->last_ext);

		at = last >> 20; /* where the one before ends, kept there for now */
	}
	dev->last_ext = at;
	config_set(dev, at, id | version << 16 | (at + size) << 20);
	return at;
}

/* The last capability has no next. */
static void end_ext(struct pci_dev *dev)
{
	if (dev->last_ext)
		config_set(dev, dev->last_ext, config_get(dev, dev->last_ext) & 0xfffff);
}

static unsigned int link_speed(const struct pci_dev *dev)
{
	return (unsigned int)desc_int(dev->desc, "speed", 5);
}

static void add_pcie(struct pci_dev *dev)
{
	bool slot = desc_has(dev->desc, "slot");
	uint32_t link = link_speed(dev) | (uint32_t)desc_int(dev->desc, "width", 16) << 4;

	dev->pcie = CONFIG_PCIE;
	config_set(dev, dev->pcie,
		   PCI_CAP_PCIE | (uint32_t)CONFIG_PM << 8 |
			   (2u | (uint32_t)dev->type << 4 | (slot ? 0x10u << 4 : 0)) << 16);
	config_set(dev, dev->pcie + DEVCAP,
		   0x8002u | (dev->flr ? DEVCAP_FLR : 0) | (dev->tee ? DEVCAP_TEE : 0));
	config_set(dev, dev->pcie + LNKCAP,
		   link | (uint32_t)desc_int(dev->desc, "port_number", 0) << 24);
	config_set(dev, dev->pcie + LNKCTL, link << 16);
	if (slot)
		config_set(dev, dev->pcie + SLTCAP,
			   0x60u | (uint32_t)desc_int(dev->desc, "slot", 0) << 19);
	config_set(dev, CONFIG_PM, PCI_CAP_PM | 3u << 16);
	dev->config[0x34] = CONFIG_PCIE;
	dev->config[0x06] |= 0x10;
}

#define ACS_CAPABLE 0x5f /* all but egress control */
#define ACS_WANTED  0x1d /* what pci_enable_acs() of drivers/pci/pci.c turns on */

/* Root ports and switches have it as Linux leaves it, unless "acs" says otherwise. */
static void add_acs(struct pci_dev *dev)
{
	long long on = desc_int(dev->desc, "acs", pci_is_bridge(dev) ? ACS_WANTED : -1);

	if (dev->physfn || on < 0)
		return;
	config_set(dev, add_ext(dev, EXT_ACS, 1, 8) + 4, ACS_CAPABLE | (uint32_t)on << 16);
}

static void add_serial(struct pci_dev *dev)
{
	const char *text = desc_text(dev->desc, "serial", NULL);
	unsigned long long serial;
	unsigned int at;

	if (!text || dev->physfn)
		return;
	serial = strtoull(text, NULL, 16);
	at = add_ext(dev, EXT_DSN, 1, 12);
	config_set(dev, at + 4, (uint32_t)serial);
	config_set(dev, at + 8, (uint32_t)(serial >> 32));
}

static void add_sriov(struct pci_dev *dev)
{
	const struct sriov *sriov = &dev->sriov;
	unsigned int at;

	if (!sriov->capable)
		return;
	add_ext(dev, EXT_ARI, 1, 8);
	dev->sriov_cap = at = add_ext(dev, EXT_SRIOV, 1, 0x40);
	config_set(dev, at + 0x04, 0x2); /* ARI hierarchy preserved */
	config_set(dev, at + SRIOV_CTL, SRIOV_CTL_ARI);
	config_set(dev, at + 0x0c, sriov->total | sriov->total << 16);
	config_set(dev, at + 0x14, sriov->offset | sriov->stride << 16);
	config_set(dev, at + 0x18, (uint32_t)sriov->vf_device << 16);
	config_set(dev, at + 0x1c, 0x553);
	config_set(dev, at + 0x20, 0x1);
	if (sriov->vf_bar.size) {
		config_set(dev, at + 0x24, (uint32_t)sriov->vf_bar.base | 0xc);
		config_set(dev, at + 0x28, (uint32_t)(sriov->vf_bar.base >> 32));
	}
}

static void add_doe(struct pci_dev *dev)
{
	size_t mailboxes = json_array_size(json_object_get(dev->desc, "doe"));

	if (desc_bool(dev->desc, "tdisp", false) && mailboxes == 0)
		mailboxes = 1;
	for (size_t i = 0; i < mailboxes && !dev->physfn; i++)
		add_ext(dev, EXT_DOE, 2, 0x18);
}

/*
 * Idle blocks carry Stream ID 255, as the kernel leaves them after enumeration; those of a
 * card whose root port has no IDE it doesn't touch.
 */
static void add_ide(struct pci_dev *dev)
{
	const json_t *ide = json_object_get(dev->desc, "ide");
	unsigned int streams = (unsigned int)desc_int(ide, "streams", 1);
	unsigned int assoc = (unsigned int)desc_int(ide, "assoc", 3);
	const struct pci_dev *port = dev->parent ? pci_root_port(dev) : dev;
	bool forgotten = !port || (port != dev && !port->ide_cap);
	unsigned int at, block;

	if (!ide && !desc_bool(dev->desc, "tdisp", false))
		return;
	if (dev->physfn)
		return;
	dev->ide_cap = at = add_ext(dev, EXT_IDE, 1, IDE_BLOCKS + streams * IDE_BLOCK(assoc));
	config_set(dev, at + 4,
		   0x2u | 1u << 6 | (streams - 1) << 16 |
			   (dev->type == PCI_ENDPOINT ? 1u << 24 : 0));
	for (unsigned int i = 0; i < streams; i++) {
		block = at + IDE_BLOCKS + i * IDE_BLOCK(assoc);
		config_set(dev, block, assoc);
		if (!forgotten)
			config_set(dev, block + IDE_CTL, IDE_IDLE);
	}
	if (desc_bool(ide, "firmware_stream", false))
		config_set(dev, at + IDE_BLOCKS + IDE_CTL, 1);
}

/* --- Header --- */

static void set_bar(struct pci_dev *dev, int bar)
{
	const struct pci_range *range = &dev->bars[bar];
	unsigned int at = 0x10 + 4 * (unsigned int)bar;

	if (!range->size)
		return;
	config_set(dev, at, (uint32_t)range->base | (range->pref ? 0xc : 0));
	if (range->pref)
		config_set(dev, at + 4, (uint32_t)(range->base >> 32));
}

static void set_header(struct pci_dev *dev)
{
	unsigned int function = dev->devfn & 7;
	bool vf = dev->physfn != NULL;

	config_set(dev, 0x00, vf ? 0xffffffffu : dev->vendor | (uint32_t)dev->id << 16);
	config_set(dev, 0x04, 0x6 | 0x10u << 16);
	config_set(dev, 0x08, dev->revision | dev->class << 8);
	config_set(dev, 0x0c, 0x10u | (pci_is_bridge(dev) ? 1u << 16 : 0));
	if (!vf && (function || desc_bool(dev->desc, "multifunction", false)))
		dev->config[0x0e] |= 0x80;
	for (int i = 0; i < PCI_BARS && !vf && !pci_is_bridge(dev); i++)
		set_bar(dev, i);
	if (!pci_is_bridge(dev))
		config_set(dev, 0x2c, dev->subvendor | (uint32_t)dev->subid << 16);
	if (!vf)
		dev->config[0x3c] = 0xff;
}

void config_build(struct pci_dev *dev)
{
	dev->config = calloc(1, PCI_CONFIG_SIZE);
	set_header(dev);
	if (dev->type == PCI_CONVENTIONAL)
		return;
	add_pcie(dev);
	if (desc_bool(dev->desc, "aer", true))
		add_ext(dev, EXT_AER, 2, 0x48);
	add_acs(dev);
	add_serial(dev);
	add_sriov(dev);
	add_doe(dev);
	add_ide(dev);
	end_ext(dev);
}

/* --- Bridges --- */

static void widen(struct pci_range *window, const struct pci_range *range)
{
	uint64_t mask = (1u << 20) - 1;
	uint64_t base, end;

	if (!range->size)
		return;
	base = range->base & ~mask;
	end = (range->base + range->size + mask) & ~mask;
	if (window->size && window->base < base)
		base = window->base;
	if (window->size && window->base + window->size > end)
		end = window->base + window->size;
	window->base = base;
	window->size = end - base;
}

static unsigned int last_bus(const struct pci_dev *bridge)
{
	unsigned int last = bridge->secondary, bus, devfn;

	for (const struct pci_dev *child = bridge->children; child; child = child->sibling) {
		unsigned int below = child->bus;

		if (pci_is_bridge(child))
			below = last_bus(child);
		if (child->sriov.capable && child->sriov.total) {
			sriov_place(child, child->sriov.total - 1, &bus, &devfn);
			below = bus > below ? bus : below;
		}
		if (below > last)
			last = below;
	}
	return last;
}

static uint32_t window_bits(uint64_t base, uint64_t end)
{
	return (uint32_t)(base >> 16 & 0xfff0) | (uint32_t)(end >> 16 & 0xfff0) << 16;
}

static void set_windows(struct pci_dev *bridge)
{
	const struct pci_range *mem = &bridge->windows[1], *pref = &bridge->windows[2];
	uint64_t end = mem->base + mem->size - 1;

	config_set(bridge, 0x18, bridge->bus | bridge->secondary << 8 | last_bus(bridge) << 16);
	config_set(bridge, 0x1c, 0x000001f1);
	config_set(bridge, 0x20, mem->size ? window_bits(mem->base, end) : 0x0000fff0);
	end = pref->base + pref->size - 1;
	config_set(bridge, 0x24,
		   (pref->size ? window_bits(pref->base, end) : 0x0000fff0) | 0x10001);
	config_set(bridge, 0x28, pref->size ? (uint32_t)(pref->base >> 32) : 0);
	config_set(bridge, 0x2c, pref->size ? (uint32_t)(end >> 32) : 0);
}

void config_windows(struct pci_dev *bridge)
{
	for (; bridge; bridge = bridge->parent) {
		struct pci_range *windows = bridge->windows;

		for (struct pci_dev *child = bridge->children; child; child = child->sibling) {
			for (int i = 0; i < PCI_BARS; i++)
				widen(&windows[child->bars[i].pref ? 2 : 1], &child->bars[i]);
			widen(&windows[2], &child->sriov.vf_bar);
			widen(&windows[1], &child->windows[1]);
			widen(&windows[2], &child->windows[2]);
		}
		set_windows(bridge);
	}
}
