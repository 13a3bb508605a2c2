/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the plugins that come with tiod say, all of them loaded together.
 */

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/text.h"
#include "fake-plugins.h"

extern const struct tio_plugin tio_plugin_amd, tio_plugin_broadcom, tio_plugin_generic,
	tio_plugin_intel, tio_plugin_mellanox, tio_plugin_nvidia, tio_plugin_nvme;

static const struct tio_plugin *const all[] = {
	&tio_plugin_amd,      &tio_plugin_broadcom, &tio_plugin_generic, &tio_plugin_intel,
	&tio_plugin_mellanox, &tio_plugin_nvidia,   &tio_plugin_nvme,
};

static struct fake_plugins fake;

static void start(void)
{
	fake_plugins_init(&fake);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		fake_plugins_add(&fake, all[i]);
}

TestSuite(vendors, .init = start);

static const struct {
	uint16_t vendor, device;
	uint32_t class;
	char *plugin, *kind, *module;
} claims[] = {
	{ 0x10de, 0x2901, 0x030200, "nvidia", "GPU", "nvidia" }, /* a 3D controller */
	{ 0x10de, 0x2331, 0x030000, "nvidia", "GPU", "nvidia" },
	{ 0x10de, 0x2345, 0x030200, "nvidia", "GPU", "nvidia" }, /* Grace Hopper */
	{ 0x10de, 0x22e8, 0x040300, "generic", "", "" },         /* its sound by itself */
	{ 0x15b3, 0x1023, 0x020000, "mellanox", "NIC", "mlx5_core" },
	{ 0x15b3, 0x101e, 0x020000, "mellanox", "NIC", "mlx5_core" },
	{ 0x15b3, 0xa2dc, 0x020000, "mellanox", "NIC", "mlx5_core" },
	{ 0x15b3, 0x1003, 0x020000, "generic", "", "" },       /* ConnectX-3: not mlx5 */
	{ 0x15b3, 0x6001, 0x010802, "nvme", "drive", "nvme" }, /* a BlueField's drive */
	{ 0x14e4, 0x1750, 0x020000, "broadcom", "NIC", "bnxt_en" },
	{ 0x14e4, 0x1760, 0x020000, "broadcom", "NIC", "bnxt_en" },
	{ 0x14e4, 0x1657, 0x020000, "generic", "", "" }, /* tg3 */
	{ 0x8086, 0x1592, 0x020000, "intel", "NIC", "ice" },
	{ 0x8086, 0x12d2, 0x020000, "intel", "NIC", "ice" },
	{ 0x8086, 0x1889, 0x020000, "intel", "NIC", "" },
	{ 0x8086, 0x1452, 0x020000, "intel", "NIC", "idpf" },
	{ 0x8086, 0x9999, 0x020001, "intel", "NIC", "idpf" },
	{ 0x8086, 0x1521, 0x020000, "generic", "", "" }, /* igb */
	{ 0x8086, 0x4940, 0x0b4000, "intel", "QAT", "qat_4xxx" },
	{ 0x8086, 0x4946, 0x0b4000, "intel", "QAT", "qat_420xx" },
	{ 0x8086, 0x0b25, 0x088000, "intel", "accelerator", "idxd" },
	{ 0x8086, 0x0a54, 0x010802, "nvme", "drive", "nvme" }, /* an Intel drive */
	{ 0x144d, 0xa826, 0x010802, "nvme", "drive", "nvme" },
	{ 0x144d, 0xa826, 0x010601, "generic", "", "" }, /* AHCI */
	{ 0x1002, 0x74a1, 0x120000, "amd", "GPU", "" },
	{ 0x1002, 0x740f, 0x038000, "amd", "GPU", "" },
	{ 0x1022, 0x14ca, 0x108000, "generic", "", "" }, /* the PSP */
	{ 0x1dd8, 0x1002, 0x020000, "amd", "NIC", "ionic" },
	{ 0x1dd8, 0x100c, 0x120000, "amd", "DPU", "pds_core" },
	{ 0x1234, 0x1111, 0x030000, "generic", "", "" },
};

Test(vendors, each_device_is_spoken_for_by_its_own_plugin)
{
	for (size_t i = 0; i < ARRAY_SIZE(claims); i++) {
		struct function f = { .vendor = claims[i].vendor,
				      .device = claims[i].device,
				      .class = claims[i].class };
		struct plugin_claim claim = plugins_claim(&fake.plugins, &f);

		cr_assert(ne(ptr, (void *)claim.plugin, NULL));
		cr_expect(eq(str, (char *)claim.plugin->name, claims[i].plugin), "%04x:%04x",
			  f.vendor, f.device);
		cr_expect(
			eq(str, claim.traits ? (char *)claim.traits->kind : "", claims[i].kind),
			"%04x:%04x", f.vendor, f.device);
		cr_expect(eq(str, (char *)plugins_host_module(&fake.plugins, &f),
			     claims[i].module),
			  "%04x:%04x", f.vendor, f.device);
	}
}

/* --- Companions --- */

#define DISPLAY 0x030200
#define AUDIO   0x040300
#define USB     0x0c0330
#define USB_C   0x0c8000
#define NVIDIA  0x10de
#define ATI     0x1002
#define OTHERS  0x1234

static const struct {
	uint16_t vendor, sibling_vendor;
	uint32_t class, sibling_class;
	bool same_card, vf, companion;
} companions[] = {
	{ NVIDIA, NVIDIA, DISPLAY, AUDIO, true, false, true },
	{ NVIDIA, NVIDIA, DISPLAY, USB, true, false, true },
	{ NVIDIA, NVIDIA, DISPLAY, USB_C, true, false, true },
	{ NVIDIA, NVIDIA, DISPLAY, DISPLAY, true, false, false },
	{ NVIDIA, NVIDIA, DISPLAY, AUDIO, false, false, false },
	{ NVIDIA, NVIDIA, DISPLAY, AUDIO, true, true, false },
	{ NVIDIA, OTHERS, DISPLAY, USB, true, false, false },
	{ NVIDIA, NVIDIA, AUDIO, DISPLAY, true, false, false },
	{ ATI, ATI, 0x030000, AUDIO, true, false, true },
	{ ATI, ATI, 0x030000, USB, true, false, true },
	{ ATI, ATI, 0x120000, AUDIO, true, false, false },
	{ OTHERS, OTHERS, DISPLAY, AUDIO, true, false, true },
	{ OTHERS, OTHERS, DISPLAY, USB, true, false, false },
	{ OTHERS, OTHERS, 0x020000, AUDIO, true, false, false },
	{ OTHERS, OTHERS, DISPLAY, AUDIO, false, false, false },
	{ 0x15b3, 0x15b3, 0x020000, AUDIO, true, false, false },
};

Test(vendors, parts_of_a_card_go_along_with_it)
{
	for (size_t i = 0; i < ARRAY_SIZE(companions); i++) {
		struct function lead = { .vendor = companions[i].vendor,
					 .class = companions[i].class,
					 .bdf = { .bus = 0xe1, .valid = true },
					 .dsm = { .bus = 0xe1, .valid = true },
					 .kind = companions[i].vf ? FUNCTION_VF
								  : FUNCTION_ENDPOINT };
		struct function sibling = {
			.vendor = companions[i].sibling_vendor,
			.class = companions[i].sibling_class,
			.bdf = { .bus = 0xe1, .function = 1, .valid = true },
			.dsm = { .bus = 0xe1, .valid = true }
		};
		struct tio_error err = TIO_ERROR_NONE;

		if (companions[i].class == 0x020000)
			lead.device = 0x1023;
		if (!companions[i].same_card)
			sibling.bdf.bus = sibling.dsm.bus = 0x21;
		cr_expect(eq(int, plugins_is_companion(&fake.plugins, &lead, &sibling, &err),
			     companions[i].companion),
			  "case %zu", i);
	}
}

/* --- What is told --- */

Test(vendors, a_drives_vf_is_said_to_be_offline)
{
	struct function f = { .vendor = 0x144d, .class = 0x010802 };
	struct plugin_claim claim = plugins_claim(&fake.plugins, &f);

	cr_assert(ne(ptr, (void *)claim.traits, NULL));
	cr_expect(ne(ptr, strstr(claim.traits->vf_note, "virt-mgmt"), NULL));
	cr_expect(eq(str, (char *)claim.traits->note, ""));
}

Test(vendors, a_graces_gpu_is_said_to_need_another_driver)
{
	struct function f = { .vendor = NVIDIA, .device = 0x2345, .class = DISPLAY };

	cr_expect(ne(ptr, strstr(plugins_claim(&fake.plugins, &f).traits->note, "nvgrace-gpu"),
		     NULL));
	f.device = 0x2331;
	cr_expect(eq(str, (char *)plugins_claim(&fake.plugins, &f).traits->note, ""));
}

Test(vendors, persistence_is_told_while_the_nvidia_driver_has_the_gpu)
{
	struct function f = { .vendor = NVIDIA, .class = DISPLAY };
	struct plugin_claim claim = plugins_claim(&fake.plugins, &f);
	struct tio_error err = TIO_ERROR_NONE;
	struct tio_finding finding;
	struct tio_function view;

	cr_assert(eq(uint, claim.plugin->n_checks, 1));
	view = plugins_view(&f);
	cr_assert(eq(int, fake.plugins.ops->check(&fake, claim.index, 0, &view, &finding, &err),
		     0));
	cr_expect(eq(uint, finding.verdict, TIO_FINE));
	text_copy(f.driver, sizeof(f.driver), "nvidia");
	view = plugins_view(&f);
	cr_assert(eq(int, fake.plugins.ops->check(&fake, claim.index, 0, &view, &finding, &err),
		     0));
	cr_expect(eq(uint, finding.verdict, TIO_WARN));
	cr_expect(ne(ptr, strstr(finding.text, "nvidia-persistenced"), NULL));
}

/* 125 VFs took 65 s on a real card: the limit must leave room, and not be for ever. */
Test(vendors, slow_cards_get_their_time)
{
	struct function f = { .vendor = 0x15b3, .device = 0x101f, .class = 0x020000 };
	unsigned ms = plugins_deadline(&fake.plugins, &f, WAIT_VFS, 125, 15000);

	cr_expect(ge(uint, ms, 2 * 65000));
	cr_expect(le(uint, ms, 300000));
}
