// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A DOE mailbox that knows discovery, CMA-SPDM and secured CMA-SPDM: what the PCI core asks
 * when it finds one.  An SPDM request is answered by an empty object; nobody here speaks it.
 */
#include "overlay.h"

#include <linux/bitfield.h>

static const u8 features[] = { 0, 1, 2 }; /* discovery, CMA, secured CMA; all PCI-SIG's */

static void reset(struct doe *doe)
{
	doe->asked = doe->length = doe->given = 0;
}

static u32 discovery(u32 index)
{
	u32 next = index + 1 < ARRAY_SIZE(features) ? index + 1 : 0;

	if (index >= ARRAY_SIZE(features))
		return 0xffff;
	return PCI_VENDOR_ID_PCI_SIG | (u32)features[index] << 16 | next << 24;
}

static void answer(struct doe *doe)
{
	u32 type = FIELD_GET(PCI_DOE_DATA_OBJECT_HEADER_1_TYPE, doe->request[0]);

	doe->answer[0] = doe->request[0];
	doe->answer[1] = 3;
	doe->answer[2] = type == 0 ? discovery(doe->request[2] & 0xff) : 0;
	doe->length = 3;
	doe->given = doe->asked = 0;
}

u32 doe_read(const struct doe *doe, int reg)
{
	bool ready = doe->given < doe->length;

	if (reg == PCI_DOE_STATUS)
		return ready ? PCI_DOE_STATUS_DATA_OBJECT_READY : 0;
	if (reg == PCI_DOE_READ)
		return ready ? doe->answer[doe->given] : 0;
	return 0;
}

void doe_write(struct doe *doe, int reg, u32 value)
{
	if (reg == PCI_DOE_CTRL && (value & PCI_DOE_CTRL_ABORT))
		reset(doe);
	else if (reg == PCI_DOE_CTRL && (value & PCI_DOE_CTRL_GO))
		answer(doe);
	else if (reg == PCI_DOE_WRITE && doe->asked < ARRAY_SIZE(doe->request))
		doe->request[doe->asked++] = value;
	else if (reg == PCI_DOE_READ && doe->given < doe->length)
		doe->given++;
}
