/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * How things look: aligned and coloured on a terminal, tab-separated and plain in a pipe.
 * All text that comes from a device or from the daemon passes render_escape() here, so
 * that it can neither move the cursor nor pretend to be another line.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum style {
	STYLE_PLAIN,
	STYLE_HEAD,
	STYLE_GOOD,
	STYLE_WARN,
	STYLE_BAD,
	STYLE_DIM,
	STYLE_COUNT
};

struct screen {
	FILE *file; /* borrowed */
	bool tty;
	bool colour;
	int width; /* columns of the terminal; 0: not limited */
};

/* Looks at the file, NO_COLOR, TERM and the terminal's size. */
void screen_init(struct screen *screen, FILE *file);

/* Writes formatted text, escaped as a whole; newlines too, so they are written by screen_line.
 */
void screen_text(const struct screen *screen, enum style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void screen_line(const struct screen *screen, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* @text with everything that a terminal would obey written as \xNN or \uNNNN.  Owned by the
 * caller. */
char *render_escape(const char *text);

/* Columns that escaped text takes on a terminal. */
size_t render_width(const char *text);

/*
 * How many bytes of @text fit into @columns; they end at a space if there is one, and are one
 * character at least.
 */
size_t render_fit(const char *text, size_t columns);

/* @text, escaped, in at most @columns, with "…" at the end if it was longer.  Owned by the
 * caller. */
char *render_cut(const char *text, size_t columns);

/* @text as one word for a POSIX shell; control characters make it bash's $'…'.  Owned by the
 * caller. */
char *render_quote(const char *text);

/* How a state of io.tiod's Function looks. */
enum style render_state_style(const char *state);

struct column {
	const char *title;
	bool right;
	bool flexible; /* is cut when the table is wider than the terminal; one at most */
	bool wraps;    /* a flexible last column goes on in the next line instead */
};

struct cell {
	char *text; /* owned, escaped */
	enum style style;
};

struct table {
	const struct column *columns; /* borrowed */
	size_t n_columns;
	struct cell *cells; /* owned; row by row */
	size_t n_cells, space;
};

void table_init(struct table *table, const struct column *columns, size_t n_columns);
void table_finish(struct table *table);

/* The next cell of the row; rows end by themselves.  Empty text shows as "-". */
void table_cell(struct table *table, enum style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

void table_print(const struct table *table, const struct screen *screen);

#define auto_table __attribute__((cleanup(table_finish)))
