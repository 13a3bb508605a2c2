/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "host-tree.h"
#include "host/sriov.h"

#define NIC  "0000:41:00.0"
#define ATTR "sys/bus/pci/devices/" NIC

static void one_nic(void)
{
	tree_start();
	tree_function("pci0000:40/0000:40:01.1/" NIC, 0x15b31023, 0x020000);
}

TestSuite(sriov, .init = one_nic, .fini = tree_end);

static struct function look(void)
{
	struct function f = { .vfs = 99, .vfs_total = 99 };
	int dir = openat(tree.host.sys_fd, "bus/pci/devices/" NIC, O_RDONLY | O_DIRECTORY);

	cr_assert(ge(int, dir, 0));
	sriov_read(dir, &f);
	close(dir);
	return f;
}

Test(sriov, a_function_without_sriov_has_no_vfs)
{
	struct function f = look();

	cr_expect(eq(uint, f.vfs_total, 0));
	cr_expect(eq(uint, f.vfs, 0));
}

Test(sriov, numbers_that_make_no_sense_are_none)
{
	struct function f;

	tree_attr(NIC, "sriov_totalvfs", "64\n");
	tree_attr(NIC, "sriov_numvfs", "-3\n");
	tree_attr(NIC, "sriov_drivers_autoprobe", "0\n");
	f = look();
	cr_expect(eq(uint, f.vfs_total, 64));
	cr_expect(eq(uint, f.vfs, 0));
	cr_expect(not(f.vfs_autoprobe));
	tree_attr(NIC, "sriov_totalvfs", "65536\n");
	cr_expect(eq(uint, look().vfs_total, 0));
}

Test(sriov, the_link_has_the_last_word_on_an_index)
{
	tree_attr(NIC, "sriov_totalvfs", "4\n");
	tree_attr(NIC, "sriov_offset", "1\n");
	tree_attr(NIC, "sriov_stride", "2\n");
	tree_link("../0000:41:00.5", ATTR "/virtfn2");
	tree_link("../0000:42:00.0", ATTR "/virtfn3");
	cr_expect(eq(uint, sriov_index(tree.host.sys_fd, address(NIC), address("0000:41:00.5")),
		     2));
	/* Not where the arithmetic says. */
	cr_expect(eq(uint, sriov_index(tree.host.sys_fd, address(NIC), address("0000:42:00.0")),
		     3));
}

Test(sriov, a_number_is_written_and_read_back)
{
	struct tio_error err = TIO_ERROR_NONE;

	tree_attr(NIC, "sriov_numvfs", "");
	tree_attr(NIC, "sriov_drivers_autoprobe", "1");
	cr_expect(eq(int, sriov_set_vfs(tree.host.sys_fd, address(NIC), 64, &err), 0));
	cr_expect(eq(str, tree_text(ATTR "/sriov_numvfs"), "64"));
	cr_expect(eq(int, sriov_set_autoprobe(tree.host.sys_fd, address(NIC), false, &err), 0));
	cr_expect(eq(str, tree_text(ATTR "/sriov_drivers_autoprobe"), "0"));
}

Test(sriov, another_number_than_told_is_an_error)
{
	struct tio_error err = TIO_ERROR_NONE;

	/* "4" over "63" leaves "43": a driver that made what it could. */
	tree_attr(NIC, "sriov_numvfs", "63");
	cr_expect(eq(int, sriov_set_vfs(tree.host.sys_fd, address(NIC), 4, &err), -EPROTO));
	cr_expect(eq(str, err.text,
		     "\"4\" was written to sriov_numvfs of " NIC ", but it holds \"43\""));
	cr_expect(eq(str, err.attribute, "sriov_numvfs"));
}

Test(sriov, a_card_that_has_none_is_told_so)
{
	struct tio_error err = TIO_ERROR_NONE;

	cr_expect(eq(int, sriov_set_vfs(tree.host.sys_fd, address(NIC), 4, &err), -ENOENT));
	cr_expect(eq(str, err.text,
		     "write \"4\" to sriov_numvfs of " NIC ": No such file or directory"));
}
