/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/holder.h"
#include "core/plan.h"
#include "fake-host.h"

/* What keeps a function from being taken from its users, and what --force changes in that. */

static struct fake_host host;
static struct request request;
static struct plan plan;
static struct tio_error err;

static void start(void)
{
	struct tio_error unset = TIO_ERROR_NONE;

	fake_host_init(&host);
	memset(&request, 0, sizeof(request));
	request.verb = VERB_ATTACH;
	cr_assert(
		eq(int, request_resolve(&host.world, "01:00.0", &request.targets[0], &err), 0));
	request.n_targets = 1;
	request.family = request.targets[0].function;
	text_copy(request.vm.name, sizeof(request.vm.name), "vm1");
	text_copy(request.tsm, sizeof(request.tsm), "tsm0");
	err = unset;
}

static void end(void)
{
	plan_finish(&plan);
	fake_host_finish(&host);
}

TestSuite(use, .init = start, .fini = end);

static void held(enum holder_kind kind, const char *what, const char *where)
{
	struct holder holder = { .function = request.family, .kind = kind, .pid = 4711 };

	text_copy(holder.what, sizeof(holder.what), what);
	text_copy(holder.where, sizeof(holder.where), where);
	text_copy(holder.command, sizeof(holder.command), "holder");
	cr_assert(eq(int, snapshot_add_holder(&host.world, &holder), 0));
}

static int make(void)
{
	struct journal journal = { 0 };

	plan_finish(&plan);
	err = TIO_ERROR_NONE;
	return plan_make(&host.world, &host.all, &journal, &request, NULL, &plan, &err);
}

static bool is_noted(const char *words)
{
	for (size_t i = 0; i < plan.n_notes; i++)
		if (strstr(plan.notes[i], words))
			return true;
	return false;
}

Test(use, what_nothing_forces_says_so)
{
	held(HOLDER_MOUNT, "/dev/nvme0n1p2", "/data");
	request.force = FORCE_NET | FORCE_OPEN;
	cr_expect(eq(int, make(), -EBUSY));
	cr_expect(eq(str, err.fix,
		     "`umount /data`, or choose another device; no --force takes it away"));
}

Test(use, the_word_that_would_force_is_named)
{
	held(HOLDER_ADDRESS, "eth0", "10.0.0.1");
	held(HOLDER_PROCESS, "/dev/x", "");
	cr_expect(eq(int, make(), -EBUSY));
	cr_expect(eq(str, err.text,
		     "cannot unbind from nvme: network interface eth0 is up with the address "
		     "10.0.0.1; /dev/x is open in process 4711 (holder)"));
	cr_expect(eq(str, err.fix,
		     "`ip addr flush dev eth0`; end that process (`kill 4711`), or "
		     "--force=net,open to take it away all the same"));
}

Test(use, a_word_forces_its_own_kind_only)
{
	held(HOLDER_ADDRESS, "eth0", "10.0.0.1");
	request.force = FORCE_OPEN;
	cr_expect(eq(int, make(), -EBUSY));
	request.force = FORCE_NET;
	cr_expect(eq(int, make(), 0), "%s", err.text);
	cr_expect(is_noted("eth0 is up with the address 10.0.0.1; --force takes it away"));
	cr_expect(plan.n_steps > 0);
}

Test(use, one_that_cannot_be_forced_keeps_all_the_others)
{
	held(HOLDER_PROCESS, "/dev/x", "");
	held(HOLDER_SWAP, "/dev/x1", "/dev/x1");
	cr_expect(eq(int, make(), -EBUSY));
	cr_expect(strstr(err.fix, "no --force takes all of these away") != NULL, "%s", err.fix);
	request.force = FORCE_OPEN;
	cr_expect(eq(int, make(), -EBUSY));
	cr_expect(strstr(err.text, "from nvme: /dev/x1 is used as swap space") != NULL, "%s",
		  err.text);
}

Test(use, a_guess_is_told_and_does_not_refuse)
{
	held(HOLDER_MAYBE, "/dev/nvidia3", "");
	cr_expect(eq(int, make(), 0), "%s", err.text);
	cr_expect(is_noted("/dev/nvidia3, which may be its, is open in process 4711"));
	cr_expect(not(is_noted("--force")));
}

Test(use, an_interface_that_is_elsewhere_takes_force)
{
	held(HOLDER_HIDDEN, "", "");
	cr_expect(eq(int, make(), -EBUSY));
	cr_expect(strstr(err.fix, "--force=net") != NULL, "%s", err.fix);
	request.force = FORCE_NET;
	cr_expect(eq(int, make(), 0), "%s", err.text);
	cr_expect(is_noted("not in tiod's network namespace"));
}

Test(use, what_was_not_seen_is_never_forced)
{
	held(HOLDER_UNSEEN, "", "there are too many");
	request.force = FORCE_NET | FORCE_OPEN;
	cr_expect(eq(int, make(), -EBUSY));
	cr_expect(strstr(err.text, "there are too many") != NULL, "%s", err.text);
	cr_expect(strstr(err.fix, "no --force takes it away") != NULL, "%s", err.fix);
}

Test(use, a_long_list_ends_with_a_count)
{
	char place[80];
	size_t length;

	for (int i = 0; i < 40; i++) {
		snprintf(place, sizeof(place), "/srv/a/rather/long/place/%d", i);
		held(HOLDER_MOUNT, "/dev/nvme0n1p2", place);
	}
	cr_expect(eq(int, make(), -EBUSY));
	length = strlen(err.text);
	cr_expect(lt(sz, length, sizeof(err.text) - 1));
	cr_expect(strcmp(err.text + length - 5, " more") == 0, "%s", err.text);
	cr_expect(strstr(err.fix, "no --force takes all of these away") != NULL, "%s", err.fix);
}
