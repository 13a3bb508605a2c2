/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The progress of a change, while it streams in: a line for each step that ended, and while
 * one goes on, on a terminal a line that is drawn anew with the elapsed time, in a pipe one
 * more line every ten seconds.
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
	double told; /* in a pipe: after how many seconds a line said that it goes on */
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

/* Tells the elapsed time; to be called when progress_interval() is over. */
void progress_tick(struct progress_view *view);

/* Takes the live line away. */
void progress_end(struct progress_view *view);

/* How long to wait for the next message before progress_tick is due, in ms; -1: it never is. */
int progress_interval(const struct progress_view *view);
