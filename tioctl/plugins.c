/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The plugins, what they speak for, and those that are no use.
 */

#include <stdio.h>
#include <string.h>

#include "tioctl/field.h"
#include "tioctl/tioctl.h"

static char *join(const json_t *list)
{
	char *text = must(strdup(""));
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *word = json_string_value(item);
		char *longer;

		if (asprintf(&longer, "%s%s%s", text, i ? " " : "", word ? word : "?") < 0)
			abort();
		free(text);
		text = longer;
	}
	return text;
}

static void plugin_row(struct table *table, const json_t *plugin)
{
	const json_t *functions = json_object_get(plugin, "functions");
	char *names = join(functions), *checks = join(json_object_get(plugin, "checks"));

	table_cell(table, STYLE_PLAIN, "%s", field_text(plugin, "name"));
	table_cell(table, STYLE_PLAIN, "%s", field_text(plugin, "file"));
	table_cell(table, STYLE_PLAIN, "%lld", (long long)field_int(plugin, "abi", 0));
	table_cell(table, STYLE_PLAIN, "%s", checks);
	table_cell(table, STYLE_PLAIN, "%zu", json_array_size(functions));
	table_cell(table, STYLE_PLAIN, "%s", names);
	free(names);
	free(checks);
}

/* What is of use goes to standard output, the rest is warned of. */
static void print_plugins(struct tioctl *t, const json_t *plugins)
{
	static const struct column columns[] = {
		{ "PLUGIN" },
		{ "FILE" },
		{ "ABI", .right = true },
		{ "CHECKS" },
		{ "DEVICES", .right = true },
		{ "FUNCTIONS", .flexible = true },
	};
	auto_table struct table table = { 0 };
	const json_t *plugin;
	size_t i;

	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach(plugins, i, plugin)
	{
		if (!field_has(plugin, "refusal"))
			plugin_row(&table, plugin);
	}
	table_print(&table, &t->out);
	json_array_foreach(plugins, i, plugin)
	{
		if (field_has(plugin, "refusal"))
			screen_line(&t->err, "not used: %s", field_text(plugin, "refusal"));
	}
}

static size_t count_refused(const json_t *plugins)
{
	const json_t *plugin;
	size_t i, n = 0;

	json_array_foreach(plugins, i, plugin) n += field_has(plugin, "refusal");
	return n;
}

static int run_plugins(struct tioctl *t)
{
	auto_json json_t *reply = NULL;
	size_t refused;
	int r;

	r = tioctl_call(t, &(struct call){ "io.tiod.ListPlugins", .list = "plugins" }, &reply);
	if (r != EXIT_DONE)
		return r;
	refused = count_refused(json_object_get(reply, "plugins"));
	if (t->json)
		tioctl_document(t, take_json(&reply));
	else
		print_plugins(t, json_object_get(reply, "plugins"));
	return refused ? EXIT_NOT_READY : EXIT_DONE;
}

const struct command command_plugins = {
	.name = "plugins",
	.arguments = "",
	.summary = "vendor plugins, the functions they speak for, and files that are no use",
	.run = run_plugins,
};
