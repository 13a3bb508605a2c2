/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/text.h"
#include "core/groups.h"
#include "core/report.h"

static struct snapshot snap;

static struct bdf at(const char *text)
{
	struct bdf bdf = BDF_NONE;

	cr_assert(eq(int, bdf_parse(text, &bdf), 0));
	return bdf;
}

static struct function *put(const char *address, const char *upstream, enum port_type port,
			    int group)
{
	struct function f = {
		.bdf = at(address), .port = port, .iommu_group = group, .config_complete = true
	};

	if (upstream)
		f.upstream = at(upstream);
	if (port == EXPRESS_ROOT || port == EXPRESS_DOWNSTREAM)
		f.acs = (struct acs){ true, 0x5f, 0x1d };
	cr_assert(eq(int, snapshot_put(&snap, &f), 0));
	return snapshot_find(&snap, f.bdf);
}

/* A switch below a root port, with a card at each of its ports. */
static void a_switch(void)
{
	put("00:01.0", NULL, EXPRESS_ROOT, 1);
	put("01:00.0", "00:01.0", EXPRESS_UPSTREAM, 2);
	put("02:00.0", "01:00.0", EXPRESS_DOWNSTREAM, 3);
	put("02:01.0", "01:00.0", EXPRESS_DOWNSTREAM, 4);
	put("03:00.0", "02:00.0", EXPRESS_OTHER, 9);
	put("04:00.0", "02:01.0", EXPRESS_OTHER, 9);
}

static void end(void)
{
	snapshot_finish(&snap);
}

TestSuite(groups, .init = a_switch, .fini = end);

static struct function *get(const char *address)
{
	return snapshot_find(&snap, at(address));
}

static void expect(const char *function, const char *why)
{
	char text[512];

	cr_expect(eq(str, (char *)groups_explain_one(&snap, get(function), text, sizeof(text)),
		     (char *)why));
}

Test(groups, who_is_alone_needs_no_reason)
{
	get("04:00.0")->iommu_group = 10;
	get("02:00.0")->acs.present = false;
	expect("03:00.0", "");
	get("03:00.0")->iommu_group = -1;
	get("04:00.0")->iommu_group = -1;
	expect("03:00.0", "");
}

Test(groups, a_port_without_acs_is_named)
{
	get("02:00.0")->acs.present = false;
	expect("03:00.0", "switch port 0000:02:00.0 has no ACS");
	/* It is the same group, seen from the other side. */
	expect("04:00.0", "switch port 0000:02:00.0 has no ACS");
}

Test(groups, bits_that_are_off_are_named)
{
	get("02:00.0")->acs.control = 0x1d & ~0x5;
	get("00:01.0")->acs.control = 0;
	expect("03:00.0", "switch port 0000:02:00.0 has ACS without source validation, request "
			  "redirect; root port 0000:00:01.0 has ACS without source validation, "
			  "request redirect, completion redirect, upstream forwarding");
}

Test(groups, what_a_port_cannot_do_is_hard_wired)
{
	get("02:00.0")->acs = (struct acs){ true, 0x1, 0x1 };
	expect("03:00.0", "the platform says that they cannot be parted");
}

Test(groups, a_bridge_to_conventional_pci_is_named)
{
	get("02:00.0")->port = EXPRESS_TO_PCI;
	expect("03:00.0", "bridge 0000:02:00.0 leads to conventional PCI, whose devices look "
			  "alike");
}

Test(groups, functions_of_one_card)
{
	put("03:00.1", "02:00.0", EXPRESS_OTHER, 9);
	get("04:00.0")->iommu_group = 10;
	expect("03:00.0", "it is one card with 0000:03:00.1, and its functions have no ACS");
	get("03:00.0")->acs = (struct acs){ true, 0x1d, 0x1d };
	expect("03:00.0", "the platform says that they cannot be parted");
	get("03:00.1")->kind = FUNCTION_VF;
	get("03:00.0")->acs.present = false;
	expect("03:00.0", "the platform says that they cannot be parted");
}

Test(groups, unreadable_bridges_are_not_blamed)
{
	get("02:00.0")->acs.present = false;
	get("02:00.0")->config_complete = false;
	expect("03:00.0", "the platform says that they cannot be parted");
}

Test(groups, a_loop_of_bridges_ends)
{
	get("00:01.0")->upstream = at("02:00.0");
	get("02:00.0")->acs.present = false;
	expect("03:00.0", "switch port 0000:02:00.0 has no ACS");
}

Test(groups, members_are_found_by_index)
{
	const struct group_member *members;
	struct groups groups;
	size_t n;

	cr_assert(eq(int, groups_init(&groups, &snap), 0));
	members = groups_members(&groups, 9, &n);
	cr_assert(eq(sz, n, 2));
	cr_expect(bdf_equal(snap.functions[members[0].at].bdf, at("03:00.0")));
	cr_expect(bdf_equal(snap.functions[members[1].at].bdf, at("04:00.0")));
	groups_members(&groups, 7, &n);
	cr_expect(eq(sz, n, 0));
	groups_members(&groups, -1, &n);
	cr_expect(eq(sz, n, 0));
	groups_finish(&groups);
	groups_members(&groups, 9, &n);
	cr_expect(eq(sz, n, 0));
}

/* --- Reports --- */

static void many_functions(void)
{
	char name[BDF_STRLEN];

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "05:%02x.%x", i / 8, i % 8);
		put(name, "02:01.0", EXPRESS_OTHER, 9);
	}
	get("02:01.0")->acs.present = false;
}

static json_t *reported(const struct groups *groups)
{
	struct assignments all = { 0 };
	struct standing standing = { .groups = groups, .in_list = groups };
	json_t *json = report_function(&snap, &all, get("04:00.0"), &standing);

	cr_assert(ne(ptr, json, NULL));
	cr_expect(eq(str, (char *)json_string_value(json_object_get(json, "groupWhy")),
		     "switch port 0000:02:01.0 has no ACS"));
	return json;
}

static void expect_members(json_t *json, size_t listed, long long size)
{
	cr_expect(eq(sz, json_array_size(json_object_get(json, "groupMembers")), listed));
	cr_expect(eq(llong, json_integer_value(json_object_get(json, "groupSize")), size));
	json_decref(json);
}

Test(groups, a_function_alone_names_its_whole_group)
{
	many_functions();
	expect_members(reported(NULL), 102, 102);
}

Test(groups, a_function_of_a_list_names_the_first_of_its_group)
{
	struct groups groups;

	many_functions();
	cr_assert(eq(int, groups_init(&groups, &snap), 0));
	expect_members(reported(&groups), REPORT_GROUP_LISTED, 102);
	groups_finish(&groups);
}

Test(groups, a_small_group_is_whole_in_lists_too)
{
	struct groups groups;
	json_t *json;

	get("02:01.0")->acs.present = false;
	cr_assert(eq(int, groups_init(&groups, &snap), 0));
	json = reported(&groups);
	cr_expect(eq(str,
		     (char *)json_string_value(
			     json_array_get(json_object_get(json, "groupMembers"), 1)),
		     "0000:04:00.0"));
	expect_members(json, 2, 2);
	groups_finish(&groups);
}
