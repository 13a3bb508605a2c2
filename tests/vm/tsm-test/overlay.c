// SPDX-License-Identifier: GPL-2.0-or-later
#include "overlay.h"

#include <linux/rcupdate.h>
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

static int read_overlaid(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 *ret)
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

static int write_overlaid(struct pci_bus *bus, unsigned int devfn, int where, int size,
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

/* What overlay_stop() waits for: x86 takes no lock around these. */
static int overlay_read(struct pci_bus *bus, unsigned int devfn, int where, int size, u32 *ret)
{
	guard(rcu)();
	return read_overlaid(bus, devfn, where, size, ret);
}

static int overlay_write(struct pci_bus *bus, unsigned int devfn, int where, int size,
			 u32 value)
{
	guard(rcu)();
	return write_overlaid(bus, devfn, where, size, value);
}

static struct pci_ops overlay_ops = {
	.read = overlay_read,
	.write = overlay_write,
};

int overlay_parse(const char *name, unsigned int *bus, unsigned int *devfn)
{
	unsigned int domain, slot, function;
	char more;

	if (sscanf(name, "%x:%x:%x.%x%c", &domain, bus, &slot, &function, &more) != 4)
		return -EINVAL;
	if (domain || *bus > 255 || slot > 31 || function > 7)
		return -EINVAL;
	*devfn = PCI_DEVFN(slot, function);
	return 0;
}

static void forget(unsigned int bus, unsigned int devfn)
{
	guard(raw_spinlock_irqsave)(&overlay_lock);
	for (int i = 0; i < CARDS; i++)
		if (cards[i].number == bus && cards[i].devfn == devfn)
			cards[i].id = 0;
}

int overlay_for_card(const char *name, void (*fn)(struct card *card))
{
	unsigned int bus, devfn;
	int r = overlay_parse(name, &bus, &devfn);

	if (r)
		return r;
	r = -ENODEV;
	guard(raw_spinlock_irqsave)(&overlay_lock);
	for (int i = 0; i < CARDS; i++) {
		struct card *card = &cards[i];

		if (!card->id || card->number != bus || !card->has_ide || card->devfn != devfn)
			continue;
		fn(card);
		r = 0;
	}
	return r;
}

/*
 * A card that is pulled takes its registers along, also when nobody reads config space until
 * the next one, of the same kind, sits in its slot.
 */
static int device_event(struct notifier_block *self, unsigned long event, void *data)
{
	struct pci_dev *dev = to_pci_dev(data);

	if (event == BUS_NOTIFY_REMOVED_DEVICE)
		forget(dev->bus->number, dev->devfn);
	return NOTIFY_DONE;
}

static struct notifier_block device_events = { .notifier_call = device_event };

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
	int r;

	if (!bus)
		return -ENODEV;
	r = bus_register_notifier(&pci_bus_type, &device_events);
	if (r)
		return r;
	real = bus->ops;
	set_ops(&overlay_ops);
	return 0;
}

/*
 * Nobody may be within the accessors when their code goes.  The grace period of tasks is for a
 * reader that was preempted between fetching the pointer and rcu_read_lock(); a kernel without
 * TASKS_RCU makes it a common one, which leaves those few instructions.
 */
void overlay_stop(void)
{
	set_ops(real);
	bus_unregister_notifier(&pci_bus_type, &device_events);
	synchronize_rcu_tasks();
	synchronize_rcu();
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
