/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tioctl/render.h"

#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/field.h"

static const char *const colours[STYLE_COUNT] = {
	[STYLE_PLAIN] = "",        [STYLE_HEAD] = "\033[1m", [STYLE_GOOD] = "\033[32m",
	[STYLE_WARN] = "\033[33m", [STYLE_BAD] = "\033[31m", [STYLE_DIM] = "\033[2m",
};

static bool wants_colour(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return !(no_color && *no_color) && term && *term && strcmp(term, "dumb") != 0;
}

void screen_init(struct screen *screen, FILE *file)
{
	struct winsize size;

	*screen = (struct screen){ .file = file, .tty = isatty(fileno(file)) };
	if (!screen->tty)
		return;
	screen->colour = wants_colour();
	if (ioctl(fileno(file), TIOCGWINSZ, &size) == 0)
		screen->width = size.ws_col;
}

static char *format(const char *fmt, va_list args) __attribute__((format(printf, 1, 0)));

static char *format(const char *fmt, va_list args)
{
	auto_free char *text = NULL;

	if (vasprintf(&text, fmt, args) < 0)
		abort();
	return render_escape(text);
}

static void put(const struct screen *screen, enum style style, const char *escaped)
{
	const char *colour = screen->colour ? colours[style] : "";

	fprintf(screen->file, "%s%s%s", colour, escaped, *colour ? "\033[0m" : "");
}

void screen_text(const struct screen *screen, enum style style, const char *fmt, ...)
{
	auto_free char *text = NULL;
	va_list args;

	va_start(args, fmt);
	text = format(fmt, args);
	va_end(args);
	put(screen, style, text);
}

void screen_line(const struct screen *screen, const char *fmt, ...)
{
	auto_free char *text = NULL;
	va_list args;

	va_start(args, fmt);
	text = format(fmt, args);
	va_end(args);
	fprintf(screen->file, "%s\n", text);
}

/* Controls, and the invisible characters that reorder or break a line. */
static bool is_hostile(wchar_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) ||
	       (c >= 0xe0000 && c <= 0xe007f);
}

static void add_bytes(struct text *to, const char *bytes, size_t n)
{
	if (text_add(to, "%.*s", (int)n, bytes) < 0)
		abort();
}

/* Escapes what stands at @from and returns how many bytes that was. */
static size_t escape_one(struct text *to, const char *from)
{
	mbstate_t state = { 0 };
	wchar_t c;
	size_t n = mbrtowc(&c, from, strnlen(from, MB_LEN_MAX), &state);
	int r = 0;

	if (n == 0 || n > MB_LEN_MAX) {
		n = 1;
		r = text_add(to, "\\x%02x", (unsigned char)*from);
	} else if (!is_hostile(c)) {
		add_bytes(to, from, n);
	} else if (c < 0x80) {
		r = text_add(to, "\\x%02x", (unsigned)c);
	} else {
		r = text_add(to, c > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)c);
	}
	if (r < 0)
		abort();
	return n;
}

char *render_escape(const char *text)
{
	struct text to = { 0 };
	size_t plain;

	add_bytes(&to, "", 0);
	while (*text) {
		for (plain = 0; text[plain] >= 0x20 && text[plain] < 0x7f;)
			plain++;
		add_bytes(&to, text, plain);
		text += plain;
		if (*text)
			text += escape_one(&to, text);
	}
	return to.data;
}

/* Columns of the character at @text; @n: its bytes. */
static size_t one_width(const char *text, size_t *n)
{
	mbstate_t state = { 0 };
	wchar_t c;
	int width;

	*n = mbrtowc(&c, text, strnlen(text, MB_LEN_MAX), &state);
	if (*n == 0 || *n > MB_LEN_MAX) {
		*n = 1;
		return 1;
	}
	width = wcwidth(c);
	return width < 0 ? 1 : (size_t)width;
}

size_t render_width(const char *text)
{
	size_t width = 0, n;

	for (; *text; text += n)
		width += one_width(text, &n);
	return width;
}

size_t render_fit(const char *text, size_t columns)
{
	size_t width = 0, at = 0, space = 0, n, one;

	for (; text[at]; at += n) {
		one = one_width(text + at, &n);
		if (text[at] == ' ')
			space = at;
		if (width + one > columns)
			return space ? space : at ? at : n;
		width += one;
	}
	return at;
}

char *render_cut(const char *text, size_t columns)
{
	size_t width = 0, at = 0, cut = 0, n, one;
	struct text to = { 0 };

	if (render_width(text) <= columns)
		return must(strdup(text));
	/* Up to where the mark still fits behind. */
	while (text[at]) {
		one = one_width(text + at, &n);
		if (width + one >= columns)
			break;
		width += one;
		at += n;
		cut = at;
	}
	add_bytes(&to, text, cut);
	add_bytes(&to, "…", columns ? strlen("…") : 0);
	return to.data;
}

static bool is_shell_safe(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("_@%+=:,./-", c));
}

char *render_quote(const char *text)
{
	struct text to = { 0 };
	bool safe = *text, control = false;

	for (const char *p = text; *p; p++) {
		safe = safe && is_shell_safe(*p);
		control = control || (unsigned char)*p < 0x20 || *p == 0x7f;
	}
	add_bytes(&to, control ? "$'" : "'", safe ? 0 : 1 + control);
	for (; *text; text++) {
		if (control && ((unsigned char)*text < 0x20 || *text == 0x7f)) {
			if (text_add(&to, "\\x%02x", (unsigned char)*text) < 0)
				abort();
		} else if (control && (*text == '\\' || *text == '\'')) {
			add_bytes(&to, "\\", 1);
			add_bytes(&to, text, 1);
		} else {
			add_bytes(&to, *text == '\'' ? "'\\''" : text, *text == '\'' ? 4 : 1);
		}
	}
	add_bytes(&to, "'", !safe);
	return to.data;
}

enum style render_state_style(const char *state)
{
	static const struct {
		const char *state;
		enum style style;
	} styles[] = {
		{ "attached", STYLE_GOOD }, { "connected", STYLE_GOOD },
		{ "idle", STYLE_PLAIN },    { "busy", STYLE_WARN },
		{ "reserved", STYLE_WARN }, { "incapable", STYLE_DIM },
	};

	for (size_t i = 0; i < ARRAY_SIZE(styles); i++)
		if (strcmp(styles[i].state, state) == 0)
			return styles[i].style;
	return STYLE_BAD;
}
