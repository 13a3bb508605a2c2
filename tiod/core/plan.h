/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * From what the kernel shows and what is asked to the steps that do it, or to a
 * refusal: what, where, why and what to type.  Pure: no I/O, no clock, no globals.
 */

#include "core/journal.h"
#include "core/request.h"

#define PLAN_NOTES_MAX 8

struct plan_step {
	int row; /* in the step table */
	struct bdf function;
	bool undo;      /* the row's undo, with the journal's record */
	size_t record;  /* undo: index in the journal */
	char what[160]; /* "bind 0000:e1:00.0 to vfio-pci (now nvidia)" */
};

struct plan {
	struct plan_step *steps; /* owned */
	size_t n_steps, space;
	char notes[PLAN_NOTES_MAX][320]; /* warnings that do not refuse */
	size_t n_notes;
};

void plan_finish(struct plan *plan);

/* Adds a warning once; dropped when there are too many. */
void plan_note(struct plan *plan, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * 0: @ret holds the steps, none if all is as asked already.  Negative: a refusal in @err
 * (kind, function, sentence, fix); nothing may be changed.
 */
int plan_make(const struct snapshot *snap, const struct assignments *all,
	      const struct journal *journal, const struct request *request,
	      const struct plugins *plugins, struct plan *ret, struct tio_error *err);
