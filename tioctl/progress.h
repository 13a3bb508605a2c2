/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The progress of a change, while it streams in: on a terminal one line that is drawn
 * anew with the elapsed time and a line for each step that ended, in a pipe the latter only.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "tioctl/render.h"

#define PROGRESS_RUNNING_MAX                                                                   \
	16 /* families whose steps are timed; others show without a time                       \
	    */

struct running {
	char family[32];
	char what[96]; /* "[3/9] connect-tsm 0000:e1:00.0" */
	char waiting[160];
	struct timespec since;
};

struct progress_view {
	const struct screen *screen; /* borrowed */
	bool quiet;
	bool drawn; /* a live line stands on the terminal */
	struct running running[PROGRESS_RUNNING_MAX];
	size_t n_running;
};

void progress_init(struct progress_view *view, const struct screen *screen, bool quiet);

/* One Progress of io.tiod. */
void progress_show(struct progress_view *view, const json_t *progress);

/* Draws the elapsed time anew; to be called a few times a second. */
void progress_tick(struct progress_view *view);

/* Takes the live line away. */
void progress_end(struct progress_view *view);

/* How long to wait for the next message before progress_tick is due, in ms; -1: it never is. */
int progress_interval(const struct progress_view *view);
