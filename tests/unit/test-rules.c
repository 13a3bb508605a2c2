/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "base/text.h"
#include "core/rules.h"

/* A GPU in slot 7. */
static struct function gpu(void)
{
	struct function f = { .kind = FUNCTION_ENDPOINT,
			      .vendor = 0x10de,
			      .device = 0x2901,
			      .class = 0x030200,
			      .slot = "7",
			      .serial = "00-11-22-33-44-55-66-77",
			      .numa_node = 1,
			      .tee_io = true,
			      .vfs_total = 16 };

	bdf_parse("0000:e1:00.0", &f.bdf);
	f.ide.offset = 0x200;
	return f;
}

struct match_case {
	char what[24];
	struct rule_match match;
	char mismatch[80]; /* "" when it fits */
};

#define ONLY(key) .given = 1u << MATCH_##key

ParameterizedTestParameters(rules, one_key)
{
	static struct match_case cases[] = {
		{ "vendor", { ONLY(VENDOR), .vendor = 0x10de }, "" },
		{ "other vendor",
		  { ONLY(VENDOR), .vendor = 0x8086 },
		  "Vendor=0x8086, but it is 0x10de" },
		{ "device", { ONLY(DEVICE), .device = 0x2901 }, "" },
		{ "other device",
		  { ONLY(DEVICE), .device = 0x2902 },
		  "Device=0x2902, but it is 0x2901" },
		{ "class", { ONLY(CLASS), .class = 0x030000, .class_mask = 0xff0000 }, "" },
		{ "other class",
		  { ONLY(CLASS), .class = 0x030000, .class_mask = 0xffff00 },
		  "Class=0x030000/0xffff00, but it is 0x030200" },
		{ "slot", { ONLY(SLOT), .slot = "7" }, "" },
		{ "other slot", { ONLY(SLOT), .slot = "70" }, "Slot=70, but it is 7" },
		{ "serial", { ONLY(SERIAL), .serial = "00-11-22-33-44-55-66-77" }, "" },
		{ "other serial",
		  { ONLY(SERIAL), .serial = "00" },
		  "Serial=00, but it is 00-11-22-33-44-55-66-77" },
		{ "other address",
		  { ONLY(ADDRESS), .address.valid = true },
		  "Address=0000:00:00.0, but it is 0000:e1:00.0" },
		{ "node", { ONLY(NUMA_NODE), .numa_node = 1 }, "" },
		{ "other node", { ONLY(NUMA_NODE) }, "NumaNode=0, but it is 1" },
		{ "all capabilities", { ONLY(CAPABILITY), .capabilities = 7 }, "" },
		{ "two keys, one fits",
		  { .given = 1u << MATCH_VENDOR | 1u << MATCH_SLOT,
		    .vendor = 0x10de,
		    .slot = "8" },
		  "Slot=8, but it is 7" },
	};

	return cr_make_param_array(struct match_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct match_case *one, rules, one_key)
{
	struct rule rule = { .match = one->match, .on = RULE_BOOT };
	struct function f = gpu();
	char why[160];
	bool differs = rule_mismatch(&rule, &f, RULE_BOOT, why, sizeof(why));

	cr_expect(eq(int, differs, one->mismatch[0] != '\0'), "%s", one->what);
	cr_expect(eq(str, why, one->mismatch), "%s", one->what);
}

Test(rules, missing_capability_is_named)
{
	struct rule rule = { .match = { ONLY(CAPABILITY), .capabilities = 3 },
			     .on = RULE_BOOT };
	struct function f = gpu();
	char why[160];

	f.tee_io = false;
	cr_assert(rule_mismatch(&rule, &f, RULE_BOOT, why, sizeof(why)));
	cr_expect(eq(str, why, (char *)"Capability=tee-io ide, but it is ide sr-iov"));
}

Test(rules, first_that_fits_decides_and_occasion_counts)
{
	struct rule rules[] = {
		{ .name = "other", .match = { ONLY(VENDOR), .vendor = 1 }, .on = 3 },
		{ .name = "boot", .match = { ONLY(VENDOR), .vendor = 0x10de }, .on = 1 },
		{ .name = "both", .match = { ONLY(SLOT), .slot = "7" }, .on = 3 },
	};
	struct function f = gpu();

	cr_expect(eq(ptr, (void *)rules_find(rules, 3, &f, RULE_BOOT), &rules[1]));
	cr_expect(eq(ptr, (void *)rules_find(rules, 3, &f, RULE_HOTPLUG), &rules[2]));
	f.slot[0] = '\0';
	cr_expect(eq(ptr, (void *)rules_find(rules, 3, &f, RULE_HOTPLUG), NULL));
}

Test(rules, vfs_and_bridges_are_nobodys_concern)
{
	struct rule rule = { .match = { ONLY(VENDOR), .vendor = 0x10de }, .on = 3 };
	struct function f = gpu();

	f.kind = FUNCTION_VF;
	cr_expect(eq(ptr, (void *)rules_find(&rule, 1, &f, RULE_BOOT), NULL));
	f.kind = FUNCTION_ROOT_PORT;
	cr_expect(eq(ptr, (void *)rules_find(&rule, 1, &f, RULE_BOOT), NULL));
}

struct words_case {
	struct rule rule;
	char words[64], lacking[48];
};

ParameterizedTestParameters(rules, words)
{
	static struct words_case cases[] = {
		{ { .match = { ONLY(SLOT) }, .on = 1, .action = RULE_ATTACH, .vm = "a" },
		  "attach it to a",
		  "" },
		{ { .match = { ONLY(SLOT) },
		    .on = 1,
		    .action = RULE_ATTACH,
		    .vm = "a",
		    .vf = true,
		    .n_vfs = 2,
		    .companions = true },
		  "attach VFs 0 to 1 of it to a with its companions",
		  "" },
		{ { .match = { ONLY(SLOT) }, .on = 1, .action = RULE_CONNECT },
		  "connect it to its TSM",
		  "" },
		{ { .match = { ONLY(SLOT) }, .on = 1 },
		  "do nothing",
		  "nothing says what to do" },
		{ { .match = { ONLY(SLOT) }, .on = 1, .action = RULE_ATTACH },
		  "attach it to ",
		  "names no VM" },
		{ { .match = { ONLY(SLOT) }, .action = RULE_REPORT },
		  "report it",
		  "[Report] does not say when" },
		{ { .on = 1, .action = RULE_REPORT }, "report it", "[Match] names nothing" },
		{ { .match = { ONLY(SLOT) },
		    .on = 1,
		    .action = RULE_ATTACH,
		    .vm = "a",
		    .n_vfs = 3 },
		  "attach it to a",
		  "VFs= is for Function=vf" },
	};

	return cr_make_param_array(struct words_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct words_case *one, rules, words)
{
	char text[160];

	rule_describe(&one->rule, text, sizeof(text));
	cr_expect(eq(str, text, one->words));
	cr_expect(eq(int, rule_is_lacking(&one->rule, text, sizeof(text)),
		     one->lacking[0] != '\0'));
	cr_expect(strstr(text, one->lacking) != NULL, "%s", text);
}

Test(rules, nothing_behind_a_broken_one_decides)
{
	struct rule rules[] = {
		{ .name = "good", .match = { ONLY(SLOT), .slot = "8" }, .on = 3 },
		{ .name = "broken", .broken = true },
		{ .name = "wide", .match = { ONLY(VENDOR), .vendor = 0x10de }, .on = 3 },
	};
	struct function f = gpu();
	char text[160];

	cr_expect(eq(ptr, (void *)rules_find(rules, 3, &f, RULE_BOOT), &rules[1]));
	rule_describe(&rules[1], text, sizeof(text));
	cr_expect(strstr(text, "has mistakes") != NULL);
	text_copy(f.slot, sizeof(f.slot), "8");
	cr_expect(eq(ptr, (void *)rules_find(rules, 3, &f, RULE_BOOT), &rules[0]));
}
