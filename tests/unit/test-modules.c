/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "host-tree.h"
#include "host/modules.h"

TestSuite(modules, .init = tree_start, .fini = tree_end);

Test(modules, a_live_one_need_not_be_loaded_whatever_its_dashes)
{
	struct tio_error err = TIO_ERROR_NONE;

	tree_put("live\n", "sys/module/tiod_test_ghost/initstate");
	cr_expect(eq(int, modules_load(tree.host.sys_fd, "tiod-test-ghost", &err), 0), "%s",
		  err.text);
}

Test(modules, one_that_is_still_starting_is_not_there_yet)
{
	struct tio_error err = TIO_ERROR_NONE;

	tree_put("coming\n", "sys/module/tiod_test_ghost/initstate");
	cr_expect(eq(int, modules_load(tree.host.sys_fd, "tiod-test-ghost", &err), -ENOENT));
}

Test(modules, one_that_does_not_exist_is_told_with_kernel_and_folder)
{
	static const char *const names[] = { "tiod-test-ghost", "pci:v0000FFFFd0000FFFFsv0",
					     "../../etc/passwd" };
	struct utsname uts;

	uname(&uts);
	for (size_t i = 0; i < 3; i++) {
		struct tio_error err = TIO_ERROR_NONE;

		cr_expect(eq(int, modules_load(tree.host.sys_fd, names[i], &err), -ENOENT));
		cr_expect(ne(ptr, strstr(err.text, names[i]), NULL), "%s", err.text);
		cr_expect(ne(ptr, strstr(err.text, "modules.dep"), NULL), "%s", err.text);
		cr_expect(ne(ptr, strstr(err.text, uts.release), NULL), "%s", err.text);
		cr_expect(eq(str, err.attribute, "module"));
		cr_expect(eq(int, err.kind, ERROR_NOT_READY));
		cr_expect(ne(str, err.fix, ""));
	}
}

Test(modules, no_name_is_no_module)
{
	struct tio_error err = TIO_ERROR_NONE;

	cr_expect(eq(int, modules_load(tree.host.sys_fd, "", &err), -EINVAL));
}
