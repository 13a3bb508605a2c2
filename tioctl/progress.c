/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tioctl/progress.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/field.h"

#define BEAT_S  10  /* in a pipe: often enough to tell slow from stuck */
#define TICK_MS 200 /* often enough for a tenth of a second to look alive */

void progress_init(struct progress_view *view, const struct screen *screen, bool quiet)
{
	*view = (struct progress_view){ .screen = screen, .quiet = quiet && !screen->tty };
}

int progress_interval(const struct progress_view *view)
{
	if (view->screen->tty)
		return TICK_MS;
	return view->quiet || !view->n_running ? -1 : BEAT_S * 1000;
}

static double seconds_since(const struct timespec *since)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - since->tv_sec) +
	       (double)(now.tv_nsec - since->tv_nsec) / 1e9;
}

static struct running *find_running(struct progress_view *view, const char *family)
{
	for (size_t i = 0; i < view->n_running; i++)
		if (strcmp(view->running[i].family, family) == 0)
			return &view->running[i];
	return NULL;
}

static void drop_running(struct progress_view *view, struct running *running)
{
	if (!running)
		return;
	view->n_running--;
	memmove(running, running + 1,
		(size_t)(view->running + view->n_running - running) * sizeof(*running));
}

/* The entry of the family's step, its clock started anew; NULL when there are too many. */
static struct running *start_running(struct progress_view *view, const char *family)
{
	struct running *running;

	drop_running(view, find_running(view, family));
	if (view->n_running == PROGRESS_RUNNING_MAX)
		return NULL;
	running = &view->running[view->n_running++];
	*running = (struct running){ 0 };
	text_copy(running->family, sizeof(running->family), family);
	clock_gettime(CLOCK_MONOTONIC, &running->since);
	return running;
}

void progress_end(struct progress_view *view)
{
	if (!view->drawn)
		return;
	fputs("\r\033[K", view->screen->file);
	fflush(view->screen->file);
	view->drawn = false;
}

/* In a pipe nothing is drawn anew: a line now and then says that a step goes on. */
static void beat(struct progress_view *view)
{
	for (size_t i = 0; !view->quiet && i < view->n_running; i++) {
		struct running *running = &view->running[i];
		double seconds = seconds_since(&running->since);

		if (seconds < running->told + BEAT_S)
			continue;
		running->told = seconds;
		screen_line(view->screen, "%s goes on, %.0f s%s%s", running->what, seconds,
			    running->waiting[0] ? ": " : "", running->waiting);
	}
}

/* What runs longest, and how much runs beside it, cut to one line of the terminal. */
void progress_tick(struct progress_view *view)
{
	const struct running *first = view->running;
	char line[512] = "";
	auto_free char *escaped = NULL, *cut = NULL;

	if (!view->screen->tty)
		beat(view);
	if (!view->screen->tty || !view->n_running)
		return;
	text_append(line, sizeof(line), "%s  %.1f s", first->what,
		    seconds_since(&first->since));
	if (first->waiting[0])
		text_append(line, sizeof(line), "  %s", first->waiting);
	if (view->n_running > 1)
		text_append(line, sizeof(line), "  (and %zu more)", view->n_running - 1);
	escaped = render_escape(line);
	cut = render_cut(escaped,
			 view->screen->width > 1 ? (size_t)view->screen->width - 1 : 79);
	fprintf(view->screen->file, "\r%s\033[K", cut);
	fflush(view->screen->file);
	view->drawn = true;
}

static void begin_step(struct progress_view *view, const json_t *progress)
{
	struct running *running = start_running(view, field_text(progress, "family"));
	const unsigned long long total = (unsigned long long)field_int(progress, "total", 0);
	const bool undo = field_is(progress, "undo");

	if (!running)
		return;
	if (total > 0 && !undo)
		text_append(running->what, sizeof(running->what), "[%llu/%llu] ",
			    (unsigned long long)field_int(progress, "index", 0) + 1, total);
	text_append(running->what, sizeof(running->what), "%s%s %s", undo ? "undo " : "",
		    field_text(progress, "step"), field_text(progress, "function"));
}

/* One line that stays: "connect-tsm 0000:e1:00.0 done". */
static void end_step(struct progress_view *view, const json_t *progress, const char *how)
{
	struct running *running = find_running(view, field_text(progress, "family"));
	const char *text = field_text(progress, "text");
	const bool failed = strcmp(how, "failed") == 0, undo = field_is(progress, "undo");
	double seconds = running ? seconds_since(&running->since) : -1;

	progress_end(view);
	screen_text(view->screen, STYLE_PLAIN, "%s%s %s ", undo ? "undo " : "",
		    field_text(progress, "step"), field_text(progress, "function"));
	screen_text(view->screen, failed ? STYLE_BAD : STYLE_GOOD, "%s", how);
	if (view->screen->tty && seconds >= 0)
		screen_text(view->screen, STYLE_DIM, "  %.1f s", seconds);
	/* The outcome says why a step failed; of an undo it may say only the first failure. */
	if (failed && undo && *text)
		screen_text(view->screen, STYLE_PLAIN, ": %s", text);
	screen_line(view->screen, "%s", "");
	drop_running(view, running);
}

/* Said once in a pipe, where a line that is repeated tells nothing. */
static void show_waiting(struct progress_view *view, const json_t *progress)
{
	const char *family = field_text(progress, "family");
	const char *text = field_text(progress, "text");
	struct running *running = find_running(view, family);
	char before[sizeof(running->waiting)] = "";

	if (!running)
		running = start_running(view, family);
	if (running) {
		text_copy(before, sizeof(before), running->waiting);
		text_copy(running->waiting, sizeof(running->waiting), *text ? text : "waiting");
		if (!running->what[0])
			text_copy(running->what, sizeof(running->what), family);
		if (view->screen->tty || strcmp(before, running->waiting) == 0)
			return;
	}
	screen_line(view->screen, "%s: %s", family, *text ? text : "waiting");
}

void progress_show(struct progress_view *view, const json_t *progress)
{
	const char *phase = field_text(progress, "phase");

	if (view->quiet)
		return;
	if (strcmp(phase, "begin") == 0) {
		begin_step(view, progress);
	} else if (strcmp(phase, "done") == 0 || strcmp(phase, "failed") == 0) {
		end_step(view, progress, phase);
	} else if (strcmp(phase, "waiting") == 0) {
		show_waiting(view, progress);
	} else if (strcmp(phase, "note") == 0) {
		progress_end(view);
		screen_line(view->screen, "note: %s", field_text(progress, "text"));
	}
	progress_tick(view);
}
