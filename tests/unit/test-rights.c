/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "core/rights.h"
#include "core/snapshot.h"

static const struct peer nobody = { .uid = 65534, .groups = { 65534 }, .n_groups = 1 };
static const struct peer user = { .uid = 1000, .groups = { 7, 1000 }, .n_groups = 2 };
static const struct peer reader = { .uid = 1001, .may_read = true };
static const struct peer admin = { .uid = 1002, .may_read = true, .may_change = true };

Test(rights, groups_decide_in_general)
{
	cr_expect(rights_allow(&nobody, ACCESS_ANYONE));
	cr_expect(not(rights_allow(&nobody, ACCESS_READ)));
	cr_expect(not(rights_allow(&nobody, ACCESS_CHANGE)));
	cr_expect(rights_allow(&reader, ACCESS_READ));
	cr_expect(not(rights_allow(&reader, ACCESS_CHANGE)));
	cr_expect(rights_allow(&admin, ACCESS_READ));
	cr_expect(rights_allow(&admin, ACCESS_CHANGE));
	cr_expect(not(rights_allow(&admin, (enum access)99)));
}

Test(rights, a_file_names_the_owner)
{
	struct vm vms[] = {
		{ .name = "nobodys" },
		{ .name = "users", .user = "u", .uid = 1000 },
		{ .name = "groups", .group = "g", .gid = 7 },
		{ .name = "others", .user = "o", .uid = 1, .group = "o", .gid = 1 }
	};
	struct peer root_ids = { .uid = 0, .groups = { 0 }, .n_groups = 1 };
	struct peer no_groups = { .uid = 5, .groups = { 7 } };

	cr_expect(not(rights_own(&user, &vms[0])));
	/* The ids of a file that names nobody are 0, as root's are. */
	cr_expect(not(rights_own(&root_ids, &vms[0])));
	cr_expect(rights_own(&user, &vms[1]));
	cr_expect(rights_own(&user, &vms[2]));
	cr_expect(not(rights_own(&user, &vms[3])));
	cr_expect(not(rights_own(&nobody, &vms[1])));
	cr_expect(not(rights_own(&nobody, &vms[2])));
	cr_expect(not(rights_own(&no_groups, &vms[2])));
	cr_expect(rights_own_any(&user, vms, 4));
	cr_expect(not(rights_own_any(&nobody, vms, 4)));
	cr_expect(not(rights_own_any(&user, vms, 0)));
}

/* --- What was given --- */

static struct snapshot snap;
static struct assignments all;
static struct rule rules[2];
static const struct vm vm = { .name = "vm" };

static void make_host(void)
{
	struct function f = { .kind = FUNCTION_ENDPOINT, .vendor = 1, .vfs_total = 4 };

	bdf_parse("0000:01:00.0", &f.bdf);
	cr_assert(eq(int, snapshot_put(&snap, &f), 0));
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		rules[i] = (struct rule){ .action = RULE_ATTACH,
					  .on = RULE_HOTPLUG,
					  .match = { .given = 1u << MATCH_VENDOR,
						     .vendor = 1 } };
	text_copy(rules[0].vm, sizeof(rules[0].vm), "vm");
	text_copy(rules[1].vm, sizeof(rules[1].vm), "other");
}

static void free_host(void)
{
	snapshot_finish(&snap);
	assignments_finish(&all);
}

TestSuite(rights, .init = make_host, .fini = free_host);

static struct target whole(void)
{
	return (struct target){ .function = snap.functions[0].bdf, .vf_index = -1 };
}

static struct target vf(int index)
{
	struct target target = { .physfn = snap.functions[0].bdf, .vf_index = index };

	bdf_parse("0000:01:00.4", &target.function);
	return target;
}

static bool given(struct target target, const struct rule *first, size_t n)
{
	return rights_given(&vm, &target, &all, &snap, first, n);
}

Test(rights, the_rule_that_decides_gives)
{
	cr_expect(not(given(whole(), rules, 0)));
	cr_expect(given(whole(), rules, 1));
	cr_expect(given(whole(), rules, 2));
	cr_expect(not(given(whole(), &rules[1], 1)));
	rules[0].match.vendor = 2; /* then the other one decides */
	cr_expect(not(given(whole(), rules, 2)));
	rules[0].match.vendor = 1;
	rules[0].action = RULE_CONNECT;
	cr_expect(not(given(whole(), rules, 1)));
}

Test(rights, a_rule_gives_what_it_attaches_and_no_more)
{
	cr_expect(not(given(vf(0), rules, 1)));
	rules[0].vf = true;
	rules[0].n_vfs = 2;
	cr_expect(not(given(whole(), rules, 1)));
	cr_expect(given(vf(0), rules, 1));
	cr_expect(given(vf(1), rules, 1));
	cr_expect(not(given(vf(2), rules, 1)));
}

Test(rights, a_reservation_gives_and_takes)
{
	struct assignment one = { .vf_index = -1, .port = -1, .vm = "vm" };

	one.function = whole().function;
	one.family = one.lead = one.function;
	cr_assert(ge(int, assignments_put(&all, &one), 0));
	cr_expect(given(whole(), rules, 0));
	all.list[0].vm[0] = 'w';
	/* Whatever the rule says. */
	cr_expect(not(given(whole(), rules, 1)));
}

Test(rights, a_device_that_is_not_there_is_not_given)
{
	struct target gone = { .vf_index = -1 };

	bdf_parse("0000:02:00.0", &gone.function);
	cr_expect(not(given(gone, rules, 2)));
}

Test(rights, a_refusal_names_whom_and_what_helps)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct target target = whole();

	cr_expect(
		eq(int, rights_refuse(&nobody, "io.tiod.Attach", ACCESS_CHANGE, &err), -EPERM));
	cr_expect(eq(int, err.kind, ERROR_NOT_PERMITTED));
	cr_expect(eq(str, err.text, "uid 65534 may not call io.tiod.Attach"));
	cr_expect(ne(ptr, strstr(err.fix, "tiod-admin"), NULL));
	cr_expect(eq(int, rights_refuse_vm(&user, "io.tiod.Plan", "x", &err), -EPERM));
	cr_expect(ne(ptr, strstr(err.fix, "User="), NULL));
	cr_expect(eq(int, rights_refuse_device(&target, "x", &err), -EPERM));
	cr_expect(ne(ptr, strstr(err.fix, "tioctl attach 0000:01:00.0 --vm x"), NULL));
	cr_expect(eq(int, rights_refuse_device(&target, NULL, &err), -EPERM));
}
