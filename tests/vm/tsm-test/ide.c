// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The IDE capability: one Link block and a few Selective blocks whose registers keep what is
 * written.  A stream that is enabled says that it is secure, unless a knob is against it.
 */
#include "overlay.h"

#include "knobs.h"

#define LINK_BLOCKS 1

static int first_block(void)
{
	return PCI_IDE_LINK_STREAM_0 + LINK_BLOCKS * PCI_IDE_LINK_BLOCK_SIZE;
}

void ide_init(struct ide *ide, bool port)
{
	int at = first_block();

	memset(ide, 0, sizeof(*ide));
	ide->streams = port ? 4 : 2;
	ide->blocks = port ? 2 : 1;
	ide->reg[PCI_IDE_CAP / 4] = PCI_IDE_CAP_LINK | PCI_IDE_CAP_SELECTIVE |
				    PCI_IDE_CAP_IDE_KM | PCI_IDE_CAP_TEE_LIMITED |
				    (ide->streams - 1) << 16;
	for (int i = 0; i < ide->streams; i++, at += PCI_IDE_SEL_BLOCK_SIZE(ide->blocks))
		ide->reg[at / 4] = ide->blocks;
}

/* The register's place within its Selective block, or -1. */
static int in_block(const struct ide *ide, int reg)
{
	int size = PCI_IDE_SEL_BLOCK_SIZE(ide->blocks), at = reg - first_block();

	return at < 0 || at >= size * ide->streams ? -1 : at % size;
}

u32 ide_read(const struct ide *ide, bool port, int reg)
{
	u32 value = ide->reg[reg / 4];

	if (in_block(ide, reg) != PCI_IDE_SEL_STS)
		return value;
	if ((ide->reg[reg / 4 - 1] & PCI_IDE_SEL_CTL_EN) && !ide->failed &&
	    !knobs_insecure(port))
		value |= PCI_IDE_SEL_STS_STATE_SECURE;
	return value;
}

void ide_write(struct ide *ide, int reg, u32 value)
{
	int at = in_block(ide, reg);

	if (reg <= PCI_IDE_CAP || at == PCI_IDE_SEL_CAP)
		return;
	if (at == PCI_IDE_SEL_STS) {
		ide->reg[reg / 4] &= ~(value & PCI_IDE_SEL_STS_IDE_FAIL);
		return;
	}
	if (at == PCI_IDE_SEL_CTL && !(value & PCI_IDE_SEL_CTL_EN)) {
		ide->failed = false;
		ide->reg[reg / 4 + 1] = 0;
	}
	ide->reg[reg / 4] = value;
}

/* What an integrity error does: the stream leaves Secure and says that it heard of it. */
void ide_fail(struct card *card)
{
	struct ide *ide = &card->ide;
	int size = PCI_IDE_SEL_BLOCK_SIZE(ide->blocks), at = first_block();

	ide->failed = true;
	for (int i = 0; i < ide->streams; i++, at += size)
		if (ide->reg[(at + PCI_IDE_SEL_CTL) / 4] & PCI_IDE_SEL_CTL_EN)
			ide->reg[(at + PCI_IDE_SEL_STS) / 4] |= PCI_IDE_SEL_STS_IDE_FAIL;
}
