/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <locale.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/render.h"

static void use_utf8(void)
{
	cr_assert(setlocale(LC_CTYPE, "C.UTF-8") != NULL);
}

TestSuite(render, .init = use_utf8);

struct pair {
	char from[48], to[64];
};

ParameterizedTestParameters(render, what_a_terminal_would_obey_is_spelt_out)
{
	static struct pair pairs[] = {
		{ "", "" },
		{ "plain text, 100%", "plain text, 100%" },
		{ "a\tb\nc\r", "a\\x09b\\x0ac\\x0d" },
		{ "\033[31mred", "\\x1b[31mred" },
		{ "\x7f", "\\x7f" },
		{ "Größe 名", "Größe 名" },
		{ "\xc2\x9b"
		  "1m",
		  "\\u009b1m" },
		{ "\u202eevil\u2066", "\\u202eevil\\u2066" },
		{ "\u200b\ufeff", "\\u200b\\ufeff" },
		{ "\U000e0041", "\\U000e0041" },
		{ "\xff\xc3", "\\xff\\xc3" },
		{ "\xc3(", "\\xc3(" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
	};

	return cr_make_param_array(struct pair, pairs, ARRAY_SIZE(pairs));
}

ParameterizedTest(struct pair *pair, render, what_a_terminal_would_obey_is_spelt_out)
{
	auto_free char *escaped = render_escape(pair->from);
	auto_free char *again = render_escape(escaped);

	cr_assert(eq(str, escaped, pair->to));
	cr_assert(eq(str, again, pair->to), "escaping twice is escaping once");
}

ParameterizedTestParameters(render, a_word_for_the_shell)
{
	static struct pair pairs[] = {
		{ "", "''" },
		{ "vfio-pci,host=0000:e1:00.0", "vfio-pci,host=0000:e1:00.0" },
		{ "a b", "'a b'" },
		{ "it's", "'it'\\''s'" },
		{ "$(x)`y`", "'$(x)`y`'" },
		{ "*", "'*'" },
		{ "~", "'~'" },
		{ "é", "'é'" },
		{ "a\nb'\\", "$'a\\x0ab\\'\\\\'" },
	};

	return cr_make_param_array(struct pair, pairs, ARRAY_SIZE(pairs));
}

ParameterizedTest(struct pair *pair, render, a_word_for_the_shell)
{
	auto_free char *quoted = render_quote(pair->from);

	cr_assert(eq(str, quoted, pair->to));
}

struct cut {
	char from[32];
	size_t columns;
	char to[32];
};

ParameterizedTestParameters(render, text_is_cut_to_columns)
{
	static struct cut cuts[] = {
		{ "abcdef", 6, "abcdef" }, { "abcdef", 5, "abcd…" }, { "abcdef", 4, "abc…" },
		{ "名名名", 6, "名名名" }, { "名名名", 5, "名名…" }, { "名名名", 4, "名…" },
		{ "ab", 1, "…" },          { "abc", 1, "…" },        { "abc", 0, "" },
		{ "ééé", 2, "é…" },
	};

	return cr_make_param_array(struct cut, cuts, ARRAY_SIZE(cuts));
}

ParameterizedTest(struct cut *cut, render, text_is_cut_to_columns)
{
	auto_free char *text = render_cut(cut->from, cut->columns);

	cr_assert(eq(str, text, cut->to));
	cr_assert(le(sz, render_width(text), cut->columns));
}

/* What a table of two columns prints. */
static char *print(bool tty, int width, const char *name)
{
	static const struct column columns[] = {
		{ "NAME", .flexible = true },
		{ "N", .right = true },
		{ "LAST" },
	};
	auto_table struct table table = { 0 };
	struct screen screen = { .tty = tty, .width = width };
	char *data = NULL;
	size_t size;

	screen.file = open_memstream(&data, &size);
	cr_assert(screen.file != NULL);
	table_init(&table, columns, ARRAY_SIZE(columns));
	table_cell(&table, STYLE_GOOD, "%s", name);
	table_cell(&table, STYLE_PLAIN, "%d", 5);
	table_cell(&table, STYLE_PLAIN, "%s", "");
	table_print(&table, &screen);
	fclose(screen.file);
	return data;
}

Test(render, a_table_is_aligned_on_a_terminal)
{
	auto_free char *text = print(true, 0, "名前");

	cr_assert(eq(str, text, "NAME  N  LAST\n名前  5  -\n"));
}

Test(render, a_table_is_tabs_in_a_pipe_whatever_its_cells_hold)
{
	auto_free char *text = print(false, 0, "a\tb\nc");

	cr_assert(eq(str, text, "NAME\tN\tLAST\na\\x09b\\x0ac\t5\t-\n"));
}

Test(render, a_wide_table_is_cut_at_its_flexible_column)
{
	auto_free char *text = print(true, 25, "a very long name that does not fit");

	cr_assert(eq(str, text, "NAME              N  LAST\na very long nam…  5  -\n"));
}

Test(render, a_last_column_that_wraps_goes_on_below_itself)
{
	static const struct column columns[] = { { "N" },
						 { "WHY", .flexible = true, .wraps = true } };
	auto_table struct table table = { 0 };
	auto_free char *data = NULL;
	struct screen screen = { .tty = true, .width = 17 };
	size_t size;

	screen.file = open_memstream(&data, &size);
	table_init(&table, columns, ARRAY_SIZE(columns));
	table_cell(&table, STYLE_PLAIN, "%s", "1");
	table_cell(&table, STYLE_PLAIN, "%s", "a card that is secure 名前名前名前名前");
	table_print(&table, &screen);
	fclose(screen.file);
	cr_assert(eq(str, data,
		     "N  WHY\n"
		     "1  a card that is\n"
		     "   secure\n"
		     "   名前名前名前名\n"
		     "   前\n"));
}

Test(render, a_state_that_is_not_known_looks_bad)
{
	cr_assert(eq(int, render_state_style("attached"), STYLE_GOOD));
	cr_assert(eq(int, render_state_style("of tomorrow"), STYLE_BAD));
	cr_assert(eq(int, render_state_style(""), STYLE_BAD));
}
