/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * NVIDIA (Mellanox) ConnectX-6 and later, BlueField-2 and later, all run by mlx5_core.
 *
 * Ids are those of drivers/net/ethernet/mellanox/mlx5/core/main.c, mlx5_core_pci_table, as of
 * Linux 7.2, which agrees with pci.ids where that knows them.
 *
 * Left to general rules: the eswitch's mode, which devlink shows and no attribute of the
 * function; the number of VFs that firmware allows, which sriov_totalvfs shows already; what
 * a BlueField's own cores do with its ports.
 */

#include "tio-plugin.h"

#define MELLANOX 0x15b3

/*
 * 125 VFs of a ConnectX-6 Lx took 65 s, 16 took 4.5 s (sriov-network-operator, issue 1015):
 * half a second each, and twice that for a busy host.  A firmware command may take 60 s, the
 * firmware's own start 120 s (mlx5/core/lib/tout.c), and bind and unbind wait for both.
 */
#define PER_VF_MS 1000
#define CMD_MS    60000
#define START_MS  120000

static const struct tio_traits nic = {
	.kind = "NIC",
	.host_module = "mlx5_core",
	.bind_ms = START_MS,
	.unbind_ms = CMD_MS,
	.vfs_ms = CMD_MS,
	.per_vf_ms = PER_VF_MS,
};

static const struct tio_traits vf = {
	.kind = "NIC",
	.host_module = "mlx5_core",
	.bind_ms = CMD_MS,
	.unbind_ms = CMD_MS,
};

/* clang-format off */
static const struct tio_match match[] = {
	{ MELLANOX, 0x101b, 0, 0, &nic }, /* ConnectX-6 */
	{ MELLANOX, 0x101c, 0, 0, &vf },  /* its VF */
	{ MELLANOX, 0x101d, 0, 0, &nic }, /* ConnectX-6 Dx */
	{ MELLANOX, 0x101e, 0, 0, &vf },  /* VF of this and all that follow */
	{ MELLANOX, 0x101f, 0, 0, &nic }, /* ConnectX-6 Lx */
	{ MELLANOX, 0x1021, 0, 0, &nic }, /* ConnectX-7 */
	{ MELLANOX, 0x1023, 0, 0, &nic }, /* ConnectX-8 */
	{ MELLANOX, 0x1025, 0, 0, &nic }, /* ConnectX-9 */
	{ MELLANOX, 0xa2d6, 0, 0, &nic }, /* BlueField-2 */
	{ MELLANOX, 0xa2dc, 0, 0, &nic }, /* BlueField-3 */
	{ MELLANOX, 0xa2df, 0, 0, &nic }, /* BlueField-4 */
};
/* clang-format on */

TIO_EXPORT const struct tio_plugin tio_plugin = {
	TIO_PLUGIN_HEAD,
	.name = "mellanox",
	.match = match,
	.n_match = sizeof(match) / sizeof(match[0]),
};
