/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "fake-host.h"

static const struct {
	const char *text;
	const char *why;
} bad_assignments[] = {
	{ "", "assignments: line 1" },
	{ "{", "assignments: line 1" },
	{ "[]", "\"version\" is missing" },
	{ "{\"version\": 2, \"assignments\": []}", "version 2, but this tiod reads version 1" },
	{ "{\"version\": 1}", "\"assignments\" is missing" },
	{ "{\"version\": 1, \"version\": 1}", "duplicate" },
	{ "{\"version\": 1, \"assignments\": [{\"function\": \"x\"}]}",
	  "entry 0: \"function\" is missing or not an address" },
};

Test(files, a_bad_assignments_file_is_refused_with_a_reason)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_assignments); i++) {
		const char *text = bad_assignments[i].text;
		struct assignments all = { 0 };
		struct tio_error err = TIO_ERROR_NONE;

		cr_expect(eq(int, assignments_from_json(text, strlen(text), &all, &err),
			     -EBADMSG),
			  "%s", text);
		cr_expect(ne(ptr, strstr(err.text, bad_assignments[i].why), NULL), "%s: %s",
			  text, err.text);
		cr_expect(eq(sz, all.n, 0));
	}
}

Test(files, assignments_come_back_as_they_were_written)
{
	struct assignment one = { .function = address("01:00.0"),
				  .family = address("01:00.0"),
				  .lead = address("01:00.0"),
				  .vf_index = -1,
				  .vm = "vm1",
				  .named = "slot:7",
				  .port = 3 };
	struct assignment two = { .function = address("02:00.3"),
				  .family = address("02:00.0"),
				  .lead = address("02:00.3"),
				  .physfn = address("02:00.0"),
				  .vf_index = 2,
				  .vm = "vm2" };
	struct assignments all = { 0 }, read = { 0 };
	struct tio_error err = TIO_ERROR_NONE;
	char *text = NULL;

	cr_assert(eq(int, assignments_put(&all, &two), 0));
	cr_assert(eq(int, assignments_put(&all, &one), 0));
	cr_assert(eq(int, assignments_to_json(&all, &text, &err), 0), "%s", err.text);
	cr_assert(eq(int, assignments_from_json(text, strlen(text), &read, &err), 0), "%s",
		  err.text);
	cr_assert(eq(sz, read.n, 2));
	cr_expect(bdf_equal(read.list[0].function, one.function));
	cr_expect(eq(int, read.list[0].port, 3));
	cr_expect(eq(str, read.list[0].named, "slot:7"));
	cr_expect(bdf_equal(read.list[1].physfn, two.physfn));
	cr_expect(eq(int, read.list[1].vf_index, 2));
	free(text);
	assignments_finish(&all);
	assignments_finish(&read);
}

Test(files, a_journal_comes_back_as_it_was_written)
{
	struct record record = { .step = "rebind",
				 .function = address("01:00.0"),
				 .state = RECORD_UNDOING,
				 .before = { .driver = "nvme",
					     .override = "",
					     .vfs = 3,
					     .tsm = "tsm0",
					     .power = { SETTING_YES, SETTING_NO, "flr bus" } },
				 .wanted_vfs = 8,
				 .wanted_tsm = "tsm1",
				 .wanted_pins = 0x103 };
	struct journal journal = { .family = address("01:00.0"),
				   .in_flight = true,
				   .verb = VERB_DETACH,
				   .vm = "vm1",
				   .boot = "a boot" };
	struct journal read = { 0 };
	struct tio_error err = TIO_ERROR_NONE;
	char *text = NULL;

	cr_assert(eq(int, journal_add(&journal, &record), 0));
	journal.mark = 1;
	cr_assert(eq(int, journal_to_json(&journal, &text, &err), 0), "%s", err.text);
	cr_assert(eq(int, journal_from_json(text, strlen(text), &read, &err), 0), "%s",
		  err.text);
	cr_assert(eq(sz, read.n_records, 1));
	cr_expect(read.in_flight);
	cr_expect(eq(int, (int)read.verb, VERB_DETACH));
	cr_expect(eq(sz, read.mark, 1));
	cr_expect(eq(int, (int)read.records[0].state, RECORD_UNDOING));
	cr_expect(eq(str, read.records[0].before.driver, "nvme"));
	cr_expect(eq(uint, read.records[0].before.vfs, 3));
	cr_expect(eq(uint, read.records[0].wanted_vfs, 8));
	cr_expect(eq(str, read.records[0].wanted_tsm, "tsm1"));
	cr_expect(eq(uint, read.records[0].wanted_pins, 0x103));
	cr_expect(eq(int, read.records[0].before.power.d3cold_allowed, SETTING_YES));
	cr_expect(eq(int, read.records[0].before.power.always_on, SETTING_NO));
	cr_expect(eq(str, read.records[0].before.power.reset, "flr bus"));
	cr_expect(eq(str, read.boot, "a boot"));
	free(text);
	journal_finish(&journal);
	journal_finish(&read);
}

Test(files, a_mark_behind_the_end_of_the_journal_is_refused)
{
	const char *text = "{\"version\": 1, \"family\": \"0000:01:00.0\", \"records\": [], "
			   "\"change\": {\"verb\": \"attach\", \"mark\": 1, \"vm\": \"vm1\"}}";
	struct journal journal = { 0 };
	struct tio_error err = TIO_ERROR_NONE;

	cr_expect(eq(int, journal_from_json(text, strlen(text), &journal, &err), -EBADMSG));
	cr_expect(ne(ptr, strstr(err.text, "\"mark\""), NULL), "%s", err.text);
}

Test(files, a_root_port_is_never_given_to_two_devices)
{
	struct assignments all = { 0 };
	struct tio_error err = TIO_ERROR_NONE;
	char name[16];

	for (unsigned i = 0; i < 8; i++) {
		struct assignment one = { .port = -1, .vf_index = -1, .vm = "vm1" };

		snprintf(name, sizeof(name), "%02x:00.0", i + 1);
		one.function = one.lead = one.family = address(name);
		cr_assert(eq(int, assignments_place(&all, &one, &err), 0));
		cr_expect(eq(int, one.port, (int)i));
		cr_assert(eq(int, assignments_put(&all, &one), 0));
	}
	cr_expect(assignments_remove(&all, address("03:00.0")));
	cr_expect(eq(int, assignments_free_port(&all, "vm1"), 2), "a hole is filled");
	cr_expect(eq(int, assignments_free_port(&all, "vm2"), 0), "each VM has its own");
	assignments_finish(&all);
}

static struct bdf bus(unsigned n)
{
	return (struct bdf){ .bus = (uint8_t)n, .valid = true };
}

/* Put in a mixed order: each is found, and nothing else is. */
Test(files, assignments_are_found_and_removed_among_many)
{
	struct assignments all = { 0 };

	for (unsigned i = 0; i < 128; i++) {
		struct assignment one = { .function = bus(2 * (i * 37 % 128)), .port = (int)i };

		cr_assert(eq(int, assignments_put(&all, &one), 0));
		cr_assert(eq(int, assignments_put(&all, &one), 0), "once more replaces it");
	}
	cr_expect(eq(sz, all.n, 128));
	for (unsigned i = 0; i < 128; i++) {
		const struct assignment *one = assignments_find(&all, bus(2 * (i * 37 % 128)));

		cr_assert(ne(ptr, (void *)one, NULL));
		cr_expect(eq(int, one->port, (int)i));
		cr_expect(eq(ptr, (void *)assignments_find(&all, bus(2 * i + 1)), NULL));
		cr_expect(not(assignments_remove(&all, bus(2 * i + 1))));
	}
	for (unsigned i = 0; i < 128; i++)
		cr_expect(assignments_remove(&all, bus(2 * (i * 53 % 128))));
	cr_expect(eq(sz, all.n, 0));
	cr_expect(eq(ptr, (void *)assignments_find(&all, bus(0)), NULL));
	assignments_finish(&all);
}
