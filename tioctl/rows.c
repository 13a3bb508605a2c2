/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tioctl/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/field.h"

static void add_names(struct text *text, const json_t *names)
{
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		const char *value = json_string_value(name);

		if (text_add(text, "%s%s", i ? " " : "", value ? value : "?") < 0)
			abort();
	}
}

static void describe_field(struct text *text, const json_t *object, const char *key,
			   enum shape shape)
{
	char bytes[32];
	int r = 0;

	if (!field_has(object, key))
		return;
	switch (shape) {
	case SHAPE_TEXT:
		r = text_add(text, "%s", field_text(object, key));
		break;
	case SHAPE_BOOL:
		r = text_add(text, "%s", field_is(object, key) ? "yes" : "no");
		break;
	case SHAPE_NUMBER:
		r = text_add(text, "%lld", (long long)field_int(object, key, 0));
		break;
	case SHAPE_BYTES:
		text_from_bytes((uint64_t)field_int(object, key, 0), bytes, sizeof(bytes));
		r = text_add(text, "%s", bytes);
		break;
	case SHAPE_NAMES:
		add_names(text, json_object_get(object, key));
		break;
	case SHAPE_HEX:
		r = text_add(text, "0x%llx", (long long)field_int(object, key, 0));
		break;
	case SHAPE_SECONDS:
		r = text_add(text, "%.1f s ago", field_number(object, key));
		break;
	}
	if (r < 0)
		abort();
}

void rows_field(const struct screen *screen, const char *label, const json_t *object,
		const char *key, enum shape shape)
{
	auto_text struct text text = { 0 };

	describe_field(&text, object, key, shape);
	if (!text.length)
		return;
	if (!screen->tty) {
		fprintf(screen->file, "%s\t", label);
		screen_line(screen, "%s", text.data);
		return;
	}
	fprintf(screen->file, "  %-24s", label);
	screen_text(screen,
		    strcmp(key, "state") == 0 ? render_state_style(text.data) : STYLE_PLAIN,
		    "%s", text.data);
	fputc('\n', screen->file);
}

void rows_group(const struct screen *screen, const char *group)
{
	if (!screen->tty)
		return;
	screen_text(screen, STYLE_HEAD, "%s", group);
	fputc('\n', screen->file);
}
