/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The driver of a card whose VFs are to be made, where no module can be loaded for it. */

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "fake-suite.h"

#define PF "02:00.0"

FAKE_SUITE(host_driver);

static int attach_unloadable(void)
{
	fake_function(&host, PF)->driver[0] = '\0';
	fake_state(&host, before, sizeof(before));
	host.fail_call = "module";
	host.fail_nth = 1;
	host.fail_code = -ECONNREFUSED;
	request = a_request(&host, VERB_ATTACH, PF "/vf0");
	request.vfs = 1;
	return fake_run(&host, &request, &err);
}

/* Built in, or loaded at boot. */
Test(host_driver, one_that_is_there_need_not_be_loaded)
{
	cr_assert(eq(int, attach_unloadable(), 0), "%s", err.text);
	cr_expect(eq(str, fake_function(&host, PF)->driver, "mlx5_core"));
	request = a_request(&host, VERB_DETACH, PF "/vf0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, fake_function(&host, PF)->driver, ""));
}

Test(host_driver, without_one_it_is_told_why_none_was_loaded)
{
	host.no_host_driver = true;
	cr_assert(eq(int, attach_unloadable(), -ECONNREFUSED));
	cr_expect(eq(str, err.step, "load-host-driver"));
	cr_expect(ne(ptr, strstr(err.text, "fake module"), NULL), "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

Test(host_driver, a_probe_that_fails_is_told)
{
	host.no_host_driver = true;
	fake_function(&host, PF)->driver[0] = '\0';
	host.fail_call = "drivers_probe";
	host.fail_nth = 1;
	host.fail_code = -EIO;
	request = a_request(&host, VERB_ATTACH, PF "/vf0");
	request.vfs = 1;
	cr_assert(eq(int, fake_run(&host, &request, &err), -EIO));
	cr_expect(ne(ptr, strstr(err.text, "fake drivers_probe"), NULL), "%s", err.text);
}
