// SPDX-License-Identifier: GPL-2.0-or-later
#include "overlay.h"

#include "knobs.h"

#define CHAIN_MAX 48

static u16 find_exp(struct pci_bus *bus, unsigned int devfn)
{
	u32 at, left = CHAIN_MAX;

	if (!(overlay_real(bus, devfn, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST))
		return 0;
	at = overlay_real(bus, devfn, PCI_CAPABILITY_LIST, 1) & ~3u;
	for (; at >= PCI_STD_HEADER_SIZEOF && left; left--) {
		if (overlay_real(bus, devfn, at, 1) == PCI_CAP_ID_EXP)
			return at;
		at = overlay_real(bus, devfn, at + 1, 1) & ~3u;
	}
	return 0;
}

static u16 find_last(struct pci_bus *bus, unsigned int devfn)
{
	u32 at = PCI_CFG_SPACE_SIZE, left = CHAIN_MAX;

	while (left--) {
		u32 next = PCI_EXT_CAP_NEXT(overlay_real(bus, devfn, at, 4));

		if (next < PCI_CFG_SPACE_SIZE)
			break;
		at = next;
	}
	return at;
}

void card_look(struct card *card, struct pci_bus *bus)
{
	unsigned int devfn = card->devfn, type;

	card->exp = find_exp(bus, devfn);
	card->tee = card->port = card->has_doe = card->has_ide = false;
	card->first = 0;
	if (!card->exp)
		return;
	type = overlay_real(bus, devfn, card->exp + PCI_EXP_FLAGS, 2) & PCI_EXP_FLAGS_TYPE;
	card->port = type == PCI_EXP_TYPE_ROOT_PORT << 4;
	if (!card->port && type != PCI_EXP_TYPE_ENDPOINT << 4) {
		card->exp = 0;
		return;
	}
	card->tee = !card->port && !knobs_lack(KNOBS_NO_TEE, bus, devfn);
	if (devfn == 0 || card->port) {
		card->has_doe = !card->port && !knobs_lack(KNOBS_NO_DOE, bus, devfn);
		card->has_ide = !knobs_lack(KNOBS_NO_IDE, bus, devfn);
	}
	card->first = card->has_doe ? DOE_BASE : card->has_ide ? IDE_BASE : 0;
	card->last = find_last(bus, devfn);
	card->doe = (struct doe){ 0 };
	ide_init(&card->ide, card->port);
}

static bool within(int where, int base, int dwords)
{
	return where >= base && where < base + 4 * dwords;
}

static u32 header(u16 id, u16 next)
{
	return id | 1u << 16 | (u32)next << 20;
}

/* The real chain's end goes on with ours; a function without a chain gets an empty start. */
static u32 chain(const struct card *card, u32 value)
{
	if (value == 0 || value == ~0u)
		value = header(PCI_EXT_CAP_ID_VNDR, 0);
	return (value & 0xfffff) | (u32)card->first << 20;
}

bool card_read(struct card *card, int where, u32 *value)
{
	if (where == card->exp + PCI_EXP_DEVCAP && card->tee)
		*value |= PCI_EXP_DEVCAP_TEE;
	else if (card->first && where == card->last)
		*value = chain(card, *value);
	else if (card->has_doe && where == DOE_BASE)
		*value = header(PCI_EXT_CAP_ID_DOE, card->has_ide ? IDE_BASE : 0);
	else if (card->has_doe && within(where, DOE_BASE, DOE_DWORDS))
		*value = doe_read(&card->doe, where - DOE_BASE);
	else if (card->has_ide && where == IDE_BASE)
		*value = header(PCI_EXT_CAP_ID_IDE, 0);
	else if (card->has_ide && within(where, IDE_BASE, IDE_DWORDS))
		*value = ide_read(&card->ide, card->port, where - IDE_BASE);
	else
		return false;
	return true;
}

bool card_write(struct card *card, int where, u32 value)
{
	if (card->has_doe && within(where, DOE_BASE, DOE_DWORDS))
		doe_write(&card->doe, where - DOE_BASE, value);
	else if (card->has_ide && within(where, IDE_BASE, IDE_DWORDS))
		ide_write(&card->ide, where - IDE_BASE, value);
	else
		return false;
	return true;
}
