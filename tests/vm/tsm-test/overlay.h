/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Registers that emulated cards don't have, laid over their config space: the TEE-IO bit, a
 * DOE mailbox and an IDE capability.  overlay.c puts itself between the PCI core and the real
 * pci_ops; card.c knows what is where on one function; doe.c and ide.c are the two new
 * capabilities.  All of it runs under overlay_lock with interrupts off: config space is read
 * from anywhere.
 */

#include <linux/pci.h>

#define DOE_BASE   0xe00 /* beyond what QEMU's cards use */
#define DOE_DWORDS 6
#define IDE_BASE   0xe20
#define IDE_DWORDS 64

struct doe {
	u32 request[16], answer[16];
	unsigned int asked, length, given;
};

struct ide {
	unsigned int streams, blocks; /* selective streams; address blocks of each */
	u32 reg[IDE_DWORDS];
	bool failed; /* until the stream is disabled */
};

/* One function as it was found; forgotten when it leaves.  The rig has one PCI domain, 0. */
struct card {
	unsigned int number, devfn; /* of the bus; buses themselves come and go */
	u32 id;                     /* vendor and device; 0 while the function isn't there */
	u16 exp;                    /* PCIe capability, 0: nothing is laid over this function */
	u16 last;                   /* its last extended capability: gets a next pointer */
	u16 first;                  /* of ours, 0 for none */
	bool tee, port;
	bool has_doe, has_ide;
	struct doe doe;
	struct ide ide;
};

/* Reads "0000:01:00.0"; -EINVAL for anything else. */
int overlay_parse(const char *name, unsigned int *bus, unsigned int *devfn);

/* The real accessors, for card.c. */
u32 overlay_real(struct pci_bus *bus, unsigned int devfn, int where, int size);

int overlay_start(void);
void overlay_stop(void);
/* Lets the kernel find the cards anew, with or without what is laid over them. */
void overlay_rescan(void);
/* Runs @fn for the card named by @name under the lock; -ENODEV if it isn't known. */
int overlay_for_card(const char *name, void (*fn)(struct card *card));

/* Looks at a function that has just answered; fills all but number, devfn and id. */
void card_look(struct card *card, struct pci_bus *bus);
/* Is the dword at @where ours?  Then *@value, the real one, becomes ours. */
bool card_read(struct card *card, int where, u32 *value);
bool card_write(struct card *card, int where, u32 value);

u32 doe_read(const struct doe *doe, int reg);
void doe_write(struct doe *doe, int reg, u32 value);

void ide_init(struct ide *ide, bool port);
u32 ide_read(const struct ide *ide, bool port, int reg);
void ide_write(struct ide *ide, int reg, u32 value);
void ide_fail(struct card *card);
