/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/field.h"
#include "tioctl/render.h"

#define COLUMNS_MAX  16
#define GAP          2  /* columns of space between two cells */
#define FLEXIBLE_MIN 12 /* a flexible column is not made narrower than this */

void table_init(struct table *table, const struct column *columns, size_t n_columns)
{
	assert(n_columns > 0 && n_columns <= COLUMNS_MAX);
	*table = (struct table){ .columns = columns, .n_columns = n_columns };
}

void table_finish(struct table *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i].text);
	free(table->cells);
	*table = (struct table){ 0 };
}

void table_cell(struct table *table, enum style style, const char *fmt, ...)
{
	auto_free char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		abort();
	va_end(args);
	if (table->n_cells == table->space) {
		table->space = 2 * table->space + 64;
		table->cells = must(
			realloc(table->cells, table->space * sizeof(table->cells[0])));
	}
	table->cells[table->n_cells++] = (struct cell){
		.text = render_escape(*text ? text : "-"), .style = style
	};
}

static void measure(const struct table *table, const struct screen *screen,
		    size_t widths[static COLUMNS_MAX])
{
	size_t total = 0, width, over;

	for (size_t i = 0; i < table->n_columns; i++)
		widths[i] = render_width(table->columns[i].title);
	for (size_t i = 0; i < table->n_cells; i++) {
		width = render_width(table->cells[i].text);
		if (width > widths[i % table->n_columns])
			widths[i % table->n_columns] = width;
	}
	for (size_t i = 0; i < table->n_columns; i++)
		total += widths[i] + (i ? GAP : 0);
	if (screen->width <= 0 || total <= (size_t)screen->width)
		return;

	over = total - (size_t)screen->width;
	for (size_t i = 0; i < table->n_columns; i++) {
		if (!table->columns[i].flexible || widths[i] <= FLEXIBLE_MIN)
			continue;
		widths[i] = widths[i] > over + FLEXIBLE_MIN ? widths[i] - over : FLEXIBLE_MIN;
		return;
	}
}

static void print_cell(const struct table *table, size_t column, const struct cell *cell,
		       const struct screen *screen, size_t width)
{
	const bool last = column + 1 == table->n_columns;
	const bool right = table->columns[column].right;
	const size_t columns = table->columns[column].flexible && screen->tty ? width
									      : SIZE_MAX;
	auto_free char *text = render_cut(cell->text, columns);
	int pad;

	if (!screen->tty) {
		fprintf(screen->file, "%s%c", text, last ? '\n' : '\t');
		return;
	}
	pad = (int)(width - render_width(text));
	if (right)
		fprintf(screen->file, "%*s", pad, "");
	screen_text(screen, cell->style, "%s", text);
	if (last)
		fputc('\n', screen->file);
	else
		fprintf(screen->file, "%*s", (right ? 0 : pad) + GAP, "");
}

/* The text of a last column in lines of its own width, under each other. */
static void print_wrapped(const struct cell *cell, const struct screen *screen, size_t width,
			  size_t indent)
{
	const char *rest = cell->text;

	for (size_t n; *rest; rest += n) {
		if (rest != cell->text)
			fprintf(screen->file, "%*s", (int)indent, "");
		n = render_fit(rest, width);
		screen_text(screen, cell->style, "%.*s", (int)n, rest);
		fputc('\n', screen->file);
		n += strspn(rest + n, " ");
	}
}

void table_print(const struct table *table, const struct screen *screen)
{
	size_t widths[COLUMNS_MAX], column, indent = 0;
	struct cell head;

	assert(table->n_cells % table->n_columns == 0);
	measure(table, screen, widths);
	for (column = 0; column + 1 < table->n_columns; column++)
		indent += widths[column] + GAP;
	for (column = 0; column < table->n_columns; column++) {
		head = (struct cell){ (char *)table->columns[column].title, STYLE_HEAD };
		print_cell(table, column, &head, screen, widths[column]);
	}
	for (size_t i = 0; i < table->n_cells; i++) {
		column = i % table->n_columns;
		if (table->columns[column].wraps && screen->tty)
			print_wrapped(&table->cells[i], screen, widths[column], indent);
		else
			print_cell(table, column, &table->cells[i], screen, widths[column]);
	}
}
