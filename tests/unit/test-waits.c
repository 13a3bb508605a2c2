/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What a name that a client types has tiod read before it is resolved.
 */

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "base/text.h"
#include "daemon.h"

#define CARD "0000:e1:00.0"
#define GONE "0000:81:00.0"

static struct daemon tiod;

static struct bdf address(const char *text)
{
	struct bdf bdf;

	cr_assert(eq(int, bdf_parse(text, &bdf), 0));
	return bdf;
}

static void put(const char *name, const char *slot, const char *serial)
{
	struct function f = { .bdf = address(name),
			      .kind = FUNCTION_ENDPOINT,
			      .vfs_total = 4,
			      .vf_offset = 1,
			      .vf_stride = 1 };

	text_copy(f.slot, sizeof(f.slot), slot);
	text_copy(f.serial, sizeof(f.serial), serial);
	cr_assert(eq(int, snapshot_put(&tiod.cache.snap, &f), 0));
}

static void begin(void)
{
	put(CARD, "7", "00-11");
	put("0000:61:00.0", "", "");
	tiod.scans.started = tiod.scans.ended = 5;
}

static void end(void)
{
	bdf_set_finish(&tiod.scans.gone);
	bdf_set_finish(&tiod.scans.dirty);
	snapshot_finish(&tiod.cache.snap);
}

TestSuite(waits, .init = begin, .fini = end);

static enum waits_for ask(const char *name, uint64_t scan)
{
	uint64_t got = 99;
	enum waits_for what = waits_of_name(&tiod, name, &got);

	cr_expect(eq(u64, got, scan), "%s", name);
	return what;
}

static void add(struct bdf_set *set, const char *name)
{
	cr_assert(eq(int, bdf_set_add(set, address(name)), 0));
}

Test(waits, what_is_known_and_what_is_no_name_wait_for_nothing)
{
	const char *const names[] = { CARD,           "e1:00.0",    CARD "/vf3", "slot:7",
				      "serial:00-11", CARD "/vf99", "nonsense",  "" };

	add(&tiod.scans.dirty, CARD);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		cr_expect(eq(int, ask(names[i], 0), WAITS_FOR_NOTHING), "%s", names[i]);
}

Test(waits, what_is_not_known_has_the_host_looked_at)
{
	struct scan now = { .since = 0 };
	const char *const names[] = { GONE, GONE "/vf0", "slot:8", "serial:22" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		cr_expect(eq(int, ask(names[i], 6), WAITS_FOR_LOOK), "%s", names[i]);

	/* One that runs may have looked before it came. */
	tiod.scans.now = &now;
	tiod.scans.started = 6;
	cr_expect(eq(int, ask(GONE, 7), WAITS_FOR_LOOK));
}

Test(waits, what_has_gone_waits_until_that_was_read)
{
	struct scan now = { .since = 0 };
	const char *const names[] = { CARD, CARD "/vf3", "slot:7", "serial:00-11" };

	add(&tiod.scans.gone, CARD);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		cr_expect(eq(int, ask(names[i], 6), WAITS_FOR_NEWS), "%s", names[i]);
	cr_expect(eq(int, ask("61:00.0", 0), WAITS_FOR_NOTHING));

	/* The one that runs reads it, and ends sooner. */
	now.gone = tiod.scans.gone;
	tiod.scans.gone = (struct bdf_set){ 0 };
	tiod.scans.now = &now;
	tiod.scans.started = 6;
	cr_expect(eq(int, ask(CARD, 6), WAITS_FOR_NEWS));
	bdf_set_finish(&now.gone);
}

Test(waits, lost_events_may_be_of_anything)
{
	tiod.scans.from_nothing = true;
	cr_expect(eq(int, ask("61:00.0", 6), WAITS_FOR_NEWS));
}

Test(waits, what_a_reading_hangs_at_is_not_waited_for)
{
	struct scan hung = { .hung = true };

	add(&tiod.scans.gone, CARD);
	add(&hung.held, CARD);
	tiod.scans.hung[tiod.scans.n_hung++] = &hung;
	cr_expect(eq(int, ask(CARD, 0), WAITS_FOR_NOTHING));
	bdf_set_finish(&hung.held);
}
