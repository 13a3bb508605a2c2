/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Intel Ethernet 800 series (ice), infrastructure processors (idpf), QuickAssist (qat_4xxx,
 * qat_420xx, qat_6xxx) and the data accelerators DSA and IAA (idxd).
 *
 * Ids are those of Linux 7.2: drivers/net/ethernet/intel/ice/ice_devids.h,
 * …/idpf/idpf_devids.h, include/linux/pci_ids.h (QAT_*, DSA_*, IAX_*) and
 * drivers/crypto/intel/qat/qat_common/ adf_accel_devices.h.  idpf also takes every function of
 * class 0x020001, and so do we.
 *
 * Older Ethernet cards, GPUs and how long these take for their VFs are left to general rules:
 * no public figure is known.
 */

#include "tio-plugin.h"

#define INTEL 0x8086

static const struct tio_traits ice = { .kind = "NIC", .host_module = "ice" };
static const struct tio_traits vf = { .kind = "NIC" };
static const struct tio_traits idpf = { .kind = "NIC", .host_module = "idpf" };
static const struct tio_traits qat4 = { .kind = "QAT", .host_module = "qat_4xxx" };
static const struct tio_traits qat42 = { .kind = "QAT", .host_module = "qat_420xx" };
static const struct tio_traits qat6 = { .kind = "QAT", .host_module = "qat_6xxx" };
static const struct tio_traits idxd = { .kind = "accelerator", .host_module = "idxd" };

/* clang-format off */
static const struct tio_match match[] = {
	{ INTEL, 0x1591, 0, 0, &ice }, { INTEL, 0x1592, 0, 0, &ice }, /* E810-C */
	{ INTEL, 0x1593, 0, 0, &ice },
	{ INTEL, 0x1599, 0, 0, &ice }, { INTEL, 0x159a, 0, 0, &ice }, /* E810-XXV */
	{ INTEL, 0x159b, 0, 0, &ice },
	{ INTEL, 0x1890, 0, 0, &ice }, { INTEL, 0x1891, 0, 0, &ice }, /* E822-C */
	{ INTEL, 0x1892, 0, 0, &ice }, { INTEL, 0x1893, 0, 0, &ice },
	{ INTEL, 0x1894, 0, 0, &ice },
	{ INTEL, 0x1897, 0, 0, &ice }, { INTEL, 0x1898, 0, 0, &ice }, /* E822-L */
	{ INTEL, 0x1899, 0, 0, &ice }, { INTEL, 0x189a, 0, 0, &ice },
	{ INTEL, 0x188a, 0, 0, &ice }, { INTEL, 0x188b, 0, 0, &ice }, /* E823-C */
	{ INTEL, 0x188c, 0, 0, &ice }, { INTEL, 0x188d, 0, 0, &ice },
	{ INTEL, 0x188e, 0, 0, &ice },
	{ INTEL, 0x124c, 0, 0, &ice }, { INTEL, 0x124d, 0, 0, &ice }, /* E823-L */
	{ INTEL, 0x124e, 0, 0, &ice }, { INTEL, 0x124f, 0, 0, &ice },
	{ INTEL, 0x151d, 0, 0, &ice },
	{ INTEL, 0x579c, 0, 0, &ice }, { INTEL, 0x579d, 0, 0, &ice }, /* E825-C */
	{ INTEL, 0x579e, 0, 0, &ice }, { INTEL, 0x579f, 0, 0, &ice },
	{ INTEL, 0x12d1, 0, 0, &ice }, { INTEL, 0x12d2, 0, 0, &ice }, /* E830-CC */
	{ INTEL, 0x12d3, 0, 0, &ice }, { INTEL, 0x12d4, 0, 0, &ice },
	{ INTEL, 0x12d5, 0, 0, &ice }, { INTEL, 0x12d8, 0, 0, &ice }, /* E830-C */
	{ INTEL, 0x12da, 0, 0, &ice },
	{ INTEL, 0x12dc, 0, 0, &ice }, { INTEL, 0x12dd, 0, 0, &ice }, /* E830-XXV */
	{ INTEL, 0x12de, 0, 0, &ice },
	{ INTEL, 0x1248, 0, 0, &ice }, { INTEL, 0x1249, 0, 0, &ice }, /* E835-CC */
	{ INTEL, 0x124a, 0, 0, &ice },
	{ INTEL, 0x1261, 0, 0, &ice }, { INTEL, 0x1262, 0, 0, &ice }, /* E835-C */
	{ INTEL, 0x1263, 0, 0, &ice },
	{ INTEL, 0x1265, 0, 0, &ice }, { INTEL, 0x1266, 0, 0, &ice }, /* E835-L */
	{ INTEL, 0x1267, 0, 0, &ice },
	{ INTEL, 0x1889, 0, 0, &vf },                                 /* their VF (iavf) */

	{ INTEL, 0x1452, 0, 0, &idpf }, { INTEL, 0x145c, 0, 0, &vf }, /* IPU, and its VF */
	{ INTEL, 0, 0x020001, 0xffffff, &idpf },

	{ INTEL, 0x4940, 0, 0, &qat4 }, { INTEL, 0x4942, 0, 0, &qat4 },
	{ INTEL, 0x4944, 0, 0, &qat4 },
	{ INTEL, 0x4946, 0, 0, &qat42 },
	{ INTEL, 0x4948, 0, 0, &qat6 },

	{ INTEL, 0x0b25, 0, 0, &idxd }, { INTEL, 0x11fb, 0, 0, &idxd }, /* DSA */
	{ INTEL, 0x1212, 0, 0, &idxd },
	{ INTEL, 0x0cfe, 0, 0, &idxd },                                 /* IAX */
};
/* clang-format on */

TIO_EXPORT const struct tio_plugin tio_plugin = {
	TIO_PLUGIN_HEAD,
	.name = "intel",
	.match = match,
	.n_match = sizeof(match) / sizeof(match[0]),
};
