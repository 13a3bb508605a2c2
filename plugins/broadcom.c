/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Broadcom NetXtreme-E of the BCM575xx and BCM576xx generations (Thor, Thor 2), run by bnxt_en.
 *
 * Ids are those of drivers/net/ethernet/broadcom/bnxt/bnxt.c, bnxt_pci_tbl, as of Linux 7.2.
 * Older NetXtreme cards and how long these take for their VFs are left to general rules: no
 * public figure is known.
 */

#include "tio-plugin.h"

#define BROADCOM 0x14e4

static const struct tio_traits nic = { .kind = "NIC", .host_module = "bnxt_en" };

/* clang-format off */
static const struct tio_match match[] = {
	{ BROADCOM, 0x1750, 0, 0, &nic }, /* BCM57508 */
	{ BROADCOM, 0x1751, 0, 0, &nic }, /* BCM57504 */
	{ BROADCOM, 0x1752, 0, 0, &nic }, /* BCM57502 */
	{ BROADCOM, 0x1760, 0, 0, &nic }, /* BCM57608 */
	{ BROADCOM, 0x1761, 0, 0, &nic }, /* BCM57604 */
	{ BROADCOM, 0x1762, 0, 0, &nic }, /* BCM57602 */
	{ BROADCOM, 0x1763, 0, 0, &nic }, /* BCM57601 */
	{ BROADCOM, 0x1800, 0, 0, &nic }, /* BCM57502, partition */
	{ BROADCOM, 0x1801, 0, 0, &nic }, /* BCM57504, partition */
	{ BROADCOM, 0x1802, 0, 0, &nic }, /* BCM57508, partition */
	{ BROADCOM, 0x1803, 0, 0, &nic }, /* BCM57502, partition with RDMA */
	{ BROADCOM, 0x1804, 0, 0, &nic }, /* BCM57504, partition with RDMA */
	{ BROADCOM, 0x1805, 0, 0, &nic }, /* BCM57508, partition with RDMA */
	{ BROADCOM, 0x1806, 0, 0, &nic }, /* VF of BCM5750x */
	{ BROADCOM, 0x1807, 0, 0, &nic }, /* the same with RDMA */
	{ BROADCOM, 0x1819, 0, 0, &nic }, /* VF of BCM5760x */
};
/* clang-format on */

TIO_EXPORT const struct tio_plugin tio_plugin = {
	TIO_PLUGIN_HEAD,
	.name = "broadcom",
	.match = match,
	.n_match = sizeof(match) / sizeof(match[0]),
};
