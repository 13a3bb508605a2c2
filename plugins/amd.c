/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * AMD Instinct accelerators (amdgpu) and Pensando cards (ionic, pds_core).
 *
 * Instinct cards are told by vendor and class 120000h, as drivers/gpu/drm/amd/amdgpu/
 * amdgpu_drv.c does; it takes display cards of the vendor as well, and so do we.  Pensando
 * ids are those of drivers/net/ethernet/pensando/ionic/ionic.h and include/linux/pds/
 * pds_core_if.h, all as of Linux 7.2.
 *
 * Left to general rules: VFs of Instinct cards, which amdgpu cannot make (it has no
 * sriov_configure; AMD's separate GIM driver does), partition modes, and how long anything
 * takes.
 */

#include "tio-plugin.h"

#define ATI      0x1002 /* the vendor id of AMD's graphics cards */
#define PENSANDO 0x1dd8

#define CLASS_DISPLAY     0x03 /* base classes */
#define CLASS_ACCELERATOR 0x12
#define CLASS_AUDIO       0x0403 /* from here on: base class and subclass */
#define CLASS_USB         0x0c03
#define CLASS_USB_C       0x0c80 /* drivers/pci/quirks.c, quirk_gpu_usb_typec_ucsi() */

/* drivers/pci/quirks.c, quirk_gpu_hda(), quirk_gpu_usb() and quirk_gpu_usb_typec_ucsi(). */
static bool is_companion(const struct tio_function *lead, const struct tio_function *sibling)
{
	uint32_t class = sibling->class >> 8;

	return !lead->is_vf && !sibling->is_vf && lead->vendor == ATI &&
	       lead->class >> 16 == CLASS_DISPLAY && sibling->vendor == ATI &&
	       lead->same_card == sibling->same_card &&
	       (class == CLASS_AUDIO || class == CLASS_USB || class == CLASS_USB_C);
}

static const char *const gpu_nodes[] = { "kfd", "dri/card[0-9]*", "dri/renderD[0-9]*" };

static const struct tio_traits gpu = {
	.kind = "GPU",
	.nodes = gpu_nodes,
	.n_nodes = sizeof(gpu_nodes) / sizeof(gpu_nodes[0]),
	.pins = TIO_PIN_D3COLD | TIO_PIN_ON,
};
static const struct tio_traits nic = { .kind = "NIC", .host_module = "ionic" };
static const struct tio_traits dsc = { .kind = "DPU", .host_module = "pds_core" };

/* clang-format off */
static const struct tio_match match[] = {
	{ ATI, 0, CLASS_DISPLAY << 16, 0xff0000, &gpu },
	{ ATI, 0, CLASS_ACCELERATOR << 16, 0xff0000, &gpu }, /* Instinct */
	{ PENSANDO, 0x1002, 0, 0, &nic }, /* DSC Ethernet controller */
	{ PENSANDO, 0x1003, 0, 0, &nic }, /* its VF */
	{ PENSANDO, 0x100b, 0, 0, &dsc }, /* vDPA VF */
	{ PENSANDO, 0x100c, 0, 0, &dsc }, /* core */
};
/* clang-format on */

TIO_EXPORT const struct tio_plugin tio_plugin = {
	TIO_PLUGIN_HEAD,
	.name = "amd",
	.match = match,
	.n_match = sizeof(match) / sizeof(match[0]),
	.is_companion = is_companion,
};
