// SPDX-License-Identifier: GPL-2.0-or-later
#include "overlay.h"

#include <linux/spinlock.h>

#include "knobs.h"

#define CARDS 128

static DEFINE_RAW_SPINLOCK(overlay_lock);
static struct card cards[CARDS];
static struct pci_ops *real;

u32 overlay_real(struct pci_bus *bus, unsigned int devfn, int where, int size)
{
	u32 value = ~0u;

	real->read(bus, devfn, where, size, &value);
	return value;
}

/* Buses come and go with their ports, so a card is found by numbers. */
static struct card *find(struct pci_bus *bus, unsigned int devfn)
{
	struct card *free = NULL;

	for (int i = 0; i < CARDS; i++) {
		struct card *card = &cards[i];

		if (!card->id && !free)
			free = card;
		if (card->id && card->devfn == devfn && card->number == bus->number)
			return card;
	}
	if (free)
		*free = (struct card){ .number = bus->number, .devfn = devfn };
	return free;
}

static struct card *present(struct pci_bus *bus, unsigned int devfn)
{
	u32 id = overlay_real(bus, devfn, PCI_VENDOR_ID, 4);
	struct card *card;

	if (id == ~0u || id == 0) {
		/* A VF answers with all ones to this, yet is there. */
		id = overlay_real(bus, devfn, PCI_SUBSYSTEM_VENDOR_ID, 4);
		if (id == ~0u || id == 0)
			id = 0;
	}
	card = find(bus, devfn);
	if (!card || (card->id == id && !id))
		return NULL;
	if (card->id != id) {
		card->id = id;
		if (id)
			card_look(card, bus);
	}
	return id ? card : NULL;
}

static u32 part(u32 value, int where, int size)
{
	value >>= 8 * (where & 3);
	return size == 4 ? value : value & ((1u << (8 * size)) - 1);
}

static int overlay_read(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 *ret)
{
	struct card *card;
	unsigned long flags;
	u32 value;
	int r;

	if (knobs_link_down(bus, devfn)) {
		*ret = size == 4 ? ~0u : (1u << (8 * size)) - 1;
		return PCIBIOS_SUCCESSFUL;
	}
	r = real->read(bus, devfn, where, size, ret);
	if (r != PCIBIOS_SUCCESSFUL)
		return r;
	raw_spin_lock_irqsave(&overlay_lock, flags);
	card = present(bus, devfn);
	if (card && card->exp) {
		value = overlay_real(bus, devfn, where & ~3, 4);
		if (card_read(card, where & ~3, &value))
			*ret = part(value, where, size);
	}
	raw_spin_unlock_irqrestore(&overlay_lock, flags);
	return r;
}

static int overlay_write(struct pci_bus *bus, unsigned int devfn, int where, int size,
			 u32 value)
{
	struct card *card;
	unsigned long flags;
	bool ours = false;

	if (knobs_link_down(bus, devfn))
		return PCIBIOS_SUCCESSFUL;
	raw_spin_lock_irqsave(&overlay_lock, flags);
	card = present(bus, devfn);
	/* Ours are dwords; the kernel writes them as such. */
	if (card && card->exp)
		ours = size == 4 && !(where & 3) ? card_write(card, where, value)
						 : where >= DOE_BASE;
	raw_spin_unlock_irqrestore(&overlay_lock, flags);
	return ours ? PCIBIOS_SUCCESSFUL : real->write(bus, devfn, where, size, value);
}

static struct pci_ops overlay_ops = {
	.read = overlay_read,
	.write = overlay_write,
};

int overlay_for_card(const char *name, void (*fn)(struct card *card))
{
	unsigned int domain, bus, slot, function;
	int r = -ENODEV;

	if (sscanf(name, "%x:%x:%x.%x", &domain, &bus, &slot, &function) != 4)
		return -EINVAL;
	guard(raw_spinlock_irqsave)(&overlay_lock);
	for (int i = 0; i < CARDS; i++) {
		struct card *card = &cards[i];

		if (!card->id || card->number != bus || !card->has_ide ||
		    card->devfn != PCI_DEVFN(slot, function))
			continue;
		fn(card);
		r = 0;
	}
	return r;
}

/* --- Putting it there and taking it away --- */

static void set_ops_below(struct pci_bus *bus, struct pci_ops *ops)
{
	struct pci_bus *child;

	pci_bus_set_ops(bus, ops);
	list_for_each_entry(child, &bus->children, node) set_ops_below(child, ops);
}

static void set_ops(struct pci_ops *ops)
{
	struct pci_bus *bus = NULL;

	pci_lock_rescan_remove();
	while ((bus = pci_find_next_bus(bus)))
		set_ops_below(bus, ops);
	pci_unlock_rescan_remove();
}

int overlay_start(void)
{
	struct pci_bus *bus = pci_find_next_bus(NULL);

	if (!bus)
		return -ENODEV;
	real = bus->ops;
	set_ops(&overlay_ops);
	return 0;
}

void overlay_stop(void)
{
	set_ops(real);
}

static struct pci_dev *any_root_port(struct pci_bus *bus)
{
	struct pci_dev *dev;

	list_for_each_entry(dev, &bus->devices,
			    bus_list) if (pci_is_pcie(dev) &&
					  pci_pcie_type(dev) ==
						  PCI_EXP_TYPE_ROOT_PORT) return dev;
	return NULL;
}

void overlay_rescan(void)
{
	struct pci_bus *bus = NULL;
	struct pci_dev *port;

	pci_lock_rescan_remove();
	while ((bus = pci_find_next_bus(bus)))
		while ((port = any_root_port(bus)))
			pci_stop_and_remove_bus_device(port);
	while ((bus = pci_find_next_bus(bus)))
		pci_rescan_bus(bus);
	pci_unlock_rescan_remove();
}
