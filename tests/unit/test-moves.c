/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "base/text.h"
#include "core/moves.h"
#include "fake-host.h"

static struct fake_host host;
static struct assignments all;

static struct bdf bdf(const char *text)
{
	struct bdf bdf = { 0 };

	bdf_parse(text, &bdf);
	return bdf;
}

/* A card with two functions and a PF with VFs, all of them at 41:00 now. */
static void set_up(void)
{
	struct function card = { .bdf = bdf("41:00.0"),
				 .dsm = bdf("41:00.0"),
				 .kind = FUNCTION_ENDPOINT,
				 .slot = "4",
				 .serial = "00-01",
				 .vendor = 0x15b3,
				 .vfs_total = 8,
				 .vf_offset = 2,
				 .vf_stride = 1 };

	fake_host_init(&host);
	snapshot_put(&host.world, &card);
}

static void tear_down(void)
{
	assignments_finish(&all);
	fake_host_finish(&host);
}

TestSuite(moves, .init = set_up, .fini = tear_down);

static struct assignment reserved(const char *function, const char *lead, const char *named)
{
	struct assignment one = { .function = bdf(function),
				  .family = bdf("0000:21:00.0"),
				  .lead = bdf(lead),
				  .vf_index = -1,
				  .port = 2,
				  .identity = { .vendor = 0x15b3, .serial = "00-01" } };

	text_copy(one.vm, sizeof(one.vm), "a");
	text_copy(one.named, sizeof(one.named), named);
	return one;
}

Test(moves, found_by_serial_but_not_by_address)
{
	struct assignment one = reserved("21:00.0", "21:00.0", "serial:00-01");
	struct bdf now;

	cr_assert(moves_find(&host.world, &one, &now));
	cr_expect(bdf_equal(now, bdf("41:00.0")));
	text_copy(one.named, sizeof(one.named), "0000:21:00.0");
	cr_expect(not(moves_find(&host.world, &one, &now)), "who names an address means it");
}

Test(moves, another_card_in_the_slot_is_not_it)
{
	struct assignment one = reserved("21:00.0", "21:00.0", "slot:4");
	struct bdf now;

	text_copy(one.identity.serial, sizeof(one.identity.serial), "00-02");
	cr_expect(not(moves_find(&host.world, &one, &now)));
}

Test(moves, a_card_that_is_where_it_was_stays)
{
	struct assignment one = reserved("41:00.0", "41:00.0", "serial:00-01");
	struct bdf now;

	one.family = bdf("41:00.0");
	cr_expect(not(moves_find(&host.world, &one, &now)));
}

Test(moves, functions_companions_and_vfs_follow)
{
	struct assignment card = reserved("21:00.0", "21:00.0", "serial:00-01");
	struct assignment other = reserved("22:00.0", "21:00.0", "");
	struct assignment vf = reserved("21:00.5", "21:00.5", "serial:00-01/vf3");

	vf.physfn = bdf("21:00.0");
	vf.vf_index = 3;
	vf.settings = (struct vf_settings){ 0 };
	assignments_put(&all, &card);
	assignments_put(&all, &other);
	assignments_put(&all, &vf);
	cr_assert(eq(int, moves_apply(&host.world, &all, bdf("21:00.0"), bdf("41:00.0"), NULL),
		     0));
	cr_assert(eq(sz, all.n, 3));
	cr_expect(assignments_find(&all, bdf("41:00.0")) != NULL);
	cr_expect(bdf_equal(assignments_find(&all, bdf("22:00.0"))->lead, bdf("41:00.0")));
	cr_assert(assignments_find(&all, bdf("41:00.5")) != NULL);
	cr_expect(bdf_equal(assignments_find(&all, bdf("41:00.5"))->physfn, bdf("41:00.0")));
	cr_expect(eq(int, assignments_find(&all, bdf("41:00.0"))->port, 2));
}

Test(moves, all_or_none)
{
	struct assignment card = reserved("21:00.0", "21:00.0", "serial:00-01");
	struct assignment taken = reserved("41:00.0", "41:00.0", "41:00.0");

	taken.family = bdf("41:00.0");
	assignments_put(&all, &card);
	assignments_put(&all, &taken);
	cr_expect(eq(int, moves_apply(&host.world, &all, bdf("21:00.0"), bdf("41:00.0"), NULL),
		     -EEXIST));
	cr_expect(assignments_find(&all, bdf("21:00.0")) != NULL);
}
