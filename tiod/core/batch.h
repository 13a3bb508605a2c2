/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One batch of the engine's work: the records of a row that are dealt with together, noted
 * in the journal, done under a deadline, and told.  Only engine.c and batch.c use this.
 */

#include "core/engine.h"
#include "core/steps.h"

/* What runs now: the parts of a progress line that stay the same. */
struct run {
	struct engine *engine;
	const struct request *request; /* NULL in recovery */
	struct step_work work;
	unsigned total;
};

/* A row's records that are dealt with together: one, or several where the row allows it. */
struct batch {
	struct run *run;
	const struct step *step;
	struct record **records; /* borrowed from the journal, or a caller's own */
	size_t n;
	bool undo;
	unsigned index; /* of the first, for progress */

	/* Writes down what is about to change, on disk.  NULL: nothing is. */
	int (*note)(struct batch *batch, struct tio_error *err);
	/* Does it for one record. */
	int (*act)(struct batch *batch, struct record *record, struct tio_error *err);
};

struct run run_of(struct engine *engine, const struct request *request, size_t total);

/* A line of progress that is about no step. */
void run_tell(struct run *run, enum progress_kind kind, const char *text);

/* Puts the journal on disk as it stands now. */
int run_save(struct engine *engine, struct tio_error *err);

/* Names function and step of a failure, its cause and its mend. */
void run_failed(struct tio_error *err, struct bdf function, const char *step);

/*
 * Deals with all of @batch under a deadline; the TSM's turn, where the row wants it, is
 * waited for before.  The first failure is the batch's.
 */
int batch_run(struct batch *batch, struct tio_error *err);

/* An act for the way forward. */
int batch_apply(struct batch *batch, struct record *record, struct tio_error *err);

/* The row of a record, or NULL for one that this tiod does not know. */
const struct step *batch_step_of(const struct record *record);

/*
 * Takes back the record at @last and those before it that may be dealt with together, as long
 * as @belongs.  Returns how many, or a negative errno; the records stay in the list.
 */
int batch_undo(struct run *run, size_t last, unsigned number,
	       bool (*belongs)(const struct journal *journal, size_t index),
	       struct tio_error *err);
