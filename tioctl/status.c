/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * How the assigned functions stand, and what runs: status, jobs, cancel.
 */

#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/field.h"
#include "tioctl/security.h"
#include "tioctl/tioctl.h"

static void status_row(struct table *table, const json_t *f)
{
	const json_t *assignment = json_object_get(f, "assignment");
	const char *state = field_text(f, "state");

	table_cell(table, STYLE_PLAIN, "%s", field_text(f, "address"));
	table_cell(table, STYLE_PLAIN, "%s", field_text(assignment, "vm"));
	table_cell(table, render_state_style(state), "%s", state);
	table_cell(table, STYLE_PLAIN, "%s", field_text(f, "link"));
	table_cell(table, STYLE_PLAIN, "%s", field_text(f, "tdi"));
	table_cell(table, STYLE_PLAIN, "%s", field_text(f, "driver"));
	table_cell(table, STYLE_PLAIN, "%s", field_text(f, "cdev"));
	table_cell(table, STYLE_DIM, "%.0f s", field_number(f, "age"));
	table_cell(table, STYLE_PLAIN, "%s", field_text(f, "waitsFor"));
}

static void print_functions(const struct screen *screen, const json_t *functions)
{
	static const struct column columns[] = {
		{ "ADDRESS" },
		{ "VM" },
		{ "STATE" },
		{ "LINK" },
		{ "TDI" },
		{ "DRIVER" },
		{ "CDEV" },
		{ "AGE", .right = true },
		{ "WAITS FOR", .flexible = true, .wraps = true },
	};
	auto_table struct table table = { 0 };
	const json_t *function;
	size_t i;

	table_init(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach(functions, i, function) status_row(&table, function);
	table_print(&table, screen);
}

static void print_jobs(const struct screen *screen, const json_t *jobs)
{
	static const struct column columns[] = {
		{ "JOB", .right = true },
		{ "VERB" },
		{ "FAMILY" },
		{ "VM" },
		{ "STATE" },
		{ "STEP" },
		{ "TIME", .right = true },
		{ "FUNCTIONS", .flexible = true },
	};
	auto_table struct table table = { 0 };
	const json_t *job;
	size_t i;

	table_init(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach(jobs, i, job)
	{
		table_cell(&table, STYLE_PLAIN, "%lld", (long long)field_int(job, "id", 0));
		table_cell(&table, STYLE_PLAIN, "%s", field_text(job, "verb"));
		table_cell(&table, STYLE_PLAIN, "%s", field_text(job, "family"));
		table_cell(&table, STYLE_PLAIN, "%s", field_text(job, "vm"));
		table_cell(&table, STYLE_PLAIN, "%s", field_text(job, "state"));
		table_cell(&table, STYLE_PLAIN, "%s", field_text(job, "step"));
		table_cell(&table, STYLE_PLAIN, "%.1f s", field_number(job, "seconds"));
		table_cell(&table, STYLE_PLAIN, "%zu",
			   json_array_size(json_object_get(job, "functions")));
	}
	table_print(&table, screen);
}

/*
 * Whether something is wrong that only an operator can mend.  A state that is not known
 * here counts: better one alarm too many than a failure that shows green.
 */
static bool needs_operator(const json_t *functions)
{
	const json_t *f;
	size_t i;

	json_array_foreach(functions, i, f)
	{
		const char *state = field_text(f, "state");

		if (strcmp(state, "reserved") == 0 || render_state_style(state) == STYLE_BAD)
			return true;
	}
	return false;
}

static void print_status(struct tioctl *t, const json_t *functions, const json_t *jobs)
{
	const json_t *f, *error;
	size_t i;

	if (json_array_size(functions))
		print_functions(&t->out, functions);
	else
		screen_line(&t->err, "nothing is attached");
	if (json_array_size(jobs)) {
		fputs(json_array_size(functions) ? "\n" : "", t->out.file);
		print_jobs(&t->out, jobs);
	}
	fflush(t->out.file);
	json_array_foreach(functions, i, f)
	{
		error = json_object_get(f, "error");
		if (json_is_object(error))
			failure_print(&t->err, "", error, field_text(f, "address"));
	}
}

static int run_status(struct tioctl *t)
{
	const struct options *options = t->options;
	const char *name = options->n_names ? options->names[0] : NULL;
	const char *vm = options->value[OPTION_VM];
	auto_json json_t *reply = NULL, *security = NULL;
	json_t *functions, *parameters = NULL;
	bool wrong;
	int r;

	if (name && vm) {
		screen_line(&t->err, "tioctl: status takes a device or --vm, not both");
		return EXIT_USAGE;
	}
	if (vm)
		parameters = json_pack("{s:s}", "vm", vm);
	else if (name && strcmp(name, "all") != 0)
		parameters = json_pack("{s:s}", "function", name);
	r = tioctl_call(t,
			&(struct call){ "io.tiod.GetStatus", parameters, .list = "functions" },
			&reply);
	if (r != EXIT_DONE)
		return r;
	functions = json_object_get(reply, "functions");
	wrong = needs_operator(functions);
	if (name)
		security = security_ask(t, json_array_get(functions, 0), false);
	if (t->json) {
		if (security)
			json_object_set(reply, "security", security);
		tioctl_document(t, json_incref(reply));
	} else {
		print_status(t, functions, json_object_get(reply, "jobs"));
		security_print(&t->out, security);
	}
	return wrong ? EXIT_FAILED : EXIT_DONE;
}

const struct command command_status = {
	.name = "status",
	.arguments = "[DEV|all|--vm VM]",
	.summary =
		"how the attached functions stand; fails if one is stuck, gone or not secure",
	.options = OPTION_BIT(OPTION_VM),
	.names_max = 1,
	.run = run_status,
};

static void print_failures(const struct screen *screen, const json_t *jobs)
{
	const json_t *job, *error;
	size_t i;

	json_array_foreach(jobs, i, job)
	{
		error = json_object_get(job, "error");
		if (!json_is_object(error))
			continue;
		screen_text(screen, STYLE_PLAIN,
			    "job %lld: ", (long long)field_int(job, "id", 0));
		failure_print(screen, "", error, NULL);
	}
}

static int run_jobs(struct tioctl *t)
{
	bool all = options_has(t->options, OPTION_ALL);
	auto_json json_t *reply = NULL;
	json_t *jobs, *parameters;
	int r;

	parameters = all ? json_pack("{s:b}", "ended", 1) : NULL;
	r = tioctl_call(t, &(struct call){ "io.tiod.ListJobs", parameters, .list = "jobs" },
			&reply);
	if (r != EXIT_DONE)
		return r;
	if (t->json)
		return tioctl_document(t, take_json(&reply));
	jobs = json_object_get(reply, "jobs");
	if (json_array_size(jobs))
		print_jobs(&t->out, jobs);
	else
		screen_line(&t->err, all ? "there was no job yet"
					 : "no job runs or waits (\"tioctl jobs -a\" shows "
					   "those that ended)");
	fflush(t->out.file);
	print_failures(&t->err, jobs);
	return EXIT_DONE;
}

const struct command command_jobs = {
	.name = "jobs",
	.arguments = "[-a]",
	.summary = "the changes that run or wait, or the last that ended as well",
	.options = OPTION_BIT(OPTION_ALL),
	.run = run_jobs,
};

static int run_cancel(struct tioctl *t)
{
	auto_json json_t *reply = NULL;
	const char *name = t->options->names[0];
	uint64_t job;
	int r;

	if (text_to_u64(name, 10, &job) < 0 || job > INT64_MAX) {
		screen_line(&t->err,
			    "tioctl: \"%s\" is not the number of a job (see \"tioctl jobs\")",
			    name);
		return EXIT_USAGE;
	}
	r = tioctl_call(t,
			&(struct call){ "io.tiod.CancelJob",
					json_pack("{s:I}", "job", (json_int_t)job) },
			&reply);
	if (r != EXIT_DONE)
		return r;
	if (t->json)
		return tioctl_document(t, take_json(&reply));
	screen_line(
		&t->err,
		"job %s is told to stop; what it had changed is being taken back (see \"tioctl jobs\")",
		name);
	return EXIT_DONE;
}

const struct command command_cancel = {
	.name = "cancel",
	.arguments = "JOB",
	.summary = "stop a job and take back what it changed",
	.names_min = 1,
	.names_max = 1,
	.run = run_cancel,
};
