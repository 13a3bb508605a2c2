/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "host-tree.h"
#include "host/sysfs.h"

TestSuite(sysfs, .init = tree_start, .fini = tree_end);

#define GPU "0000:e1:00.0"

Test(sysfs, a_value_is_read_without_its_newline)
{
	char buf[16];

	tree_put("tsm0\n", "sys/a");
	tree_put("", "sys/empty");
	tree_put("two\nlines\n", "sys/lines");
	cr_expect(eq(int, attr_read(tree.host.sys_fd, "a", buf, sizeof(buf)), 0));
	cr_expect(eq(str, buf, "tsm0"));
	cr_expect(eq(int, attr_read(tree.host.sys_fd, "empty", buf, sizeof(buf)), 0));
	cr_expect(eq(str, buf, ""));
	cr_expect(eq(int, attr_read(tree.host.sys_fd, "lines", buf, sizeof(buf)), 0));
	cr_expect(eq(str, buf, "two\nlines"));
}

Test(sysfs, a_value_that_does_not_fit_is_an_error_and_never_cut)
{
	char buf[8];

	tree_put("1234567", "sys/fits");
	tree_put("12345678", "sys/long");
	cr_expect(eq(int, attr_read(tree.host.sys_fd, "fits", buf, sizeof(buf)), 0));
	cr_expect(eq(str, buf, "1234567"));
	cr_expect(eq(int, attr_read(tree.host.sys_fd, "long", buf, sizeof(buf)), -EFBIG));
	cr_expect(eq(str, buf, ""));
}

Test(sysfs, no_path_leaves_the_root)
{
	static const char *const paths[] = { "",       "/etc/passwd", "..",
					     "../run", "a/../../run", "a/.." };
	char buf[64];

	tree_folder("sys/a");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		cr_expect(eq(int, attr_read(tree.host.sys_fd, paths[i], buf, sizeof(buf)),
			     -EINVAL),
			  "%s", paths[i]);
		cr_expect(not(attr_exists(tree.host.sys_fd, paths[i])), "%s", paths[i]);
		cr_expect(eq(ptr, attr_open_folder(tree.host.sys_fd, paths[i]), NULL));
	}
	/* Two dots inside of a name are a name. */
	tree_put("x", "sys/a/..b");
	cr_expect(eq(int, attr_read(tree.host.sys_fd, "a/..b", buf, sizeof(buf)), 0));
}

Test(sysfs, an_attribute_is_never_a_link)
{
	char buf[64];

	tree_put("secret", "secret");
	tree_link("../secret", "sys/attr");
	cr_expect(eq(int, attr_read(tree.host.sys_fd, "attr", buf, sizeof(buf)), -ELOOP));
}

Test(sysfs, numbers_are_whole_and_may_be_negative_or_hex)
{
	static const struct {
		const char *text;
		int result;
		long value;
	} cases[] = {
		{ "64\n", 0, 64 },       { "-1\n", 0, -1 },
		{ "0x10\n", 0, 16 },     { "", -EINVAL, 7 },
		{ "12x\n", -EINVAL, 7 }, { "-\n", -EINVAL, 7 },
		{ " 12\n", -EINVAL, 7 }, { "99999999999999999999\n", -ERANGE, 7 },
	};
	int64_t value;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		value = 7;
		tree_put(cases[i].text, "sys/n");
		cr_expect(eq(int, attr_read_number(tree.host.sys_fd, "n", &value),
			     cases[i].result),
			  "%s", cases[i].text);
		cr_expect(eq(long, (long)value, cases[i].value), "%s", cases[i].text);
	}
}

Test(sysfs, the_last_part_of_a_link_is_a_name)
{
	char buf[8];

	tree_link("../../../bus/pci/drivers/nvme", "sys/driver");
	tree_link("plain", "sys/plain");
	tree_link("x/vfio-pci-long", "sys/long");
	cr_expect(
		eq(int, attr_read_link_name(tree.host.sys_fd, "driver", buf, sizeof(buf)), 0));
	cr_expect(eq(str, buf, "nvme"));
	cr_expect(eq(int, attr_read_link_name(tree.host.sys_fd, "plain", buf, sizeof(buf)), 0));
	cr_expect(eq(str, buf, "plain"));
	cr_expect(eq(int, attr_read_link_name(tree.host.sys_fd, "long", buf, sizeof(buf)),
		     -EFBIG));
	cr_expect(eq(int, attr_read_link_name(tree.host.sys_fd, "none", buf, sizeof(buf)),
		     -ENOENT));
}

Test(sysfs, a_write_is_the_value_and_nothing_else)
{
	struct attr attr = attr_of_function(address(GPU), "tsm/connect");
	struct tio_error err = TIO_ERROR_NONE;

	tree_attr(GPU, "tsm/connect", "");
	cr_expect(eq(int, sysfs_write(tree.host.sys_fd, &attr, "tsm0", &err), 0));
	cr_expect(eq(str, tree_text("sys/bus/pci/devices/" GPU "/tsm/connect"), "tsm0"));
}

Test(sysfs, a_failed_write_says_what_was_tried_on_what)
{
	struct attr attr = attr_of_function(address(GPU), "tsm/connect");
	struct tio_error err = TIO_ERROR_NONE;

	tree_attr(GPU, "uevent", "");
	tree_folder("sys/bus/pci/devices/" GPU "/tsm/connect");
	cr_expect(eq(int, sysfs_write(tree.host.sys_fd, &attr, "tsm0", &err), -EISDIR));
	cr_expect(
		eq(str, err.text, "write \"tsm0\" to tsm/connect of " GPU ": Is a directory"));
	cr_expect(eq(str, err.attribute, "tsm/connect"));
	cr_expect(eq(int, err.code, -EISDIR));

	attr = attr_of_driver("vfio-pci", "bind");
	cr_expect(eq(int, sysfs_write(tree.host.sys_fd, &attr, GPU, &err), -ENOENT));
	cr_expect(eq(str, err.text,
		     "write \"" GPU "\" to bind of driver vfio-pci: "
		     "No such file or directory"));
	cr_expect(eq(str, err.attribute, "bind"));
}

Test(sysfs, an_attribute_is_never_created)
{
	struct attr attr = attr_of_bus("drivers_probe");

	cr_expect(eq(int, sysfs_write(tree.host.sys_fd, &attr, GPU, NULL), -ENOENT));
	cr_expect(not(attr_exists(tree.host.sys_fd, "bus/pci/drivers_probe")));
}

Test(sysfs, a_missing_function_is_told_from_a_missing_attribute)
{
	struct attr attr = attr_of_function(address(GPU), "sriov_numvfs");
	struct tio_error err = TIO_ERROR_NONE;
	char buf[8];

	cr_expect(
		eq(int, sysfs_read(tree.host.sys_fd, &attr, buf, sizeof(buf), &err), -ENODEV));
	cr_expect(eq(str, err.text, "read sriov_numvfs: there is no PCI function " GPU));
	cr_expect(eq(int, err.kind, ERROR_NO_FUNCTION));
	cr_expect(bdf_equal(err.function, address(GPU)));

	tree_attr(GPU, "uevent", "");
	cr_expect(
		eq(int, sysfs_read(tree.host.sys_fd, &attr, buf, sizeof(buf), &err), -ENOENT));
	cr_expect(eq(str, err.text, "read sriov_numvfs of " GPU ": No such file or directory"));
}

Test(sysfs, a_drivers_name_cannot_be_a_path)
{
	static const char *const names[] = { "", ".", "..", "../devices", "a/b" };

	tree_put("", "sys/bus/pci/bind");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct attr attr = attr_of_driver(names[i], "bind");

		cr_expect(eq(int, sysfs_write(tree.host.sys_fd, &attr, "x", NULL), -EINVAL),
			  "%s", names[i]);
	}
	cr_expect(eq(str, tree_text("sys/bus/pci/bind"), ""));
}
