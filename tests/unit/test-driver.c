/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "host-tree.h"
#include "host/driver.h"

#define GPU  "0000:e1:00.0"
#define ATTR "sys/bus/pci/devices/" GPU

static void one_function(void)
{
	tree_start();
	tree_function("pci0000:e0/0000:e0:01.1/" GPU, 0x10de2901, 0x030200);
	tree_put("", "sys/bus/pci/drivers_probe");
	tree_put("", "sys/bus/pci/drivers/vfio-pci/bind");
	tree_put("", "sys/bus/pci/drivers/nvidia/unbind");
}

TestSuite(driver, .init = one_function, .fini = tree_end);

static void bound_to(const char *driver)
{
	char target[128];

	snprintf(target, sizeof(target), "../../../../bus/pci/drivers/%s", driver);
	tree_link(target, "%s/driver", ATTR);
}

Test(driver, an_override_is_written_and_read_back)
{
	struct tio_error err = TIO_ERROR_NONE;

	tree_attr(GPU, "driver_override", "");
	cr_expect(eq(int, driver_set_override(tree.host.sys_fd, address(GPU), "vfio-pci", &err),
		     0));
	cr_expect(eq(str, tree_text(ATTR "/driver_override"), "vfio-pci"));
}

Test(driver, clearing_writes_a_line_and_null_means_clear)
{
	struct tio_error err = TIO_ERROR_NONE;

	tree_attr(GPU, "driver_override", "");
	cr_expect(eq(int, driver_set_override(tree.host.sys_fd, address(GPU), "", &err), 0));
	cr_expect(eq(str, tree_text(ATTR "/driver_override"), "\n"));
}

Test(driver, an_override_that_did_not_take_is_an_error)
{
	struct tio_error err = TIO_ERROR_NONE;

	/* A file keeps what a shorter write leaves: here it stands for a kernel that differs.
	 */
	tree_attr(GPU, "driver_override", "a-longer-name\n");
	cr_expect(eq(int, driver_set_override(tree.host.sys_fd, address(GPU), "nvme", &err),
		     -EPROTO));
	cr_expect(eq(str, err.text,
		     "\"nvme\" was written to driver_override of " GPU
		     ", but it holds \"nvmenger-name\""));
	cr_expect(eq(str, err.attribute, "driver_override"));
	cr_expect(eq(int, driver_set_override(tree.host.sys_fd, address(GPU), "a\nb", &err),
		     -EINVAL));
}

Test(driver, nothing_is_unbound_twice)
{
	struct tio_error err = TIO_ERROR_NONE;

	cr_expect(eq(int, driver_unbind(tree.host.sys_fd, address(GPU), &err), 0));
	cr_expect(eq(str, tree_text("sys/bus/pci/drivers/nvidia/unbind"), ""));
}

Test(driver, unbind_writes_the_address_and_looks_what_came_of_it)
{
	struct tio_error err = TIO_ERROR_NONE;

	bound_to("nvidia");
	cr_expect(eq(int, driver_unbind(tree.host.sys_fd, address(GPU), &err), -EPROTO));
	cr_expect(eq(str, tree_text("sys/bus/pci/drivers/nvidia/unbind"), GPU));
	cr_expect(eq(str, err.text,
		     "unbind of " GPU " was told to let go of it, but nvidia still has it"));
	cr_expect(eq(str, err.attribute, "unbind"));
}

Test(driver, bind_is_asked_once_and_checked)
{
	struct tio_error err = TIO_ERROR_NONE;

	cr_expect(eq(int, driver_bind(tree.host.sys_fd, address(GPU), "vfio-pci", &err),
		     -EPROTO));
	cr_expect(eq(str, tree_text("sys/bus/pci/drivers/vfio-pci/bind"), GPU));
	cr_expect(eq(str, err.text,
		     GPU " was written to bind of driver vfio-pci, but it has no driver"));

	tree_put("", "sys/bus/pci/drivers/vfio-pci/bind");
	bound_to("vfio-pci");
	cr_expect(eq(int, driver_bind(tree.host.sys_fd, address(GPU), "vfio-pci", &err), 0));
	cr_expect(eq(str, tree_text("sys/bus/pci/drivers/vfio-pci/bind"), ""));

	bound_to("nvidia");
	cr_expect(eq(int, driver_bind(tree.host.sys_fd, address(GPU), "vfio-pci", &err),
		     -EPROTO));
	cr_expect(eq(str, err.text,
		     GPU " was written to bind of driver vfio-pci, but the "
			 "function's driver is nvidia"));
}

Test(driver, an_unregistered_driver_is_named)
{
	struct tio_error err = TIO_ERROR_NONE;

	cr_expect(eq(int, driver_bind(tree.host.sys_fd, address(GPU), "ghost", &err), -ENOENT));
	cr_expect(eq(str, err.text,
		     "write \"" GPU "\" to bind of driver ghost: "
		     "No such file or directory"));
	cr_expect(eq(int, driver_bind(tree.host.sys_fd, address(GPU), "../devices", &err),
		     -EINVAL));
}

Test(driver, probe_only_asks)
{
	struct tio_error err = TIO_ERROR_NONE;

	cr_expect(eq(int, driver_probe(tree.host.sys_fd, address(GPU), &err), 0));
	cr_expect(eq(str, tree_text("sys/bus/pci/drivers_probe"), GPU));
	tree_remove("sys/bus/pci/drivers_probe");
	cr_expect(eq(int, driver_probe(tree.host.sys_fd, address(GPU), &err), -ENOENT));
	cr_expect(eq(str, err.attribute, "drivers_probe"));
}

Test(driver, a_missing_function_has_no_driver_to_change)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct bdf none = address("0000:e2:00.0");

	cr_expect(eq(int, driver_unbind(tree.host.sys_fd, none, &err), -ENODEV));
	cr_expect(eq(str, err.text, "there is no PCI function 0000:e2:00.0"));
	cr_expect(eq(int, driver_bind(tree.host.sys_fd, none, "vfio-pci", &err), -ENODEV));
	cr_expect(eq(int, driver_set_override(tree.host.sys_fd, none, "x", &err), -ENODEV));
}
