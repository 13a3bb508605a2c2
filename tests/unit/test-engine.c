/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "core/power.h"
#include "fake-suite.h"

FAKE_SUITE(engine);

Test(engine, attaches_a_card_and_gives_it_back_as_it_was)
{
	fake_state(&host, before, sizeof(before));
	request = a_request(&host, VERB_ATTACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, fake_function(&host, "01:00.0")->driver, "vfio-pci"));
	cr_expect(eq(str, fake_function(&host, "01:00.0")->tsm, "tsm0"));
	cr_expect(eq(sz, host.all.n, 1));

	request = a_request(&host, VERB_DETACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
	cr_expect(eq(str, host.journal, ""), "nothing is left to remember");
}

Test(engine, attaches_a_vf_and_removes_it_again)
{
	fake_state(&host, before, sizeof(before));
	request = a_request(&host, VERB_ATTACH, "02:00.0/vf2");
	request.vfs = 4;
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, fake_function(&host, "02:00.3")->driver, "vfio-pci"));
	cr_expect(eq(str, fake_function(&host, "02:00.1")->driver, ""));
	cr_expect(eq(str, fake_function(&host, "02:00.0")->driver, "mlx5_core"));

	request = a_request(&host, VERB_DETACH, "02:00.0/vf2");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

Test(engine, the_link_and_the_vfs_stay_until_the_last_vf_goes)
{
	fake_state(&host, before, sizeof(before));
	request = a_request(&host, VERB_ATTACH, "02:00.0/vf0");
	request.vfs = 4;
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	request = a_request(&host, VERB_ATTACH, "02:00.0/vf1");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);

	request = a_request(&host, VERB_DETACH, "02:00.0/vf0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, fake_function(&host, "02:00.0")->tsm, "tsm0"));
	cr_expect(eq(int, fake_function(&host, "02:00.0")->vfs, 4));

	request = a_request(&host, VERB_DETACH, "02:00.0/vf1");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

/* Two VMs' attaches right after each other: the daemon has not read the host in between. */
Test(engine, a_vf_that_was_enabled_a_moment_ago_is_found)
{
	request = a_request(&host, VERB_ATTACH, "02:00.0/vf0");
	request.vfs = 4;
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	host.unknown = address("02:00.2");
	request = a_request(&host, VERB_ATTACH, "02:00.0/vf1");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, fake_function(&host, "02:00.2")->driver, "vfio-pci"));
}

Test(engine, a_vf_that_is_counted_but_not_there_is_refused)
{
	request = a_request(&host, VERB_ATTACH, "02:00.0/vf0");
	request.vfs = 4;
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	request = a_request(&host, VERB_ATTACH, "02:00.0/vf1");
	snapshot_remove(&host.world, address("02:00.2"));
	cr_assert(eq(int, fake_run(&host, &request, &err), -ENODEV));
	cr_expect(ne(ptr, strstr(err.text, "VF 1 is not there"), NULL), "%s", err.text);
}

Test(engine, all_vfs_of_a_command_are_bound_at_the_same_time)
{
	fake_state(&host, before, sizeof(before));
	request = a_request(&host, VERB_ATTACH,
			    "02:00.0/vf0 02:00.0/vf1 02:00.0/vf2 02:00.0/vf3");
	request.vfs = 4;
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(uint, host.batches, 2), "rebind and wait-cdev");
	for (unsigned i = 0; i < 4; i++)
		cr_expect(eq(
			str,
			snapshot_find(&host.world,
				      function_vf_address(fake_function(&host, "02:00.0"), i))
				->driver,
			"vfio-pci"));

	host.batches = 0;
	request = a_request(&host, VERB_DETACH,
			    "02:00.0/vf0 02:00.0/vf1 02:00.0/vf2 02:00.0/vf3");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(uint, host.batches, 1));
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

Test(engine, one_of_many_that_fails_takes_all_back)
{
	fake_state(&host, before, sizeof(before));
	host.fail_call = "bind";
	host.fail_nth = 3;
	host.fail_code = -EIO;
	request = a_request(&host, VERB_ATTACH,
			    "02:00.0/vf0 02:00.0/vf1 02:00.0/vf2 02:00.0/vf3");
	request.vfs = 4;
	cr_assert(eq(int, fake_run(&host, &request, &err), -EIO));
	cr_expect(bdf_equal(err.function, address("02:00.3")), "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
	cr_expect(eq(str, host.journal, ""));
}

Test(engine, the_limit_for_vfs_grows_with_their_number)
{
	request = a_request(&host, VERB_ATTACH, "02:00.0/vf0");
	request.vfs = 2;
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(uint, host.deadline_ms, 15000 + 2 * 1000));
}

Test(engine, a_second_attach_changes_nothing)
{
	unsigned changes;

	request = a_request(&host, VERB_ATTACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	changes = host.changes;
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(uint, host.changes, changes));
}

Test(engine, a_link_that_was_there_before_stays_after_detach)
{
	request = a_request(&host, VERB_CONNECT, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, host.journal, ""), "an admin's link is not tiod's to take down");
	fake_state(&host, before, sizeof(before));

	request = a_request(&host, VERB_ATTACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	request = a_request(&host, VERB_DETACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));

	request = a_request(&host, VERB_DISCONNECT, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, fake_function(&host, "01:00.0")->tsm, ""));
}

Test(engine, a_family_that_is_connected_waits_for_no_turn)
{
	request = a_request(&host, VERB_ATTACH, "02:00.0/vf0");
	request.vfs = 2;
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	host.turns = 0;
	request = a_request(&host, VERB_ATTACH, "02:00.0/vf1");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(uint, host.turns, 0));
}

Test(engine, a_link_that_is_not_secure_is_not_handed_out)
{
	fake_state(&host, before, sizeof(before));
	host.insecure = true;
	request = a_request(&host, VERB_ATTACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), -EPROTO));
	cr_expect(eq(str, err.step, "verify-ide"));
	cr_expect(ne(ptr, strstr(err.text, "not secure"), NULL), "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

Test(engine, fewer_vfs_than_asked_for_are_taken_back)
{
	fake_state(&host, before, sizeof(before));
	host.vfs_less = 1;
	request = a_request(&host, VERB_ATTACH, "02:00.0/vf0");
	request.vfs = 4;
	cr_assert(eq(int, fake_run(&host, &request, &err), -ERANGE));
	cr_expect(ne(ptr, strstr(err.text, "enabled 3 VFs instead of 4"), NULL), "%s",
		  err.text);
	host.vfs_less = 0;
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

Test(engine, a_kernel_without_vfio_cdevs_is_told_and_left_alone)
{
	fake_state(&host, before, sizeof(before));
	host.cdev_unsupported = true;
	request = a_request(&host, VERB_ATTACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), -ENOTSUP));
	cr_expect(eq(int, (int)err.kind, ERROR_NOT_READY));
	cr_expect(ne(ptr, strstr(err.fix, "CONFIG_IOMMUFD"), NULL), "%s", err.fix);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

/* --- Each call made to fail --- */

struct failure {
	char names[24];
	unsigned vfs;
	char call[32];
	unsigned nth;
	int code;
	bool silently;
};

#define EACH_CALL(silently)                                                                    \
	{ "01:00.0", 0, "assign", 1, -EROFS, silently },                                       \
		{ "01:00.0", 0, "tsm/connect", 1, -EFAULT, silently },                         \
		{ "01:00.0", 0, "driver_override", 1, -ENOMEM, silently },                     \
		{ "01:00.0", 0, "unbind", 1, -ENODEV, silently },                              \
		{ "01:00.0", 0, "bind", 1, -EBUSY, silently },                                 \
		{ "02:00.0/vf1", 4, "sriov_drivers_autoprobe", 1, -EINVAL, silently },         \
		{ "02:00.0/vf1", 4, "sriov_numvfs", 1, -ENOMEM, silently },                    \
		{ "02:00.0/vf1", 4, "tsm/connect", 1, -EIO, silently },                        \
	{                                                                                      \
		"02:00.0/vf1", 4, "bind", 1, -EINVAL, silently                                 \
	}

ParameterizedTestParameters(engine, a_failed_call_leaves_the_host_as_it_was)
{
	static struct failure failures[] = {
		EACH_CALL(false),
		{ "01:00.0", 0, "journal", 1, -ENOSPC, false },
		{ "01:00.0", 0, "journal", 2, -ENOSPC, false },
		{ "01:00.0", 0, "journal", 3, -ENOSPC, false },
		{ "01:00.0", 0, "journal", 4, -ENOSPC, false },
		{ "02:00.0/vf1", 4, "journal", 6, -ENOSPC, false },
	};

	return cr_make_param_array(struct failure, failures, ARRAY_SIZE(failures));
}

ParameterizedTest(struct failure *f, engine, a_failed_call_leaves_the_host_as_it_was)
{
	fake_state(&host, before, sizeof(before));
	host.fail_call = f->call;
	host.fail_nth = f->nth;
	host.fail_code = f->code;
	request = a_request(&host, VERB_ATTACH, f->names);
	request.vfs = f->vfs;
	cr_assert(eq(int, fake_run(&host, &request, &err), f->code), "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
	cr_expect(eq(str, host.journal, ""));
	cr_expect(ne(int, err.step[0], '\0'), "the step is named: %s", err.text);
	cr_expect(ne(ptr, strstr(err.text, "as it was before"), NULL), "%s", err.text);
}

ParameterizedTestParameters(engine, a_call_without_effect_is_noticed)
{
	static struct failure failures[] = {
		{ "01:00.0", 0, "tsm/connect", 1, 0, true },
		{ "01:00.0", 0, "bind", 1, 0, true },
		{ "02:00.0/vf1", 4, "sriov_drivers_autoprobe", 1, 0, true },
		{ "02:00.0/vf1", 4, "sriov_numvfs", 1, 0, true },
		{ "02:00.0/vf1", 4, "bind", 1, 0, true },
	};

	return cr_make_param_array(struct failure, failures, ARRAY_SIZE(failures));
}

ParameterizedTest(struct failure *f, engine, a_call_without_effect_is_noticed)
{
	fake_state(&host, before, sizeof(before));
	host.fail_call = f->call;
	host.fail_nth = f->nth;
	host.fail_silently = true;
	request = a_request(&host, VERB_ATTACH, f->names);
	request.vfs = f->vfs;
	cr_assert(lt(int, fake_run(&host, &request, &err), 0));
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

ParameterizedTestParameters(engine, a_failed_detach_leaves_the_device_attached)
{
	static struct failure failures[] = {
		{ "01:00.0", 0, "unbind", 1, -ENODEV, false },
		{ "01:00.0", 0, "bind", 1, -EIO, false },
		{ "01:00.0", 0, "driver_override", 1, -ENOMEM, false },
		{ "01:00.0", 0, "tsm/disconnect", 1, -EINTR, false },
		{ "01:00.0", 0, "release", 1, -EROFS, false },
		{ "02:00.0/vf1", 4, "sriov_numvfs", 1, -EPERM, false },
		{ "02:00.0/vf1", 4, "sriov_drivers_autoprobe", 1, -EINVAL, false },
	};

	return cr_make_param_array(struct failure, failures, ARRAY_SIZE(failures));
}

ParameterizedTest(struct failure *f, engine, a_failed_detach_leaves_the_device_attached)
{
	request = a_request(&host, VERB_ATTACH, f->names);
	request.vfs = f->vfs;
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	fake_state(&host, before, sizeof(before));

	host.fail_call = f->call;
	host.fail_nth = 1;
	host.fail_count = 2; /* an undo is tried twice */
	host.fail_code = f->code;
	request = a_request(&host, VERB_DETACH, f->names);
	cr_assert(eq(int, fake_run(&host, &request, &err), f->code), "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));

	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "and then it can go: %s",
		  err.text);
	cr_expect(eq(sz, host.all.n, 0));
}

Test(engine, what_cannot_be_put_back_is_said_and_mended_later)
{
	fake_state(&host, before, sizeof(before));
	host.insecure = true; /* verify-ide fails, and then the disconnect too */
	host.fail_call = "tsm/disconnect";
	host.fail_count = 2;
	host.fail_code = -EINTR;
	request = a_request(&host, VERB_ATTACH, "01:00.0");
	cr_assert(lt(int, fake_run(&host, &request, &err), 0));
	cr_expect(eq(int, (int)err.kind, ERROR_STUCK));
	cr_expect(ne(ptr, strstr(err.text, "connect-tsm of 0000:01:00.0 could not be put back"),
		     NULL),
		  "%s", err.text);
	cr_expect(ne(str, host.journal, ""));

	err = TIO_ERROR_NONE;
	cr_assert(eq(int, fake_recover(&host, &err), 0), "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
	cr_expect(eq(str, host.journal, ""));
}

/* --- Killed before and after each change --- */

/* Every death of @verb must leave one of the two states that live calls leave. */
static unsigned kill_everywhere(enum verb verb, const char *names, unsigned vfs)
{
	static char idle[4096], attached[4096];
	unsigned deaths = 0;

	for (unsigned at = 1;; at++) {
		fake_host_finish(&host);
		fake_host_init(&host);
		fake_state(&host, idle, sizeof(idle));
		request = a_request(&host, VERB_ATTACH, names);
		request.vfs = vfs;
		request.vm.pins_given = true;
		request.vm.pins = PIN_D3COLD | PIN_ON | PIN_RESET;
		if (verb == VERB_DETACH) {
			cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
			fake_state(&host, attached, sizeof(attached));
			request = a_request(&host, VERB_DETACH, names);
		}
		if (!die_and_recover(at))
			return deaths;
		deaths++;
		fake_state(&host, after, sizeof(after));
		if (verb == VERB_ATTACH && host.all.n)
			continue; /* it died after its last write: attached, see below */
		cr_assert(strcmp(after, idle) == 0 || strcmp(after, attached) == 0,
			  "killed at %u of %s:\n%s", at, verb_to_string(verb), after);
	}
}

Test(engine, killed_anywhere_a_card_is_before_or_after)
{
	IGNORE_LEAKS();
	cr_expect(gt(uint, kill_everywhere(VERB_ATTACH, "01:00.0", 0), 18));
	cr_expect(gt(uint, kill_everywhere(VERB_DETACH, "01:00.0", 0), 18));
}

Test(engine, killed_anywhere_a_vf_is_before_or_after)
{
	IGNORE_LEAKS();
	cr_expect(gt(uint, kill_everywhere(VERB_ATTACH, "02:00.0/vf1", 4), 24));
	cr_expect(gt(uint, kill_everywhere(VERB_DETACH, "02:00.0/vf1", 4), 24));
	cr_expect(gt(uint, kill_everywhere(VERB_ATTACH, "02:00.0/vf0 02:00.0/vf1", 4), 32));
	cr_expect(gt(uint, kill_everywhere(VERB_DETACH, "02:00.0/vf0 02:00.0/vf1", 4), 32));
}

/* --- What somebody else did meanwhile stays --- */

Test(engine, a_card_that_an_admin_gave_to_a_driver_stays_there)
{
	fake_function(&host, "01:00.0")->driver[0] = '\0';
	request = a_request(&host, VERB_ATTACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	text_copy(fake_function(&host, "01:00.0")->driver, DRIVER_NAME_MAX, "nvme");

	request = a_request(&host, VERB_DETACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, fake_function(&host, "01:00.0")->driver, "nvme"));
	cr_expect(eq(str, fake_function(&host, "01:00.0")->override, ""));
	cr_expect(eq(ptr, strstr(host.trace, "unbind 0000:01:00.0 nvme"), NULL), "%s",
		  host.trace);
}

Test(engine, a_failed_detach_does_not_take_a_card_from_that_driver)
{
	request = a_request(&host, VERB_ATTACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	text_copy(fake_function(&host, "01:00.0")->driver, DRIVER_NAME_MAX, "nvme");
	host.fail_call = "tsm/disconnect";
	host.fail_count = 2;
	host.fail_code = -EINTR;

	request = a_request(&host, VERB_DETACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), -EINTR));
	cr_expect(eq(str, fake_function(&host, "01:00.0")->driver, "nvme"));
}

Test(engine, another_card_in_the_same_slot_is_left_alone)
{
	struct function *f;

	request = a_request(&host, VERB_ATTACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	f = fake_function(&host, "01:00.0");
	f->device = 0x4711;
	text_copy(f->driver, DRIVER_NAME_MAX, "ahci");
	host.changes = 0;
	host.trace[0] = '\0';

	request = a_request(&host, VERB_ATTACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), -EBUSY));
	cr_expect(ne(ptr, strstr(err.text, "another card is in its place"), NULL), "%s",
		  err.text);
	request = a_request(&host, VERB_DETACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, fake_function(&host, "01:00.0")->driver, "ahci"));
	cr_expect(eq(ptr, strstr(host.trace, "bind"), NULL), "%s", host.trace);
	cr_expect(eq(sz, host.all.n, 0));
}

Test(engine, an_override_that_is_not_the_driver_comes_back_too)
{
	text_copy(fake_function(&host, "01:00.0")->override, DRIVER_NAME_MAX, "nouveau");
	fake_state(&host, before, sizeof(before));
	request = a_request(&host, VERB_ATTACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	request = a_request(&host, VERB_DETACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

Test(engine, a_disconnect_that_failed_leaves_the_link_the_admins)
{
	request = a_request(&host, VERB_CONNECT, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	fake_state(&host, before, sizeof(before));
	host.fail_call = "tsm/disconnect";
	host.fail_count = 2;
	host.fail_code = -EINTR;
	request = a_request(&host, VERB_DISCONNECT, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), -EINTR));
	cr_expect(eq(str, host.journal, ""));

	request = a_request(&host, VERB_ATTACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	request = a_request(&host, VERB_DETACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

Test(engine, vfs_are_not_removed_under_a_process_that_holds_one)
{
	struct holder holder = { .kind = HOLDER_PROCESS, .pid = 4711 };

	request = a_request(&host, VERB_ATTACH, "02:00.0/vf0");
	request.vfs = 4;
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	text_copy(fake_function(&host, "02:00.3")->driver, DRIVER_NAME_MAX, "vfio-pci");
	holder.function = address("02:00.3");
	cr_assert(eq(int, snapshot_add_holder(&host.world, &holder), 0));
	host.blind = 2; /* the plan does not see it */
	fake_state(&host, before, sizeof(before));

	request = a_request(&host, VERB_DETACH, "02:00.0/vf0");
	cr_assert(eq(int, fake_run(&host, &request, &err), -EBUSY));
	cr_expect(ne(ptr, strstr(err.text, "VF 2 (0000:02:00.3) is in use"), NULL), "%s",
		  err.text);
	cr_expect(eq(ptr, strstr(host.trace, "sriov_numvfs 0000:02:00.0 0"), NULL), "%s",
		  host.trace);
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

Test(engine, a_detach_whose_journal_stays_is_told)
{
	request = a_request(&host, VERB_ATTACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	host.fail_call = "journal";
	host.fail_nth = 5; /* the plan, three undos, the end */
	host.fail_count = 2;
	host.fail_code = -EIO;
	request = a_request(&host, VERB_DETACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), -EIO), "%s", host.trace);
	cr_expect(eq(int, (int)err.kind, ERROR_STUCK));
	cr_expect(ne(ptr, strstr(err.text, "a restart of tiod would do so again"), NULL), "%s",
		  err.text);
}

Test(engine, a_recovery_says_which_way_it_went)
{
	IGNORE_LEAKS();
	request = a_request(&host, VERB_ATTACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	fake_state(&host, before, sizeof(before));
	request = a_request(&host, VERB_DETACH, "01:00.0");
	host.changes = 0;
	host.die_at = 7; /* in the undo of rebind */
	if (setjmp(host.death) == 0)
		fake_run(&host, &request, &err);
	host.die_at = 0;

	host.fail_call = "bind";
	host.fail_count = 2;
	host.fail_code = -EIO;
	cr_assert(eq(int, fake_recover(&host, &err), 0), "%s", err.text);
	cr_expect(eq(int, (int)host.recovery, RECOVERY_WENT_BACK));
	cr_expect(eq(int, err.code, -EIO), "and why");
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
	cr_assert(eq(int, fake_recover(&host, &err), 0));
	cr_expect(eq(int, (int)host.recovery, RECOVERY_NOTHING));
}

Test(engine, a_card_that_vanishes_is_released)
{
	request = a_request(&host, VERB_ATTACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	request = a_request(&host, VERB_DETACH, "01:00.0");
	snapshot_remove(&host.world, address("01:00.0"));
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(sz, host.all.n, 0));
	cr_expect(eq(str, host.journal, ""));
}
