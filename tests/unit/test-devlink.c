/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the kernel cannot be asked is not known: nothing may be taken for legacy then. */

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "host/devlink.h"

#define NOBODY "0000:ff:1f.7"

static void no_more_files(void)
{
	struct rlimit limit;
	int next = dup(0);

	cr_assert(ge(int, next, 0));
	cr_assert(eq(int, getrlimit(RLIMIT_NOFILE, &limit), 0));
	close(next);
	limit.rlim_cur = (rlim_t)next;
	cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &limit), 0));
}

Test(devlink, a_card_without_devlink_is_legacy)
{
	struct tio_error err = TIO_ERROR_NONE;
	enum eswitch mode = ESWITCH_SWITCHDEV;
	int r = devlink_eswitch("pci", NOBODY, &mode, &err);

	/* The kernel tells nobody else. */
	if (r == -EPERM && geteuid() != 0)
		cr_skip_test("needs CAP_NET_ADMIN");
	cr_expect(eq(int, r, 0), "%s", err.text);
	cr_expect(eq(int, (int)mode, ESWITCH_LEGACY));
}

Test(devlink, what_cannot_be_asked_is_unknown)
{
	struct tio_error err = TIO_ERROR_NONE;
	enum eswitch mode = ESWITCH_LEGACY;

	no_more_files();
	cr_expect(eq(int, devlink_eswitch("pci", NOBODY, &mode, &err), -EMFILE));
	cr_expect(eq(int, (int)mode, ESWITCH_UNKNOWN));
	cr_expect(eq(int, (int)err.kind, ERROR_NOT_READY));
	cr_expect(strstr(err.text, "the eswitch mode of pci/" NOBODY ": ") != NULL, "%s",
		  err.text);
}
