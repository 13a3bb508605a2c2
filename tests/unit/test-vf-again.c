/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Settings of VFs that are attached again: what a guest runs with stays, and what the host had
 * before the first attach comes back.
 */

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "core/steps.h"
#include "fake-suite.h"

#define VF "02:00.0/vf2"

FAKE_SUITE(vf_again);

static void ask_for(const char *names)
{
	request = a_request(&host, VERB_ATTACH, names);
	request.vfs = 4;
}

static void attach(void)
{
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
}

static void attach_with(enum vf_key key, uint64_t value)
{
	ask_for(VF);
	vf_set(&request.settings, key, value);
	attach();
}

/* As the VM's file would say it. */
static void ask_by_file(uint64_t vlan)
{
	ask_for(VF);
	vf_set(&request.vm.network, VF_VLAN, vlan);
}

static void detach(const char *names)
{
	request = a_request(&host, VERB_DETACH, names);
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
}

static struct function *vf(void)
{
	return fake_function(&host, "02:00.3");
}

static uint64_t in_force(enum vf_key key)
{
	return host.vf_admin[2].value[key];
}

/* The VFs stay when one of them is given back. */
static void keep_the_vfs(void)
{
	ask_for("02:00.0/vf1");
	attach();
}

static void take_the_driver_off(void)
{
	vf()->driver[0] = '\0';
}

static void somebody_opens_it(void)
{
	struct holder holder = { .kind = HOLDER_GUEST, .pid = 4711, .function = vf()->bdf };

	text_copy(holder.what, sizeof(holder.what), "/dev/vfio/devices/vfio0");
	text_copy(holder.where, sizeof(holder.where), "web1");
	cr_assert(eq(int, snapshot_add_holder(&host.world, &holder), 0));
}

/* --- What was before the first attach comes back --- */

Test(vf_again, detach_puts_back_what_was_before_the_first_attach)
{
	keep_the_vfs();
	vf_set(&host.vf_admin[2], VF_VLAN, 7);
	attach_with(VF_VLAN, 12);
	take_the_driver_off();
	attach_with(VF_VLAN, 13);
	cr_expect(eq(u64, in_force(VF_VLAN), 13));
	detach(VF);
	cr_expect(eq(u64, in_force(VF_VLAN), 7));
}

Test(vf_again, detach_puts_back_what_only_the_first_attach_set)
{
	keep_the_vfs();
	vf_set(&host.vf_admin[2], VF_TRUST, 1);
	ask_for(VF);
	vf_set(&request.vm.network, VF_TRUST, 0);
	vf_set(&request.settings, VF_MSIX, 8);
	attach();
	take_the_driver_off();
	/* The file says nothing of trust any more. */
	attach_with(VF_VLAN, 13);
	detach(VF);
	cr_expect(eq(u64, in_force(VF_TRUST), 1));
	cr_expect(eq(u64, in_force(VF_VLAN), 0));
	cr_expect(eq(u64, in_force(VF_MSIX), 0));
}

Test(vf_again, a_failed_detach_goes_back_to_the_later_settings)
{
	keep_the_vfs();
	attach_with(VF_VLAN, 12);
	take_the_driver_off();
	attach_with(VF_VLAN, 13);
	request = a_request(&host, VERB_DETACH, VF);
	host.fail_call = "release";
	host.fail_count = 2;
	host.fail_code = -EIO;
	cr_assert(lt(int, fake_run(&host, &request, &err), 0));
	cr_expect(eq(u64, in_force(VF_VLAN), 13), "%s", host.trace);
}

Test(vf_again, what_another_card_had_is_not_put_back)
{
	keep_the_vfs();
	vf_set(&host.vf_admin[2], VF_VLAN, 7);
	attach_with(VF_VLAN, 12);
	take_the_driver_off();
	vf()->device++;
	host.all.n = 0;
	vf_set(&host.vf_admin[2], VF_VLAN, 0);
	attach_with(VF_VLAN, 13);
	detach(VF);
	cr_expect(eq(u64, in_force(VF_VLAN), 0));
}

Test(vf_again, a_card_that_was_taken_off_by_hand_goes_back_to_its_driver)
{
	fake_state(&host, before, sizeof(before));
	request = a_request(&host, VERB_ATTACH, "01:00.0");
	attach();
	fake_function(&host, "01:00.0")->driver[0] = '\0';
	attach();
	detach("01:00.0");
	cr_expect(eq(str, (char *)fake_state(&host, after, sizeof(after)), before));
}

Test(vf_again, a_driver_that_was_chosen_meanwhile_stays)
{
	struct function *f = fake_function(&host, "01:00.0");

	request = a_request(&host, VERB_ATTACH, "01:00.0");
	attach();
	text_copy(f->driver, sizeof(f->driver), "other");
	text_copy(f->override, sizeof(f->override), "other");
	attach();
	detach("01:00.0");
	f = fake_function(&host, "01:00.0");
	cr_expect(eq(str, f->driver, "other"));
	cr_expect(eq(str, f->override, "other"));
}

/* --- What a guest runs with stays --- */

Test(vf_again, a_file_that_was_changed_changes_nothing_that_is_attached)
{
	keep_the_vfs();
	ask_by_file(12);
	attach();
	host.changes = 0;
	ask_by_file(666);
	attach();
	cr_expect(eq(uint, host.changes, 0), "%s", host.trace);
	cr_expect(eq(u64, in_force(VF_VLAN), 12));
	cr_expect(eq(str, host.note,
		     "0000:02:00.3 is attached to vm1 already and keeps VLAN 12; VLAN 666 is "
		     "set when it is attached anew"));
	detach(VF);
	cr_expect(eq(u64, in_force(VF_VLAN), 0));
}

Test(vf_again, nor_does_a_file_that_names_something_for_the_first_time)
{
	ask_for(VF);
	attach();
	host.changes = 0;
	ask_by_file(666);
	attach();
	cr_expect(eq(uint, host.changes, 0), "%s", host.trace);
}

Test(vf_again, what_was_changed_by_hand_is_left_and_told)
{
	attach_with(VF_VLAN, 12);
	vf_set(&host.vf_admin[2], VF_VLAN, 99);
	host.changes = 0;
	ask_for(VF);
	attach();
	cr_expect(eq(uint, host.changes, 0), "%s", host.trace);
	cr_expect(strstr(host.note, "keeps VLAN 99; VLAN 12 is set when") != NULL, "%s",
		  host.note);
}

Test(vf_again, asked_for_explicitly_another_value_is_refused)
{
	ask_by_file(12);
	attach();
	ask_for(VF);
	vf_set(&request.settings, VF_VLAN, 13);
	host.changes = 0;
	cr_assert(eq(int, fake_run(&host, &request, &err), -EBUSY));
	cr_expect(eq(str, err.text, "it is attached to vm1 already, without \"VLAN 13\""));
	cr_expect(eq(uint, host.changes, 0), "%s", host.trace);
}

Test(vf_again, asked_for_explicitly_what_is_in_force_is_a_success)
{
	ask_by_file(12);
	attach();
	attach_with(VF_VLAN, 12);
	cr_expect(eq(u64, in_force(VF_VLAN), 12));
	attach_with(VF_VLAN, 12);
}

Test(vf_again, vectors_are_compared_with_what_was_asked_for)
{
	attach_with(VF_MSIX, 8);
	attach_with(VF_MSIX, 8);
	ask_for(VF);
	vf_set(&request.settings, VF_MSIX, 16);
	cr_expect(eq(int, fake_run(&host, &request, &err), -EBUSY));
	cr_expect(eq(str, err.text,
		     "it is attached to vm1 already, without \"MSI-X vectors 16\""));
}

/* --- On vfio-pci, and not by us --- */

/* As after a boot: the operator's own VFs, which vfio-pci took by itself. */
static void given_by_hand(void)
{
	cr_assert(eq(int, fake_host_ops.set_vfs(&host, address("02:00.0"), 4, &err), 0));
	cr_assert(eq(int, fake_host_ops.bind(&host, vf()->bdf, VFIO_DRIVER, &err), 0));
}

Test(vf_again, a_vf_that_vfio_has_by_itself_is_set)
{
	given_by_hand();
	ask_by_file(12);
	attach();
	cr_expect(eq(u64, in_force(VF_VLAN), 12), "nobody has it: a guest would start without");
	detach(VF);
	cr_expect(eq(u64, in_force(VF_VLAN), 0));
}

Test(vf_again, a_vf_that_somebody_has_open_is_not_set)
{
	given_by_hand();
	somebody_opens_it();
	ask_for(VF);
	vf_set(&request.settings, VF_VLAN, 12);
	cr_expect(eq(int, fake_run(&host, &request, &err), -EBUSY));
	cr_expect(eq(str, err.text, "it is in use already, without \"VLAN 12\""));
	cr_expect(eq(u64, in_force(VF_VLAN), 0));
}

Test(vf_again, vectors_cannot_be_set_while_vfio_has_it)
{
	given_by_hand();
	ask_for(VF);
	vf_set(&request.settings, VF_MSIX, 8);
	cr_expect(eq(int, fake_run(&host, &request, &err), -EBUSY));
	cr_expect(eq(str, err.text,
		     "its MSI-X vectors can only be set while no driver has it, and vfio-pci "
		     "does"));
}
