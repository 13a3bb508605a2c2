/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "base/text.h"
#include "host/topology.h"

static const struct {
	const char *link;
	const char *bridge, *path, *top, *last;
} good[] = {
	{ "../../../devices/pci0000:e0/0000:e0:01.1/0000:e1:00.0", "pci0000:e0",
	  "devices/pci0000:e0", "0000:e0:01.1", "0000:e1:00.0" },
	{ "../../../devices/pci0000:00/0000:00:00.2", "pci0000:00", "devices/pci0000:00",
	  "0000:00:00.2", "0000:00:00.2" },
	{ "../../devices/pci0000:c0/0000:c0:07.1/0000:c3:00.5/tsm/tsm0", "pci0000:c0",
	  "devices/pci0000:c0", "0000:c0:07.1", "0000:c3:00.5" },
	/* Arm: the host bridge has parents of its own. */
	{ "../../../devices/platform/40000000.pcie/pci0002:00/0002:00:00.0/0002:01:00.0",
	  "pci0002:00", "devices/platform/40000000.pcie/pci0002:00", "0002:00:00.0",
	  "0002:01:00.0" },
	/* VMD: a host bridge below a function. */
	{ "../../../devices/pci0000:64/0000:64:00.5/pci10000:80/10000:80:02.0/10000:81:00.0",
	  "pci10000:80", "devices/pci0000:64/0000:64:00.5/pci10000:80", "10000:80:02.0",
	  "10000:81:00.0" },
	/* An event's path. */
	{ "/devices/pci0000:00/0000:00:02.0/0000:01:00.0/vfio-dev/vfio0", "pci0000:00",
	  "/devices/pci0000:00", "0000:00:02.0", "0000:01:00.0" },
};

Test(topology, the_way_to_a_function_is_read_off_its_link)
{
	char name[BDF_STRLEN];
	struct topology place;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		cr_assert(eq(int, topology_parse(good[i].link, &place), 0), "%s", good[i].link);
		cr_expect(eq(str, place.host_bridge, (char *)good[i].bridge));
		cr_expect(eq(str, place.bridge_path, (char *)good[i].path));
		cr_expect(eq(str, (char *)bdf_format(place.top, name), (char *)good[i].top));
		cr_expect(eq(str, (char *)bdf_format(place.last, name), (char *)good[i].last));
	}
}

Test(topology, what_is_no_pci_path_is_refused)
{
	static const char *const bad[] = {
		"",
		"../../../devices",
		"../../../devices/pci0000:e0",
		"../../../devices/pci0000:e/0000:e0:01.1",
		"../../../devices/pci0000:e0x/0000:e0:01.1",
		"../../../devices/virtual/0000:e0:01.1",
		"../../../devices/0000:e0:01.1/pci0000:e0",
	};
	struct topology place;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		cr_expect(eq(int, topology_parse(bad[i], &place), -EINVAL), "%s", bad[i]);
}
