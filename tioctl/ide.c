/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The IDE stream of a function, both ends side by side, and all registers of both: ide.
 */

#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/field.h"
#include "tioctl/registers.h"
#include "tioctl/tioctl.h"

enum shape { SHAPE_TEXT, SHAPE_NUMBER, SHAPE_YES_NO, SHAPE_STATE, SHAPE_OFFSET };

struct row {
	const char *label, *key;
	enum shape shape;
};

static const struct row capability_rows[] = {
	{ "capability at", "offset", SHAPE_OFFSET },
	{ "selective streams", "selectiveStreams", SHAPE_NUMBER },
	{ "IDE_KM", "ideKm", SHAPE_YES_NO },
	{ "TEE-limited streams", "teeLimited", SHAPE_YES_NO },
	{ "capability register", "raw", SHAPE_TEXT },
};

static const struct row end_rows[] = {
	{ "selective block", "block", SHAPE_NUMBER },
	{ "stream ID", "streamId", SHAPE_NUMBER },
	{ "enabled", "enabled", SHAPE_YES_NO },
	{ "state", "state", SHAPE_STATE },
	{ "IDE_FAIL received", "failReceived", SHAPE_YES_NO },
	{ "control register", "control", SHAPE_TEXT },
	{ "status register", "status", SHAPE_TEXT },
};

static void value_cell(struct table *table, const json_t *object, const struct row *row)
{
	const char *text = field_text(object, row->key);

	if (!field_has(object, row->key)) {
		table_cell(table, STYLE_PLAIN, "%s", "");
		return;
	}
	switch (row->shape) {
	case SHAPE_TEXT:
		table_cell(table, STYLE_PLAIN, "%s", text);
		break;
	case SHAPE_NUMBER:
		table_cell(table, STYLE_PLAIN, "%lld",
			   (long long)field_int(object, row->key, 0));
		break;
	case SHAPE_YES_NO:
		table_cell(table, STYLE_PLAIN, "%s", field_is(object, row->key) ? "yes" : "no");
		break;
	case SHAPE_STATE:
		table_cell(table, strcmp(text, "secure") == 0 ? STYLE_GOOD : STYLE_BAD, "%s",
			   text);
		break;
	case SHAPE_OFFSET:
		table_cell(table, STYLE_PLAIN, "%#llx",
			   (long long)field_int(object, row->key, 0));
		break;
	}
}

static void add_rows(struct table *table, const struct row *rows, size_t n_rows,
		     const json_t *endpoint, const json_t *root_port)
{
	for (size_t i = 0; i < n_rows; i++) {
		table_cell(table, STYLE_PLAIN, "%s", rows[i].label);
		value_cell(table, endpoint, &rows[i]);
		value_cell(table, root_port, &rows[i]);
	}
}

static void print_registers(const struct screen *screen, const json_t *ide, const char *key,
			    const char *end_key)
{
	const json_t *registers = json_object_get(ide, key);

	if (json_is_object(registers))
		registers_print(screen, registers,
				field_int(json_object_get(ide, end_key), "block", -1),
				field_text(ide, "stream"));
}

static void print_ide(const struct screen *screen, const json_t *ide)
{
	static const struct column columns[] = { { "" }, { "ENDPOINT" }, { "ROOT PORT" } };
	auto_table struct table table = { 0 };
	const char *stream = field_text(ide, "stream");

	if (!json_is_object(json_object_get(ide, "capability")) &&
	    !json_is_object(json_object_get(ide, "endpoint"))) {
		screen_line(screen, "%s has no IDE capability: its link cannot be encrypted",
			    field_text(ide, "address"));
		return;
	}
	table_init(&table, columns, ARRAY_SIZE(columns));
	table_cell(&table, STYLE_PLAIN, "%s", "address");
	table_cell(&table, STYLE_PLAIN, "%s", field_text(ide, "address"));
	table_cell(&table, STYLE_PLAIN, "%s", field_text(ide, "rootPort"));
	add_rows(&table, capability_rows, ARRAY_SIZE(capability_rows),
		 json_object_get(ide, "capability"),
		 json_object_get(ide, "rootPortCapability"));
	add_rows(&table, end_rows, ARRAY_SIZE(end_rows), json_object_get(ide, "endpoint"),
		 json_object_get(ide, "rootPortEnd"));
	table_print(&table, screen);

	if (*stream)
		screen_line(screen, "stream %s", stream);
	screen_text(screen, field_is(ide, "secure") ? STYLE_GOOD : STYLE_BAD, "%s",
		    field_text(ide, "verdict"));
	screen_line(screen, "%s", "");
	print_registers(screen, ide, "endpointRegisters", "endpoint");
	print_registers(screen, ide, "rootPortRegisters", "rootPortEnd");
}

static int run_ide(struct tioctl *t)
{
	auto_json json_t *reply = NULL;
	int r;

	r = tioctl_call(t,
			&(struct call){ "io.tiod.GetIde",
					json_pack("{s:s}", "function", t->options->names[0]),
					.object = "ide" },
			&reply);
	if (r != EXIT_DONE)
		return r;
	if (t->json)
		return tioctl_document(t, take_json(&reply));
	print_ide(&t->out, json_object_get(reply, "ide"));
	return EXIT_DONE;
}

const struct command command_ide = {
	.name = "ide",
	.arguments = "DEV",
	.summary = "the IDE stream of a function and all IDE registers of both ends",
	.names_min = 1,
	.names_max = 1,
	.run = run_ide,
};
