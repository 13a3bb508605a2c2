/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * NVMe drives of any make, told by their class (NVM Express base specification: class code
 * 010802h).
 *
 * The controller behind a VF is a secondary controller: it stays offline until its PF's
 * primary controller was told, by Virtualization Management commands, which queues and
 * interrupts it gets and to bring it online (base specification, "Virtualization
 * Enhancements"; nvme-virt-mgmt(1) for the actions' numbers).  That takes admin commands to
 * the PF's driver, which a plugin cannot send; it is told.
 *
 * Left to general rules: namespaces and their attachment to the controllers, vendors' own
 * differences, and how long VFs take; the kernel's driver only sets the count
 * (drivers/nvme/host/pci.c, pci_sriov_configure_simple).
 */

#include "tio-plugin.h"

#define CLASS_NVME 0x010802

static const char *const nodes[] = { "nvme[0-9]*", "ng[0-9]*" };

static const struct tio_traits drive = {
	.kind = "drive",
	.host_module = "nvme",
	.vf_note =
		"the drive's VF comes up offline: `nvme virt-mgmt` on its PF assigns it queues "
		"and interrupts (-a 8) and brings it online (-a 9)",
	.nodes = nodes,
	.n_nodes = sizeof(nodes) / sizeof(nodes[0]),
};

static const struct tio_match match[] = { { 0, 0, CLASS_NVME, 0xffffff, &drive } };

TIO_EXPORT const struct tio_plugin tio_plugin = {
	TIO_PLUGIN_HEAD,
	.name = "nvme",
	.match = match,
	.n_match = sizeof(match) / sizeof(match[0]),
};
