/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * NVIDIA GPUs, Hopper and Blackwell above all.
 *
 * They are told by vendor and class (display, 3D controller), because Linux' own lists do
 * the same and device ids are many; audio, USB and USB-C functions are recognised as parts
 * of their card by class.
 *
 * Left alone, since no public interface of the kernel tells it: the GPU's confidential
 * computing mode (its tools write to a BAR, which a plugin never does), MIG, vGPU types, and
 * NVSwitches, which are bridges of their own and not part of any GPU's IOMMU group.
 */

#include "tio-plugin.h"

#define NVIDIA 0x10de

#define CLASS_DISPLAY 0x03   /* base class */
#define CLASS_AUDIO   0x0403 /* from here on: base class and subclass */
#define CLASS_USB     0x0c03
#define CLASS_USB_C   0x0c80 /* its UCSI: drivers/pci/quirks.c, quirk_gpu_usb_typec_ucsi() */

/*
 * The functions 1 to 3 of a card that depend on its GPU: drivers/pci/quirks.c, quirk_gpu_hda(),
 * quirk_gpu_usb() and quirk_gpu_usb_typec_ucsi().
 */
static bool is_companion(const struct tio_function *lead, const struct tio_function *sibling)
{
	uint32_t class = sibling->class >> 8;

	return !lead->is_vf && !sibling->is_vf && lead->class >> 16 == CLASS_DISPLAY &&
	       sibling->vendor == NVIDIA && lead->same_card == sibling->same_card &&
	       (class == CLASS_AUDIO || class == CLASS_USB || class == CLASS_USB_C);
}

static bool is_text(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static void copy_text(char *to, const char *from)
{
	size_t n = 0;

	for (; n + 1 < TIO_TEXT_MAX && from[n]; n++)
		to[n] = from[n];
	to[n] = '\0';
}

/*
 * nvidia-persistenced keeps /dev/nvidia* open and with it the driver's module busy: the
 * unbind then waits for it (NVIDIA's driver README, "Using the nvidia-persistenced Utility").
 * Who holds the nodes tiod finds by itself; that it may come back is worth telling.
 */
static void check_persistence(const struct tio_function *f, const struct tio_reader *reader,
			      struct tio_finding *ret)
{
	(void)reader;
	if (!is_text(f->driver, "nvidia"))
		return;
	ret->verdict = TIO_WARN;
	copy_text(ret->text, "nvidia-persistenced must not hold this GPU, or its unbind waits");
	copy_text(ret->fix, "systemctl stop nvidia-persistenced, or tell it to leave this GPU");
}

static const struct tio_check checks[] = { { "persistence", check_persistence } };

/*
 * NVIDIA's driver README, on its device files: nvidia0, …; nvidiactl and nvidia-uvm belong
 * to no single GPU.
 */
static const char *const nodes[] = { "nvidia[0-9]*" };

/*
 * The GPU of a Grace superchip is given on whole by its own VFIO driver only: the ids are
 * those of drivers/vfio/pci/nvgrace-gpu/main.c, nvgrace_gpu_vfio_pci_table.
 *
 * VFs are made by NVIDIA's script sriov-manage, which needs its vGPU host driver:
 * NVIDIA/gpu-driver-container, vgpu-manager, _enable_vfs().
 */
static const struct tio_traits gpu = {
	.kind = "GPU",
	.host_module = "nvidia",
	.vf_note = "NVIDIA's vGPU software makes the VFs of its GPUs by its own sriov-manage",
	.nodes = nodes,
	.n_nodes = sizeof(nodes) / sizeof(nodes[0]),
	.pins = TIO_PIN_D3COLD | TIO_PIN_ON,
};

static const struct tio_traits grace_gpu = {
	.kind = "GPU",
	.host_module = "nvidia",
	.note = "the memory that this GPU shares with its CPU is passed on by the driver "
		"nvgrace-gpu-vfio-pci only, not by vfio-pci",
	.vf_note = "NVIDIA's vGPU software makes the VFs of its GPUs by its own sriov-manage",
	.nodes = nodes,
	.n_nodes = sizeof(nodes) / sizeof(nodes[0]),
	.pins = TIO_PIN_D3COLD | TIO_PIN_ON,
};

static const struct tio_match match[] = {
	{ NVIDIA, 0, 0x030000, 0xffff00, &gpu }, /* VGA controller */
	{ NVIDIA, 0, 0x030200, 0xffff00, &gpu }, /* 3D controller: cards without outputs */
	{ NVIDIA, 0x2342, 0, 0, &grace_gpu },    /* GH200 120GB */
	{ NVIDIA, 0x2345, 0, 0, &grace_gpu },    /* GH200 480GB */
	{ NVIDIA, 0x2348, 0, 0, &grace_gpu },    /* GH200 */
	{ NVIDIA, 0x2941, 0, 0, &grace_gpu },    /* GB200 */
	{ NVIDIA, 0x31c2, 0, 0, &grace_gpu },    /* GB300 */
};

TIO_EXPORT const struct tio_plugin tio_plugin = {
	TIO_PLUGIN_HEAD,
	.name = "nvidia",
	.match = match,
	.n_match = sizeof(match) / sizeof(match[0]),
	.is_companion = is_companion,
	.checks = checks,
	.n_checks = sizeof(checks) / sizeof(checks[0]),
};
