/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The rules: which there are, which one decides about a device and why, and what is wrong
 * with the files.
 */

#include <string.h>

#include "tioctl/field.h"
#include "tioctl/tioctl.h"

/* --- tioctl rules --- */

static void print_rules(struct tioctl *t, const json_t *reply)
{
	static const struct column columns[] = {
		{ "RULE" }, { "ON" }, { "DOES", .flexible = true }, { "NOW", .right = true }
	};
	auto_table struct table table = { 0 };
	const json_t *rule;
	size_t i;

	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach(json_object_get(reply, "rules"), i, rule)
	{
		table_cell(&table, STYLE_PLAIN, "%s", field_text(rule, "name"));
		table_cell(&table, STYLE_PLAIN, "%s", field_text(rule, "on"));
		table_cell(&table, STYLE_PLAIN, "%s", field_text(rule, "what"));
		table_cell(&table, STYLE_PLAIN, "%zu",
			   json_array_size(json_object_get(rule, "functions")));
	}
	table_print(&table, &t->out);
	screen_line(&t->out, "no rule: at boot %s, when plugged in %s",
		    field_text(reply, "presentDevices"), field_text(reply, "insertedDevices"));
}

static int list_rules(struct tioctl *t)
{
	auto_json json_t *reply = NULL;
	int r;

	r = tioctl_call(t, &(struct call){ "io.tiod.ListRules", .list = "rules" }, &reply);
	if (r != EXIT_DONE)
		return r;
	if (t->json)
		return tioctl_document(t, take_json(&reply));
	print_rules(t, reply);
	return EXIT_DONE;
}

/* --- tioctl rules test DEV --- */

static void print_decision(struct tioctl *t, const json_t *reply, const char *occasion,
			   const char *words)
{
	const json_t *decision = json_object_get(reply, occasion);

	if (field_has(decision, "rule"))
		screen_line(&t->out, "%s: rule %s decides", words,
			    field_text(decision, "rule"));
	else
		screen_line(&t->out, "%s: no rule; such cards: %s", words,
			    field_text(decision, "policy"));
}

static void print_verdicts(struct tioctl *t, const json_t *reply)
{
	static const struct column columns[] = { { "RULE" },
						 { "FITS" },
						 { "WHY", .flexible = true } };
	auto_table struct table table = { 0 };
	const json_t *verdict;
	size_t i;

	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach(json_object_get(reply, "verdicts"), i, verdict)
	{
		bool fits = !field_has(verdict, "mismatch");

		table_cell(&table, STYLE_PLAIN, "%s", field_text(verdict, "rule"));
		table_cell(&table, fits ? STYLE_GOOD : STYLE_PLAIN, "%s", fits ? "yes" : "no");
		if (fits)
			table_cell(&table, STYLE_PLAIN, "on %s: %s", field_text(verdict, "on"),
				   field_text(verdict, "what"));
		else
			table_cell(&table, STYLE_PLAIN, "%s", field_text(verdict, "mismatch"));
	}
	table_print(&table, &t->out);
}

static int test_rules(struct tioctl *t, const char *function)
{
	auto_json json_t *reply = NULL;
	int r;

	r = tioctl_call(t,
			&(struct call){ "io.tiod.TestRules",
					must(json_pack("{ss}", "function", function)),
					.list = "verdicts" },
			&reply);
	if (r != EXIT_DONE)
		return r;
	if (t->json)
		return tioctl_document(t, take_json(&reply));
	screen_line(&t->out, "%s", field_text(reply, "function"));
	print_verdicts(t, reply);
	if (field_has(reply, "reservedFor"))
		screen_line(&t->out, "it is reserved for %s and brought up for that",
			    field_text(reply, "reservedFor"));
	print_decision(t, reply, "boot", "at boot");
	print_decision(t, reply, "hotplug", "when plugged in");
	return EXIT_DONE;
}

/* --- tioctl rules check --- */

static size_t print_problems(struct tioctl *t, const json_t *problems)
{
	const json_t *problem;
	size_t i, n = 0;

	json_array_foreach(problems, i, problem)
	{
		bool error = field_is(problem, "error");

		n += error;
		if (!t->json)
			screen_line(&t->err, "%s: %s", error ? "error" : "warning",
				    field_text(problem, "text"));
	}
	return n;
}

static int check_rules(struct tioctl *t)
{
	auto_json json_t *reply = NULL;
	size_t n;
	int r;

	r = tioctl_call(t, &(struct call){ "io.tiod.CheckConfig", .list = "problems" }, &reply);
	if (r != EXIT_DONE)
		return r;
	n = print_problems(t, json_object_get(reply, "problems"));
	if (t->json)
		tioctl_document(t, take_json(&reply));
	else if (n == 0)
		screen_line(&t->out, "%lld rules and %lld VMs can be used",
			    (long long)field_int(reply, "rules", 0),
			    (long long)field_int(reply, "vms", 0));
	return n ? EXIT_FAILED : EXIT_DONE;
}

static int run_rules(struct tioctl *t)
{
	const struct options *options = t->options;

	if (options->n_names == 0)
		return list_rules(t);
	if (strcmp(options->names[0], "test") == 0 && options->n_names == 2)
		return test_rules(t, options->names[1]);
	if (strcmp(options->names[0], "check") == 0 && options->n_names == 1)
		return check_rules(t);
	screen_line(&t->err, "tioctl: rules takes nothing, \"test DEV\" or \"check\"");
	return EXIT_USAGE;
}

const struct command command_rules = {
	.name = "rules",
	.arguments = "[test DEV|check]",
	.summary = "rules for hot-plug and boot; which one decides about DEV and why; mistakes",
	.names_max = 2,
	.run = run_rules,
};
