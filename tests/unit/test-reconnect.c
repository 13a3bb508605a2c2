/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "core/holder.h"
#include "fake-host.h"

static struct fake_host host;
static struct request request;
static struct tio_error err;

/* A card that a VM has, and whose link stands. */
static void set_up(void)
{
	fake_host_init(&host);
	err = TIO_ERROR_NONE;
	request = a_request(&host, VERB_ATTACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	request = a_request(&host, VERB_RECONNECT, "01:00.0");
	host.trace[0] = '\0';
}

static void tear_down(void)
{
	fake_host_finish(&host);
}

TestSuite(reconnect, .init = set_up, .fini = tear_down);

static void held_by(enum holder_kind kind)
{
	struct holder holder = { .kind = kind, .pid = 4711, .command = "qemu" };

	text_copy(holder.what, sizeof(holder.what), "/dev/vfio/devices/vfio0");
	text_copy(holder.where, sizeof(holder.where), "web1");
	holder.function = address("01:00.0");
	cr_assert(eq(int, snapshot_add_holder(&host.world, &holder), 0));
}

static void expect_refusal(const char *words)
{
	cr_expect(eq(int, fake_run(&host, &request, &err), -EBUSY), "%s", host.trace);
	cr_expect(eq(int, err.kind, ERROR_IN_USE));
	cr_expect(ne(ptr, strstr(err.text, words), NULL), "%s", err.text);
	cr_expect(ne(ptr, strstr(err.fix, "--force=open"), NULL), "%s", err.fix);
	cr_expect(eq(str, host.trace, ""), "nothing was done");
}

Test(reconnect, makes_the_link_anew)
{
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(ne(ptr, strstr(host.trace, "disconnect 0000:01:00.0"), NULL), "%s",
		  host.trace);
	cr_expect(eq(str, fake_function(&host, "01:00.0")->tsm, "tsm0"));
}

Test(reconnect, not_under_a_virtual_machine)
{
	held_by(HOLDER_GUEST);
	expect_refusal("open in the virtual machine web1");
}

Test(reconnect, not_under_a_process_that_has_it_open)
{
	held_by(HOLDER_PROCESS);
	expect_refusal("open in process 4711");
}

Test(reconnect, under_either_when_it_is_forced)
{
	held_by(HOLDER_GUEST);
	held_by(HOLDER_PROCESS);
	request.force = FORCE_OPEN;
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	request.force = FORCE_NET;
	host.trace[0] = '\0';
	expect_refusal("open in");
}

/* Who runs no guest on it has no DMA that could stop. */
Test(reconnect, other_users_are_not_in_the_way)
{
	for (int kind = 0; kind < HOLDER_KIND_COUNT; kind++)
		if (kind != HOLDER_PROCESS && kind != HOLDER_GUEST)
			held_by((enum holder_kind)kind);
	cr_expect(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
}

Test(reconnect, nor_is_who_has_a_function_open_that_no_guest_can_have)
{
	held_by(HOLDER_PROCESS);
	fake_function(&host, "01:00.0")->cdev[0] = '\0';
	cr_expect(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
}

/* --- With which TSM --- */

static void add_tsm(const char *name)
{
	struct tsm *tsm = &host.world.tsms[host.world.n_tsms++];

	*tsm = host.world.tsms[0];
	text_copy(tsm->name, sizeof(tsm->name), name);
}

static void link_falls(void)
{
	struct function *dsm = fake_function(&host, "01:00.0");

	dsm->tsm[0] = '\0';
	dsm->stream.present = false;
}

Test(reconnect, stays_with_the_tsm_that_it_has)
{
	add_tsm("tsm1");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, fake_function(&host, "01:00.0")->tsm, "tsm0"));
}

Test(reconnect, goes_back_to_the_tsm_that_tiod_had_chosen)
{
	add_tsm("tsm1");
	link_falls();
	text_copy(request.last_tsm, sizeof(request.last_tsm), "tsm1");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, fake_function(&host, "01:00.0")->tsm, "tsm0"));
}

/* Connected by hand: no record says to what. */
Test(reconnect, goes_back_to_the_tsm_that_was_last_seen)
{
	host.journal[0] = '\0';
	add_tsm("tsm1");
	link_falls();
	text_copy(request.last_tsm, sizeof(request.last_tsm), "tsm1");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, fake_function(&host, "01:00.0")->tsm, "tsm1"));
}

Test(reconnect, does_not_guess_among_other_tsms)
{
	host.journal[0] = '\0';
	add_tsm("tsm1");
	link_falls();
	text_copy(request.last_tsm, sizeof(request.last_tsm), "tsm7");
	cr_expect(lt(int, fake_run(&host, &request, &err), 0));
	cr_expect(ne(ptr, strstr(err.text, "tsm0"), NULL), "%s", err.text);
	cr_expect(eq(str, host.trace, ""));
}
