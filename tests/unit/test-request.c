/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdlib.h>

#include "base/text.h"
#include "fake-host.h"

struct name {
	char typed[64];
	int result;
	char function[BDF_STRLEN];
	int vf_index;
};

ParameterizedTestParameters(request, a_name_is_resolved_or_refused)
{
	static struct name names[] = {
		{ "0000:01:00.0", 0, "0000:01:00.0", -1 },
		{ "01:00.0", 0, "0000:01:00.0", -1 },
		{ "slot:7", 0, "0000:01:00.0", -1 },
		{ "02:00.0/vf0", 0, "0000:02:00.1", 0 },
		{ "0000:02:00.0/vf7", 0, "0000:02:01.0", 7 },
		{ "02:00.0/vf8", -ERANGE, "", 0 },
		{ "01:00.0/vf0", -ERANGE, "", 0 },
		{ "02:00.0/vf", -EINVAL, "", 0 },
		{ "02:00.0/vfx", -EINVAL, "", 0 },
		{ "02:00.0/vf-1", -EINVAL, "", 0 },
		{ "03:00.0", -ENODEV, "", 0 },
		{ "slot:8", -ENODEV, "", 0 },
		{ "01:00", -EINVAL, "", 0 },
		{ "01:20.0", -EINVAL, "", 0 },
		{ "01:00.8", -EINVAL, "", 0 },
		{ "01:00.0 ", -EINVAL, "", 0 },
		{ "../../etc", -EINVAL, "", 0 },
		{ "", -EINVAL, "", 0 },
		{ "0000:01:00.000000000000000000000000000000000000000000000000", -EINVAL, "",
		  0 },
	};

	return cr_make_param_array(struct name, names, ARRAY_SIZE(names));
}

ParameterizedTest(struct name *name, request, a_name_is_resolved_or_refused)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct target target = { 0 };
	struct fake_host host;
	char found[BDF_STRLEN];

	fake_host_init(&host);
	text_copy(fake_function(&host, "01:00.0")->slot, 16, "7");
	cr_assert(
		eq(int, request_resolve(&host.world, name->typed, &target, &err), name->result),
		"%s", name->typed);
	if (name->result == 0) {
		cr_expect(eq(str, (char *)bdf_format(target.function, found), name->function));
		cr_expect(eq(int, target.vf_index, name->vf_index));
		cr_expect(eq(str, target.named, name->typed));
	} else {
		cr_expect(ne(int, err.text[0], 0), "a refusal is a sentence");
		cr_expect(ne(int, err.fix[0], 0), "and says what to do");
	}
	fake_host_finish(&host);
}

/* A detach may be asked for while the attach that brings companions along still runs. */
Test(request, what_came_along_goes_back_with_its_lead)
{
	static const char *const list[][2] = { { "01:00.0", "01:00.0" },
					       { "01:00.1", "01:00.0" },
					       { "03:00.0", "01:00.0" },
					       { "02:00.1", "02:00.1" } };
	struct request request = { .verb = VERB_DETACH, .n_targets = 1 };
	struct tio_error err = TIO_ERROR_NONE;
	struct assignments all = { 0 };
	struct assignment one = { .vf_index = -1 };

	for (size_t i = 0; i < ARRAY_SIZE(list); i++) {
		one.function = address(list[i][0]);
		one.lead = address(list[i][1]);
		cr_assert(eq(int, assignments_put(&all, &one), 0));
	}
	request.targets[0].function = request.targets[0].lead = address("01:00.0");
	cr_assert(eq(int, request_add_led(&all, &request, &err), 0));
	cr_assert(eq(sz, request.n_targets, 3));
	cr_expect(bdf_equal(request.targets[1].function, address("01:00.1")));
	cr_expect(bdf_equal(request.targets[2].function, address("03:00.0")));
	cr_assert(eq(int, request_add_led(&all, &request, &err), 0));
	cr_expect(eq(sz, request.n_targets, 3), "each goes once");
	assignments_finish(&all);
}

Test(request, a_card_that_nobody_locked_is_named_and_not_touched)
{
	struct request *request = calloc(1, sizeof(*request));
	struct tio_error err = TIO_ERROR_NONE;
	struct fake_host host;

	fake_host_init(&host);
	fake_function(&host, "01:00.0");
	fake_function(&host, "02:00.0");
	request->family = request->families[0] = fake_function(&host, "01:00.0")->bdf;
	request->n_families = 1;
	request->targets[request->n_targets++].function = request->family;
	request->targets[request->n_targets++].function = fake_function(&host, "02:00.0")->bdf;

	cr_expect(eq(int, request_check_locked(&host.world, request, &err), 0));
	cr_expect(eq(sz, request->n_families, 1));
	request->n_locked = 1;
	cr_expect(eq(int, request_check_locked(&host.world, request, &err), -EAGAIN));
	cr_assert(eq(sz, request->n_families, 2));
	cr_expect(bdf_equal(request->families[1], fake_function(&host, "02:00.0")->bdf));
	request->n_locked = 2;
	cr_expect(eq(int, request_check_locked(&host.world, request, &err), 0));
	fake_host_finish(&host);
	free(request);
}

Test(request, what_was_given_up_meanwhile_is_not_attached_again)
{
	struct request *request = calloc(1, sizeof(*request));
	struct assignments all = { 0 };
	static const char *const vms[] = { "a", "b", NULL, "a" };

	text_copy(request->vm.name, sizeof(request->vm.name), "a");
	for (uint8_t i = 0; i < 4; i++) {
		struct assignment one = { .function = { .valid = true, .bus = i } };

		request->targets[request->n_targets++].function = one.function;
		if (!vms[i])
			continue;
		text_copy(one.vm, sizeof(one.vm), vms[i]);
		assignments_put(&all, &one);
	}
	request_keep_reserved(&all, request);
	cr_assert(eq(sz, request->n_targets, 2));
	cr_expect(eq(u8, request->targets[0].function.bus, 0));
	cr_expect(eq(u8, request->targets[1].function.bus, 3));
	assignments_finish(&all);
	free(request);
}

struct handover {
	enum verb verb;
	char held_by[2], now[2];
	int result;
	char says[64];
};

ParameterizedTestParameters(request, what_changed_hands_while_it_waited_is_left)
{
	static struct handover rows[] = {
		{ VERB_DETACH, "a", "a", 0, "" },
		{ VERB_DETACH, "a", "", 0, "" },
		{ VERB_DETACH, "", "b", 0, "" },
		{ VERB_DETACH, "", "", 0, "" },
		{ VERB_DETACH, "a", "b", -EBUSY, "is reserved for b now" },
		{ VERB_ATTACH, "a", "a", 0, "" },
		{ VERB_ATTACH, "", "b", 0, "" },
		{ VERB_ATTACH, "", "", 0, "" },
		{ VERB_ATTACH, "a", "", -EPERM, "was taken from the VM \"a\"" },
		{ VERB_ATTACH, "a", "b", -EPERM, "was taken from the VM \"a\"" },
	};

	return cr_make_param_array(struct handover, rows, ARRAY_SIZE(rows));
}

ParameterizedTest(struct handover *row, request, what_changed_hands_while_it_waited_is_left)
{
	struct request *request = calloc(1, sizeof(*request));
	struct assignment one = { .function = { .valid = true, .bus = 1 } };
	struct assignment kept = { .function = { .valid = true, .bus = 2 }, .vm = "a" };
	struct tio_error err = TIO_ERROR_NONE;
	struct assignments all = { 0 };
	bool whole = row->verb == VERB_ATTACH && row->result < 0;

	text_copy(one.vm, sizeof(one.vm), row->held_by);
	request->verb = row->verb;
	request->targets[request->n_targets++] = target_of_assignment(&one);
	text_copy(one.vm, sizeof(one.vm), row->now);
	if (row->now[0])
		assignments_put(&all, &one);
	assignments_put(&all, &kept);

	cr_expect(eq(int, request_keep_held(&all, request, &err), row->result));
	cr_expect(ne(ptr, strstr(err.text, row->says), NULL), "%s", err.text);
	cr_expect(eq(sz, request->n_targets, row->result == 0));

	request->n_targets = 1;
	request->targets[request->n_targets++] = target_of_assignment(&kept);
	cr_expect(eq(int, request_keep_held(&all, request, &err), whole ? row->result : 0),
		  "a detach goes on with the others, an attach does not");
	if (row->verb == VERB_DETACH)
		cr_expect(eq(sz, request->n_targets, row->result == 0 ? 2 : 1));
	assignments_finish(&all);
	free(request);
}
