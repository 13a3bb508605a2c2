/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tioctl/field.h"
#include "tioctl/progress.h"

static struct progress_view view;
static struct screen screen;
static char *written;
static size_t length;

static void open_pipe(void)
{
	screen = (struct screen){ .file = open_memstream(&written, &length) };
	progress_init(&view, &screen, false);
}

static void close_pipe(void)
{
	fclose(screen.file);
	free(written);
}

TestSuite(progress, .init = open_pipe, .fini = close_pipe);

static void show(const char *phase)
{
	auto_json json_t *progress = json_pack(
		"{ss ss sb si si ss ss ss}", "family", "0000:41:00.0", "phase", phase, "undo",
		0, "index", 2, "total", 8, "function", "0000:41:00.0", "step", "enable-vfs",
		"text", "");

	progress_show(&view, progress);
}

/* As if @seconds had gone by. */
static char *after(int seconds)
{
	view.running[0].since.tv_sec -= seconds;
	progress_tick(&view);
	fflush(screen.file);
	return written;
}

Test(progress, a_step_that_goes_on_is_told_in_a_pipe)
{
	cr_expect(eq(int, progress_interval(&view), -1), "nothing runs");
	show("begin");
	cr_expect(eq(int, progress_interval(&view), 10000));
	cr_expect(eq(str, after(9), ""));
	cr_expect(eq(str, after(2), "[3/8] enable-vfs 0000:41:00.0 goes on, 11 s\n"));
	cr_expect(eq(str, after(5), "[3/8] enable-vfs 0000:41:00.0 goes on, 11 s\n"),
		  "and not at every tick");
	cr_expect(eq(str, after(6),
		     "[3/8] enable-vfs 0000:41:00.0 goes on, 11 s\n"
		     "[3/8] enable-vfs 0000:41:00.0 goes on, 22 s\n"));
	show("done");
	cr_expect(eq(int, progress_interval(&view), -1));
}

Test(progress, who_wants_no_words_gets_none)
{
	progress_init(&view, &screen, true);
	show("begin");
	cr_expect(eq(int, progress_interval(&view), -1));
	cr_expect(eq(str, after(60), ""));
}
