/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What there is and how it stands: list, show, status.
 */

#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/field.h"
#include "tioctl/rows.h"
#include "tioctl/security.h"
#include "tioctl/tioctl.h"

/* An optional number as a cell: "-" for none. */
static void number_cell(struct table *table, const json_t *object, const char *key)
{
	if (field_has(object, key))
		table_cell(table, STYLE_PLAIN, "%lld", (long long)field_int(object, key, 0));
	else
		table_cell(table, STYLE_PLAIN, "%s", "");
}

static const char *assigned_vm(const json_t *function)
{
	return field_text(json_object_get(function, "assignment"), "vm");
}

static const char *ide_word(const json_t *function)
{
	const char *link = field_text(function, "link");

	if (!field_is(function, "ide"))
		return "";
	return *link && strcmp(link, "none") != 0 ? link : "yes";
}

static void list_row(struct table *table, const json_t *f)
{
	const char *state = field_text(f, "state");
	const long long total = field_int(f, "vfsTotal", 0);

	table_cell(table, STYLE_PLAIN, "%s", field_text(f, "address"));
	table_cell(table, STYLE_PLAIN, "%s", field_text(f, "name"));
	table_cell(table, STYLE_PLAIN, "%s", field_text(f, "driver"));
	table_cell(table, STYLE_PLAIN, "%s", field_is(f, "teeIo") ? "yes" : "");
	table_cell(table, STYLE_PLAIN, "%s", ide_word(f));
	table_cell(table, STYLE_PLAIN, "%s", field_text(f, "tsm"));
	if (total > 0)
		table_cell(table, STYLE_PLAIN, "%lld/%lld", (long long)field_int(f, "vfs", 0),
			   total);
	else
		table_cell(table, STYLE_PLAIN, "%s", "");
	number_cell(table, f, "numaNode");
	table_cell(table, STYLE_PLAIN, "%s", assigned_vm(f));
	table_cell(table, render_state_style(state), "%s", state);
}

static void print_list(const struct screen *screen, const json_t *functions)
{
	static const struct column columns[] = {
		{ "ADDRESS" }, { "NAME", .flexible = true },
		{ "DRIVER" },  { "TEE" },
		{ "IDE" },     { "TSM" },
		{ "VFS" },     { "NODE", .right = true },
		{ "VM" },      { "STATE" },
	};
	auto_table struct table table = { 0 };
	const json_t *function;
	size_t i;

	table_init(&table, columns, ARRAY_SIZE(columns));
	json_array_foreach(functions, i, function) list_row(&table, function);
	table_print(&table, screen);
}

/*
 * The names by which drivers of Kubernetes' Dynamic Resource Allocation publish a device, so
 * that one can be made from this list.
 */
static void add_attributes(json_t *functions)
{
	json_t *function, *attributes;
	size_t i;

	json_array_foreach(functions, i, function)
	{
		if (!field_has(function, "address"))
			continue;
		attributes = must(json_pack("{s:O}", "resource.kubernetes.io/pciBusID",
					    json_object_get(function, "address")));
		if (field_has(function, "numaNode"))
			json_object_set(attributes, "numaNode",
					json_object_get(function, "numaNode"));
		json_object_set_new(function, "attributes", attributes);
	}
}

static int run_list(struct tioctl *t)
{
	const struct options *options = t->options;
	bool all = options_has(options, OPTION_ALL);
	auto_json json_t *reply = NULL;
	json_t *parameters, *functions;
	int r;

	if (options->n_names && strcmp(options->names[0], "all") != 0) {
		screen_line(&t->err,
			    "tioctl: list takes no device but \"all\" (see \"tioctl show %s\")",
			    options->names[0]);
		return EXIT_USAGE;
	}
	all = all || options->n_names;
	parameters = all ? json_pack("{s:b}", "all", 1) : NULL;
	r = tioctl_call(
		t, &(struct call){ "io.tiod.ListFunctions", parameters, .list = "functions" },
		&reply);
	if (r != EXIT_DONE)
		return r;
	functions = json_object_get(reply, "functions");
	if (t->json) {
		add_attributes(functions);
		return tioctl_document(t, take_json(&reply));
	}
	if (json_array_size(functions))
		print_list(&t->out, functions);
	else
		screen_line(&t->err, "no function here %s",
			    all ? "is a PCIe function"
				: "can do TDISP or IDE (\"tioctl list -a\" shows all)");
	return EXIT_DONE;
}

const struct command command_list = {
	.name = "list",
	.arguments = "[-a]",
	.summary = "the functions that can do TDISP or IDE, or every PCIe endpoint",
	.options = OPTION_BIT(OPTION_ALL),
	.names_max = 1,
	.run = run_list,
};

static const struct {
	const char *group; /* NULL: the group of the row before */
	const char *key;
	const char *label;
	enum shape shape;
} rows[] = {
	{ "Function", "address", "address", SHAPE_TEXT },
	{ NULL, "name", "name", SHAPE_TEXT },
	{ NULL, "kind", "kind", SHAPE_TEXT },
	{ NULL, "vendor", "vendor", SHAPE_TEXT },
	{ NULL, "device", "device", SHAPE_TEXT },
	{ NULL, "class", "class", SHAPE_TEXT },
	{ NULL, "serial", "serial number", SHAPE_TEXT },
	{ NULL, "largestBar", "largest BAR", SHAPE_BYTES },
	{ "Place", "slot", "slot", SHAPE_TEXT },
	{ NULL, "rootPort", "root port", SHAPE_TEXT },
	{ NULL, "family", "family", SHAPE_TEXT },
	{ NULL, "physfn", "physical function", SHAPE_TEXT },
	{ NULL, "vf", "VF index", SHAPE_NUMBER },
	{ NULL, "numaNode", "NUMA node", SHAPE_NUMBER },
	{ NULL, "iommuGroup", "IOMMU group", SHAPE_NUMBER },
	{ NULL, "groupMembers", "group members", SHAPE_NAMES },
	{ NULL, "groupWhy", "grouped because", SHAPE_TEXT },
	{ "Capabilities", "teeIo", "TEE-IO", SHAPE_BOOL },
	{ NULL, "ide", "IDE", SHAPE_BOOL },
	{ NULL, "doeCma", "DOE CMA/SPDM", SHAPE_BOOL },
	{ NULL, "doeSecured", "DOE secured CMA/SPDM", SHAPE_BOOL },
	{ NULL, "flr", "function-level reset", SHAPE_BOOL },
	{ NULL, "vfsTotal", "VFs possible", SHAPE_NUMBER },
	{ NULL, "vfMsixTotal", "MSI-X vectors for VFs", SHAPE_NUMBER },
	{ "Now", "state", "state", SHAPE_TEXT },
	{ NULL, "waitsFor", "waits for", SHAPE_TEXT },
	{ NULL, "driver", "driver", SHAPE_TEXT },
	{ NULL, "driverOverride", "driver override", SHAPE_TEXT },
	{ NULL, "cdev", "VFIO device", SHAPE_TEXT },
	{ NULL, "vfs", "VFs enabled", SHAPE_NUMBER },
	{ NULL, "vfsAutoprobe", "VFs probed by drivers", SHAPE_BOOL },
	{ NULL, "netdev", "network interface", SHAPE_TEXT },
	{ NULL, "eswitch", "eswitch mode", SHAPE_TEXT },
	{ NULL, "tsmGroup", "TSM offers to connect", SHAPE_BOOL },
	{ NULL, "tsmFlavour", "TSM interface", SHAPE_TEXT },
	{ NULL, "platform", "platform", SHAPE_TEXT },
	{ NULL, "tsm", "TSM", SHAPE_TEXT },
	{ NULL, "link", "link", SHAPE_TEXT },
	{ NULL, "tdi", "TDI", SHAPE_TEXT },
	{ NULL, "job", "job", SHAPE_NUMBER },
	{ NULL, "age", "read", SHAPE_SECONDS },
};

static const struct {
	const char *key, *label;
	enum shape shape;
} assignment_rows[] = {
	{ "vm", "VM", SHAPE_TEXT },
	{ "named", "named as", SHAPE_TEXT },
	{ "vf", "VF index", SHAPE_NUMBER },
	{ "port", "root port of the VM", SHAPE_NUMBER },
};

static void print_assignment(const struct screen *screen, const json_t *assignment)
{
	const char *lead = field_text(assignment, "lead");

	if (!json_is_object(assignment))
		return;
	rows_group(screen, "Assignment");
	for (size_t i = 0; i < ARRAY_SIZE(assignment_rows); i++)
		rows_field(screen, assignment_rows[i].label, assignment, assignment_rows[i].key,
			   assignment_rows[i].shape);
	if (strcmp(lead, field_text(assignment, "function")) != 0)
		rows_field(screen, "comes along with", assignment, "lead", SHAPE_TEXT);
}

/* Beside the rows of the function itself: what is in its "power". */
static void print_power(const struct screen *screen, const json_t *power)
{
	rows_field(screen, "D3cold allowed", power, "d3coldAllowed", SHAPE_BOOL);
	rows_field(screen, "runtime power", power, "control", SHAPE_TEXT);
	rows_field(screen, "ways to reset it", power, "resetMethods", SHAPE_NAMES);
}

static void print_show(const struct screen *screen, const json_t *f)
{
	const json_t *assignment = json_object_get(f, "assignment");
	const json_t *error = json_object_get(f, "error");

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].group)
			rows_group(screen, rows[i].group);
		rows_field(screen, rows[i].label, f, rows[i].key, rows[i].shape);
	}
	print_power(screen, json_object_get(f, "power"));
	print_assignment(screen, assignment);
	if (json_is_object(error))
		rows_group(screen, "Last failure");
	rows_field(screen, "step", error, "step", SHAPE_TEXT);
	rows_field(screen, "attribute", error, "attribute", SHAPE_TEXT);
	rows_field(screen, "failure", error, "sentence", SHAPE_TEXT);
	rows_field(screen, "what to do", error, "fix", SHAPE_TEXT);
}

static int run_show(struct tioctl *t)
{
	auto_json json_t *reply = NULL, *security = NULL;
	int r;

	r = tioctl_call(t,
			&(struct call){ "io.tiod.GetFunction",
					json_pack("{s:s}", "function", t->options->names[0]),
					.object = "function" },
			&reply);
	if (r != EXIT_DONE)
		return r;
	security = security_ask(t, json_object_get(reply, "function"), true);
	if (t->json) {
		if (security)
			json_object_set(reply, "security", security);
		return tioctl_document(t, take_json(&reply));
	}
	print_show(&t->out, json_object_get(reply, "function"));
	security_print(&t->out, security);
	return EXIT_DONE;
}

const struct command command_show = {
	.name = "show",
	.arguments = "DEV",
	.summary = "all that is known of one function",
	.names_min = 1,
	.names_max = 1,
	.run = run_show,
};
