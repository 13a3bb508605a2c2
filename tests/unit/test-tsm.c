/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "host-tree.h"
#include "host/tsm.h"

#define GPU  "0000:e1:00.0"
#define ATTR "sys/bus/pci/devices/" GPU

static void one_card(void)
{
	tree_start();
	tree_function("pci0000:e0/0000:e0:01.1/" GPU, 0x10de2901, 0x030200);
	tree_attr(GPU, "tsm/connect", "");
	tree_attr(GPU, "tsm/disconnect", "");
}

TestSuite(tsm, .init = one_card, .fini = tree_end);

Test(tsm, a_name_is_tsm_and_a_number)
{
	static const char *const bad[] = { "",      "tsm",   "tsm0junk", "tsm 0", "TSM0",
					   "xtsm0", "tsm-1", "tsmX",     "tsm0/", "tsm0\n",
					   "tsm00000000000000" };
	char long_name[301] = "tsm";

	memset(long_name + 3, '1', sizeof(long_name) - 4);
	cr_expect(not(tsm_is_name(long_name)));
	cr_expect(tsm_is_name("tsm0") && tsm_is_name("tsm12"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		cr_expect(not(tsm_is_name(bad[i])), "%s", bad[i]);
}

Test(tsm, the_class_is_listed_in_order_with_parents)
{
	struct tsm tsms[SNAPSHOT_TSMS_MAX];

	cr_expect(eq(sz, tsm_list(tree.host.sys_fd, tsms), 0));
	tree_link("../../devices/pci0000:c0/0000:c3:00.5/tsm/tsm10", "sys/class/tsm/tsm10");
	tree_link("../../devices/faux/tsm/tsm9", "sys/class/tsm/tsm9");
	tree_put("", "sys/class/tsm/other");
	cr_assert(eq(sz, tsm_list(tree.host.sys_fd, tsms), 2));
	cr_expect(eq(str, tsms[0].name, "tsm9"));
	cr_expect(not(tsms[0].parent.valid));
	cr_expect(eq(str, tsms[1].name, "tsm10"));
	cr_expect(bdf_equal(tsms[1].parent, address("0000:c3:00.5")));
	cr_expect(eq(str, tsms[0].parent_name, "faux"));
	cr_expect(eq(str, tsms[1].parent_name, "0000:c3:00.5"));
	cr_expect(eq(str, tsms[0].driver, ""));
}

Test(tsm, more_tsms_than_fit_are_left_out)
{
	struct tsm tsms[SNAPSHOT_TSMS_MAX];

	for (int i = 0; i < SNAPSHOT_TSMS_MAX + 3; i++)
		tree_link("../../devices/x", "sys/class/tsm/tsm%d", i);
	cr_expect(eq(sz, tsm_list(tree.host.sys_fd, tsms), SNAPSHOT_TSMS_MAX));
}

Test(tsm, a_link_is_read_and_what_is_not_there_is_no_link)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct function f = { .bdf = address(GPU), .tsm = "old", .bound = "old" };

	tree_attr(GPU, "tsm/connect", "tsm0\n");
	cr_assert(eq(int, tsm_read_link(tree.host.sys_fd, &f, &err), 0));
	cr_expect(f.link_known && f.tsm_group);
	cr_expect(eq(str, f.tsm, "tsm0"));
	cr_expect(eq(str, f.bound, ""));

	tree_remove(ATTR "/tsm");
	cr_assert(eq(int, tsm_read_link(tree.host.sys_fd, &f, &err), 0));
	cr_expect(f.link_known && !f.tsm_group);
	cr_expect(eq(str, f.tsm, ""));

	tree_remove(ATTR);
	cr_expect(eq(int, tsm_read_link(tree.host.sys_fd, &f, &err), -ENODEV));
}

Test(tsm, connect_writes_the_name_once)
{
	struct tio_error err = TIO_ERROR_NONE;

	cr_expect(eq(int, tsm_connect(tree.host.sys_fd, address(GPU), "tsm0", &err), 0));
	cr_expect(eq(str, tree_text(ATTR "/tsm/connect"), "tsm0"));
	/* Connected already: written again, the file would not be seen to change. */
	tree_attr(GPU, "tsm/connect", "tsm0\n");
	cr_expect(eq(int, tsm_connect(tree.host.sys_fd, address(GPU), "tsm0", &err), 0));
	cr_expect(eq(str, tree_text(ATTR "/tsm/connect"), "tsm0\n"));
}

Test(tsm, another_tsm_is_not_pushed_aside)
{
	struct tio_error err = TIO_ERROR_NONE;

	tree_attr(GPU, "tsm/connect", "tsm1\n");
	cr_expect(eq(int, tsm_connect(tree.host.sys_fd, address(GPU), "tsm0", &err), -EBUSY));
	cr_expect(eq(str, err.text, GPU " is connected to tsm1, not to tsm0"));
	cr_expect(eq(str, err.attribute, "tsm/connect"));
	cr_expect(
		eq(int, tsm_disconnect(tree.host.sys_fd, address(GPU), "tsm0", &err), -EINVAL));
	cr_expect(eq(str, err.attribute, "tsm/disconnect"));
	cr_expect(eq(str, tree_text(ATTR "/tsm/disconnect"), ""));
}

Test(tsm, junk_never_reaches_the_kernel)
{
	struct tio_error err = TIO_ERROR_NONE;

	cr_expect(eq(int, tsm_connect(tree.host.sys_fd, address(GPU), "tsm0junk", &err),
		     -EINVAL));
	cr_expect(eq(int, err.kind, ERROR_INVALID));
	cr_expect(eq(str, tree_text(ATTR "/tsm/connect"), ""));
}

Test(tsm, a_disconnect_that_did_nothing_is_an_error)
{
	struct tio_error err = TIO_ERROR_NONE;

	cr_expect(eq(int, tsm_disconnect(tree.host.sys_fd, address(GPU), "tsm0", &err), 0));
	tree_attr(GPU, "tsm/connect", "tsm0\n");
	cr_expect(
		eq(int, tsm_disconnect(tree.host.sys_fd, address(GPU), "tsm0", &err), -EPROTO));
	cr_expect(eq(str, tree_text(ATTR "/tsm/disconnect"), "tsm0"));
	cr_expect(eq(str, err.text,
		     "tsm0 was written to tsm/disconnect of " GPU
		     ", but tsm/connect then read \"tsm0\""));
}

Test(tsm, a_blob_is_read_as_it_is)
{
	struct tio_error err = TIO_ERROR_NONE;
	char bytes[16];

	cr_expect(eq(int,
		     (int)tsm_read_blob(tree.host.sys_fd, address(GPU), "dsm_status", bytes,
					sizeof(bytes), &err),
		     -ENOENT));
	cr_expect(
		eq(str, err.text, "read tsm/dsm_status of " GPU ": No such file or directory"));
	cr_expect(eq(str, err.attribute, "tsm/dsm_status"));
	tree_put_bytes("a\0\n\0b\n", 6, ATTR "/tsm/dsm_status");
	cr_expect(eq(int,
		     (int)tsm_read_blob(tree.host.sys_fd, address(GPU), "dsm_status", bytes,
					sizeof(bytes), &err),
		     6));
	cr_expect(memcmp(bytes, "a\0\n\0b\n", 6) == 0);
}

Test(tsm, a_card_without_the_group_is_told_so)
{
	struct tio_error err = TIO_ERROR_NONE;

	tree_remove(ATTR "/tsm");
	cr_expect(eq(int, tsm_connect(tree.host.sys_fd, address(GPU), "tsm0", &err), -ENOENT));
	cr_expect(eq(str, err.text,
		     "write \"tsm0\" to tsm/connect of " GPU ": No such file or directory"));
	cr_expect(eq(int, tsm_disconnect(tree.host.sys_fd, address(GPU), "tsm0", &err), 0));
}
