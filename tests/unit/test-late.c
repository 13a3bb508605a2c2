/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Who begins to use a function after the plan was made, while the steps are taken. */

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "core/holder.h"
#include "fake-suite.h"

FAKE_SUITE(late);

static void comes_later(enum holder_kind kind)
{
	struct holder holder = { .kind = kind, .pid = 4711, .function = address("01:00.0") };

	text_copy(holder.what, sizeof(holder.what), "/dev/nvme0n1");
	text_copy(holder.where, sizeof(holder.where), "/data");
	cr_assert(eq(int, snapshot_add_holder(&host.world, &holder), 0));
	host.blind = 1; /* the plan does not see it */
}

Test(late, a_disk_that_is_mounted_after_the_plan_is_not_taken)
{
	comes_later(HOLDER_MOUNT);
	request = a_request(&host, VERB_ATTACH, "01:00.0");
	request.force = FORCE_NET | FORCE_OPEN;
	fake_state(&host, before, sizeof(before));
	cr_expect(eq(int, fake_run(&host, &request, &err), -EBUSY));
	cr_expect(eq(int, (int)err.kind, (int)ERROR_IN_USE));
	cr_expect(strstr(err.text, "/dev/nvme0n1 is mounted on /data") != NULL, "%s", err.text);
	cr_expect(eq(str, err.fix, "`umount /data`, and try again"));
	cr_expect(strstr(host.trace, "unbind") == NULL, "%s", host.trace);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

Test(late, what_comes_after_the_plan_can_be_forced_as_before_it)
{
	comes_later(HOLDER_PROCESS);
	request = a_request(&host, VERB_ATTACH, "01:00.0");
	cr_expect(eq(int, fake_run(&host, &request, &err), -EBUSY));
	cr_expect(strstr(err.fix, "--force=open") != NULL, "%s", err.fix);
	host.blind = 1;
	request.force = FORCE_OPEN;
	cr_expect(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
}

Test(late, vfio_is_not_unbound_under_who_opened_it_after_the_plan)
{
	request = a_request(&host, VERB_ATTACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	fake_state(&host, before, sizeof(before));
	comes_later(HOLDER_GUEST);
	request = a_request(&host, VERB_DETACH, "01:00.0");
	cr_expect(eq(int, fake_run(&host, &request, &err), -EBUSY));
	cr_expect(strstr(err.text, "open in the virtual machine") != NULL, "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
	host.blind = 1;
	request.force = FORCE_OPEN;
	cr_expect(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
}

/* An attach that dies as soon as vfio-pci has the card. */
static void die_with_vfio(void)
{
	static volatile unsigned at;

	IGNORE_LEAKS();
	request = a_request(&host, VERB_ATTACH, "01:00.0");
	for (at = 2; strcmp(fake_function(&host, "01:00.0")->driver, "vfio-pci") != 0;
	     at += 2) {
		host.changes = 0;
		host.die_at = at;
		if (setjmp(host.death) == 0)
			cr_assert(fake_run(&host, &request, &err) < 0 && false, "it lived on");
		host.die_at = 0;
		if (strcmp(fake_function(&host, "01:00.0")->driver, "vfio-pci") != 0)
			cr_assert(eq(int, fake_recover(&host, &err), 0), "%s", err.text);
	}
}

Test(late, recovery_does_not_unbind_vfio_under_who_has_it_open)
{
	fake_state(&host, before, sizeof(before));
	die_with_vfio();
	comes_later(HOLDER_GUEST);
	host.blind = 0;
	err = TIO_ERROR_NONE;
	cr_expect(eq(int, fake_recover(&host, &err), -EBUSY));
	cr_expect(eq(int, (int)err.kind, (int)ERROR_STUCK));
	cr_expect(strstr(err.text, "open in the virtual machine") != NULL, "%s", err.text);
	cr_expect(strstr(err.fix, "--force") == NULL, "%s", err.fix);
	cr_expect(eq(str, fake_function(&host, "01:00.0")->driver, "vfio-pci"));
	/* Once that has ended, it is put back. */
	host.world.n_holders = 0;
	cr_expect(eq(int, fake_recover(&host, &err), 0), "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

/* --- A PF whose driver was loaded for its VFs --- */

static void use_pf(void)
{
	struct holder holder = { .kind = HOLDER_ADDRESS, .function = address("02:00.0") };

	text_copy(holder.what, sizeof(holder.what), "eth5");
	cr_assert(eq(int, snapshot_add_holder(&host.world, &holder), 0));
}

static void attach_vf_of_idle_pf(void)
{
	fake_function(&host, "02:00.0")->driver[0] = '\0';
	request = a_request(&host, VERB_ATTACH, "02:00.0/vf1");
	request.vfs = 4;
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_assert(eq(str, fake_function(&host, "02:00.0")->driver, "mlx5_core"));
	request = a_request(&host, VERB_DETACH, "02:00.0/vf1");
}

Test(late, a_pf_that_nobody_uses_loses_the_driver_again)
{
	attach_vf_of_idle_pf();
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, fake_function(&host, "02:00.0")->driver, ""));
}

Test(late, a_pf_that_the_host_came_to_use_keeps_it)
{
	attach_vf_of_idle_pf();
	use_pf();
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, fake_function(&host, "02:00.0")->driver, "mlx5_core"));
	cr_expect(eq(int, fake_function(&host, "02:00.0")->vfs, 0), "its VFs go all the same");
	cr_expect(strstr(host.note, "02:00.0 keeps the driver that was loaded for its VFs") !=
			  NULL,
		  "%s", host.note);
	cr_expect(strstr(host.note, "eth5") != NULL, "%s", host.note);
	cr_expect(eq(str, host.journal, ""), "nothing is left to remember");
}
