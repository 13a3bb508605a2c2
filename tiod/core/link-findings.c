/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/link-findings.h"

#include <errno.h>
#include <stdio.h>

#define DMESG "look for the device's and the TSM's lines in `dmesg`"
#define RESET "reset the card, or reboot the host"
#define FINDING(ret, fix_, ...)                                                                \
	(snprintf((ret)->fix, sizeof((ret)->fix), "%s", fix_),                                 \
	 snprintf((ret)->cause, sizeof((ret)->cause), __VA_ARGS__), true)

/* drivers/pci/tsm.c, pci_ide_stream_register(), drivers/pci/doe.c, drivers/crypto/ccp. */
static bool find_busy(const struct link_facts *facts, struct link_finding *ret)
{
	char name[BDF_STRLEN];

	if (facts->connected[0])
		return FINDING(ret, "`tioctl status` shows it",
			       "it was connected to %s meanwhile", facts->connected);
	if (facts->stray >= 0)
		return FINDING(ret, RESET,
			       "Stream ID %d is enabled at %s although nothing is connected "
			       "there: firmware or an earlier kernel left it",
			       facts->stray, bdf_format(facts->stray_at, name));
	return FINDING(ret, DMESG "; a dead PSP (\"disabling PSP\") needs a reboot",
		       "no Stream ID was left enabled, so its DOE mailbox is busy or the PSP "
		       "is dead");
}

/* pci_ide_stream_alloc() and sev_tio's dsm_create(), in the order in which they look. */
static bool find_fault(const struct link_facts *facts, struct link_finding *ret)
{
	char card[BDF_STRLEN], port[BDF_STRLEN];

	bdf_format(facts->card, card);
	bdf_format(facts->root_port, port);
	if (!facts->doe_cma || !facts->doe_session)
		return FINDING(ret, "update the card's firmware",
			       "%s has no DOE mailbox for %s", card,
			       facts->doe_cma ? "secured sessions (0001:02)" : "CMA (0001:01)");
	if (facts->card_blocks == 0)
		return FINDING(ret, "update the card's firmware, or enable IDE in it",
			       "%s has no selective IDE stream", card);
	if (!facts->root_port.valid)
		return FINDING(ret, "use a slot that has a root port",
			       "%s is below no root port", card);
	if (facts->port_blocks == 0)
		return FINDING(
			ret, "enable \"PCIE IDE Capability\" in the BIOS, or use another slot",
			"its root port %s has no selective IDE stream", port);
	if (facts->streams_left == 0)
		return FINDING(ret,
			       "disconnect another card of that host bridge with `tioctl "
			       "disconnect`",
			       "its host bridge has no IDE stream left "
			       "(available_secure_streams is 0)");
	if (facts->card_free == 0)
		return FINDING(ret, RESET, "all %u selective IDE streams of %s are in use",
			       facts->card_blocks, card);
	if (facts->port_free == 0)
		return FINDING(ret,
			       "disconnect another card below that port with `tioctl "
			       "disconnect`",
			       "all %u selective IDE streams of its root port %s are in use",
			       facts->port_blocks, port);
	return FINDING(ret, DMESG,
		       "both ends have free IDE streams, so CMA and secured sessions are in "
		       "different DOE mailboxes, or the PSP's buffers could not be mapped");
}

static bool find_missing(const struct link_facts *facts, struct link_finding *ret)
{
	char card[BDF_STRLEN];

	if (!facts->tsm_there)
		return FINDING(
			ret,
			"load its driver again (`modprobe kvm_amd` on AMD), then try again",
			"that TSM is gone from /sys/class/tsm");
	if (!facts->doe_cma)
		return FINDING(ret, "update the card's firmware",
			       "%s has no DOE mailbox for CMA (0001:01)",
			       bdf_format(facts->card, card));
	return FINDING(ret, DMESG,
		       "the TSM and the card's CMA mailbox are there, so no Device Security "
		       "Manager answered, or its Stream ID is out of range");
}

bool link_find(int code, const struct link_facts *facts, struct link_finding *ret)
{
	switch (-code) {
	case EBUSY:
		return find_busy(facts, ret);
	case EFAULT:
		return find_fault(facts, ret);
	case ENXIO:
		return find_missing(facts, ret);
	}
	return false;
}
