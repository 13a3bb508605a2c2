/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/text.h"
#include "core/platform.h"

static const struct {
	const char *parent, *driver, *name;
} platforms[] = {
	{ "0000:c3:00.5", "ccp", "AMD SEV-TIO" },
	{ "tdx_host", "", "Intel TDX Connect" },
	{ "tdx_host", "faux_driver", "Intel TDX Connect" },
	{ "arm-rmi-dev", "", "Arm CCA" },
	{ "arm_smccc.arm-rmi-dev.0", "arm_cca_host", "Arm CCA" },
	{ "tsm-test", "faux_driver", "unknown platform (tsm-test)" },
	{ "0000:00:02.0", "i915", "unknown platform (0000:00:02.0)" },
	{ "", "", "unknown platform (no parent device)" },
};

Test(platform, is_told_from_the_parent_and_its_driver)
{
	char buf[80];

	for (size_t i = 0; i < ARRAY_SIZE(platforms); i++) {
		struct tsm tsm = { .name = "tsm0" };

		text_copy(tsm.parent_name, sizeof(tsm.parent_name), platforms[i].parent);
		text_copy(tsm.driver, sizeof(tsm.driver), platforms[i].driver);
		cr_expect(eq(str, (char *)platform_name(&tsm, buf, sizeof(buf)),
			     (char *)platforms[i].name));
	}
}

static const struct {
	bool group, member, blobs, evidence, family;
	const char *flavour;
} flavours[] = {
	{ .flavour = "none" },
	{ .family = true, .flavour = "none" },
	{ .group = true, .member = true, .flavour = "upstream" },
	{ .member = true, .flavour = "upstream" },
	{ .group = true, .member = true, .family = true, .flavour = "evidence" },
	{ .member = true, .blobs = true, .flavour = "amd-status" },
	{ .member = true, .blobs = true, .evidence = true, .flavour = "amd-sysfs" },
	{ .member = true,
	  .blobs = true,
	  .evidence = true,
	  .family = true,
	  .flavour = "amd-sysfs" },
};

Test(platform, the_flavour_is_what_is_there)
{
	for (size_t i = 0; i < ARRAY_SIZE(flavours); i++) {
		const struct function f = { .tsm_group = flavours[i].group,
					    .tsm_member = flavours[i].member,
					    .tsm_blobs = flavours[i].blobs,
					    .tsm_evidence = flavours[i].evidence };
		const struct snapshot snap = { .evidence = flavours[i].family };

		cr_expect(eq(str, (char *)platform_flavour(&snap, &f),
			     (char *)flavours[i].flavour));
	}
}
