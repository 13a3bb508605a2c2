/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "host-tree.h"
#include "host/vfio.h"

#define GPU  "0000:e1:00.0"
#define ATTR "sys/bus/pci/devices/" GPU

static struct function gpu;

static void one_function(void)
{
	tree_start();
	tree_function("pci0000:e0/0000:e0:01.1/" GPU, 0x10de2901, 0x030200);
	tree_link("../../../../bus/pci/drivers/vfio-pci", ATTR "/driver");
	gpu = (struct function){ .bdf = address(GPU), .cdev = "old" };
}

TestSuite(vfio, .init = one_function, .fini = tree_end);

static int wait_cdev(struct tio_error *err)
{
	*err = TIO_ERROR_NONE;
	return host_ops.wait_cdev(&tree.host, &gpu, 20, err);
}

Test(vfio, a_node_that_opens_is_there)
{
	struct tio_error err;

	tree_put("511:3\n", ATTR "/vfio-dev/vfio3/dev");
	tree_put("", "dev/vfio/devices/vfio3");
	cr_assert(eq(int, wait_cdev(&err), 0), "%s", err.text);
	cr_expect(eq(str, gpu.cdev, "vfio3"));
	cr_expect(gpu.cdev_node);
	cr_expect(eq(str, gpu.driver, "vfio-pci"));
}

Test(vfio, a_device_without_a_number_will_never_get_a_node)
{
	struct tio_error err;

	tree_folder(ATTR "/vfio-dev/vfio3");
	cr_expect(eq(int, wait_cdev(&err), -ENOTSUP));
	cr_expect(eq(int, err.kind, ERROR_NOT_READY));
	cr_expect(ne(ptr, strstr(err.text, "CONFIG_VFIO_DEVICE_CDEV"), NULL), "%s", err.text);
}

Test(vfio, no_device_and_no_node_are_told_apart_at_the_end)
{
	struct tio_error err;

	cr_expect(eq(int, wait_cdev(&err), -ETIMEDOUT));
	cr_expect(eq(int, err.kind, ERROR_TIMEOUT));
	cr_expect(eq(str, err.text,
		     GPU " got no VFIO device within 20 ms (its driver is vfio-pci)"));

	tree_put("511:3\n", ATTR "/vfio-dev/vfio3/dev");
	cr_expect(eq(int, wait_cdev(&err), -ETIMEDOUT));
	cr_expect(eq(str, err.text,
		     "vfio/devices/vfio3 of " GPU
		     " could not be opened within 20 ms: No such file or directory"));
}

Test(vfio, a_function_that_goes_away_is_not_waited_for)
{
	struct tio_error err;

	tree_remove(ATTR);
	cr_expect(eq(int, wait_cdev(&err), -ENODEV));
	cr_expect(eq(str, err.text, "there is no PCI function " GPU));
}

Test(vfio, a_link_in_place_of_the_node_is_not_opened)
{
	struct tio_error err;

	tree_put("511:3\n", ATTR "/vfio-dev/vfio3/dev");
	tree_put("secret", "secret");
	tree_link("../../../secret", "dev/vfio/devices/vfio3");
	cr_expect(eq(int, wait_cdev(&err), -ETIMEDOUT));
}

Test(vfio, the_host_tells_what_it_has)
{
	struct snapshot snap = { 0 };

	vfio_read_host(&tree.host, &snap);
	cr_expect(not(snap.iommu || snap.iommufd || snap.vfio_pci));
	tree_folder("sys/kernel/iommu_groups");
	vfio_read_host(&tree.host, &snap);
	cr_expect(not(snap.iommu));
	tree_folder("sys/kernel/iommu_groups/0");
	tree_folder("sys/bus/pci/drivers/vfio-pci");
	tree_put("", "dev/iommu");
	vfio_read_host(&tree.host, &snap);
	cr_expect(snap.iommu && snap.iommufd && snap.vfio_pci);
}
