/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "handoff/libvirt.h"

#include <string.h>

#include "base/text.h"
#include "core/steps.h"

/* libvirt takes a name for the driver only as a model; names that are not its own begin with
 * ua-.
 */
static int add_hostdev(struct text *text, const struct assignment *one)
{
	const struct bdf at = one->function;

	return text_add(text,
			"<hostdev mode='subsystem' type='pci' managed='no'>\n"
			"  <driver model='" VFIO_DRIVER "' iommufd='yes'/>\n"
			"  <source>\n"
			"    <address domain='0x%04x' bus='0x%02x' slot='0x%02x' "
			"function='0x%x'/>\n"
			"  </source>\n"
			"  <alias name='ua-tio%d_%d'/>\n"
			"</hostdev>\n",
			(unsigned)at.domain, (unsigned)at.bus, (unsigned)at.device,
			(unsigned)at.function, one->port, one->port_function);
}

json_t *libvirt_devices(const struct assignments *all, const char *vm)
{
	auto_text struct text text = { 0 };

	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->list[i].vm, vm) == 0 && add_hostdev(&text, &all->list[i]) < 0)
			return NULL;
	return json_string(text.data ?: "");
}
