/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/platform.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/*
 * Parts of the name of the TSM's parent device or of that device's driver.  Sources:
 * drivers/crypto/ccp (PCI driver ccp), Documentation/ABI/testing/sysfs-devices-faux-tdx-host
 * (faux device tdx_host), and the posted host side of Arm CCA (device arm-rmi-dev).
 */
static const struct {
	const char *part, *name;
} platforms[] = {
	{ "ccp", "AMD SEV-TIO" },
	{ "tdx_host", "Intel TDX Connect" },
	{ "tdx-host", "Intel TDX Connect" },
	{ "arm-rmi-dev", "Arm CCA" },
	{ "arm_cca_host", "Arm CCA" },
	{ "arm-cca-host", "Arm CCA" },
};

const char *platform_name(const struct tsm *tsm, char *buf, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(platforms); i++)
		if (strstr(tsm->driver, platforms[i].part) ||
		    strstr(tsm->parent_name, platforms[i].part))
			return platforms[i].name;
	snprintf(buf, size, "unknown platform (%s)",
		 *tsm->parent_name ? tsm->parent_name : "no parent device");
	return buf;
}

const char *platform_flavour(const struct snapshot *snap, const struct function *f)
{
	if (f->tsm_evidence)
		return "amd-sysfs";
	if (f->tsm_blobs)
		return "amd-status";
	if (!f->tsm_group && !f->tsm_member)
		return "none";
	return snap->evidence ? "evidence" : "upstream";
}
