/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/batch.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "core/reasons.h"

struct run run_of(struct engine *engine, const struct request *request, size_t total)
{
	return (struct run){ .engine = engine,
			     .request = request,
			     .work = { engine->ops, engine->host, engine->snap, engine->all,
				       request, engine->plugins,
				       request ? request->verb : engine->journal->verb,
				       engine->journal },
			     .total = (unsigned)total };
}

/* --- Telling the daemon --- */

static void tell(struct run *run, enum progress_kind kind, const struct step *step,
		 struct bdf function, bool undo, unsigned index, unsigned deadline_ms,
		 const char *text)
{
	struct progress p = { .kind = kind,
			      .undo = undo,
			      .index = index,
			      .total = run->total,
			      .deadline_ms = deadline_ms,
			      .function = function };

	text_copy(p.step, sizeof(p.step), step ? step->name : "");
	text_copy(p.text, sizeof(p.text), text ? text : "");
	run->engine->ops->progress(run->engine->host, &p);
}

static unsigned deadline_of(const struct run *run, const struct step *step,
			    const struct record *record)
{
	unsigned vfs = run->request ? run->request->vfs : 0;

	if (vfs < record->wanted_vfs)
		vfs = record->wanted_vfs;
	if (vfs < record->before.vfs)
		vfs = record->before.vfs;
	if (run->engine->deadline_ms)
		return run->engine->deadline_ms;
	return plugins_deadline(run->engine->plugins,
				snapshot_find(run->engine->snap, record->function), step->wait,
				vfs, step->deadline_ms + step->deadline_per_vf_ms * vfs);
}

/* --- Remembering --- */

int run_save(struct engine *engine, struct tio_error *err)
{
	auto_free char *text = NULL;
	int r = 0;

	if (!journal_is_empty(engine->journal))
		r = journal_to_json(engine->journal, &text, err);
	if (r == 0)
		r = engine->ops->journal_write(engine->host, engine->journal->family, text,
					       err);
	return r < 0 ? error_wrap(err, r, "the journal cannot be written") : 0;
}

/* --- One step --- */

void run_failed(struct tio_error *err, struct bdf function, const char *step)
{
	error_at(err, function, step);
	reasons_explain(err);
}

static int act_on(void *arg, size_t i, struct tio_error *err)
{
	struct batch *batch = arg;

	return batch->act(batch, batch->records[i], err);
}

/* What a process of its own did is not in this one's snapshot yet. */
static void look_again(struct batch *batch)
{
	struct engine *engine = batch->run->engine;
	struct tio_error ignored;

	for (size_t i = 0; batch->n > 1 && i < batch->n; i++) {
		struct function *f = snapshot_find(engine->snap, batch->records[i]->function);

		if (f && engine->ops->refresh(engine->host, f, &ignored) < 0)
			log_debug("%s", ignored.text);
	}
}

/* Tells how each record ended; the first failure is the batch's. */
static int tell_ends(struct batch *batch, struct tio_error *errs, struct tio_error *err)
{
	const struct step *step = batch->step;
	int r = 0;

	for (size_t i = 0; i < batch->n; i++) {
		struct bdf function = batch->records[i]->function;
		unsigned index = batch->index + (unsigned)i;

		if (errs[i].code == 0) {
			tell(batch->run, PROGRESS_DONE, step, function, batch->undo, index, 0,
			     NULL);
			continue;
		}
		run_failed(&errs[i], function, step->name);
		tell(batch->run, PROGRESS_FAILED, step, function, batch->undo, index, 0,
		     errs[i].text);
		if (r == 0) {
			*err = errs[i];
			r = errs[i].code;
		}
	}
	return r;
}

static int note_and_act(struct batch *batch, struct tio_error *err)
{
	auto_free struct tio_error *errs = calloc(batch->n, sizeof(*errs));
	const struct host_ops *ops = batch->run->engine->ops;
	int r;

	if (!errs)
		return error_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < batch->n; i++)
		tell(batch->run, PROGRESS_BEGIN, batch->step, batch->records[i]->function,
		     batch->undo, batch->index + (unsigned)i,
		     deadline_of(batch->run, batch->step, batch->records[i]), NULL);
	r = batch->note ? batch->note(batch, &errs[0]) : 0;
	if (r == 0 && batch->n == 1) {
		r = batch->act(batch, batch->records[0], &errs[0]);
		if (r == 0)
			errs[0] = TIO_ERROR_NONE;
	} else if (r == 0) {
		ops->parallel(batch->run->engine->host, batch->n, act_on, batch, errs);
	}
	if (r < 0)
		errs[0].code = r;
	look_again(batch);
	return tell_ends(batch, errs, err);
}

int batch_run(struct batch *batch, struct tio_error *err)
{
	const struct host_ops *ops = batch->run->engine->ops;
	void *host = batch->run->engine->host;
	int r;

	if (batch->step->tsm_turn) {
		r = ops->tsm_take(host, batch->records[0]->wanted_tsm, err);
		if (r < 0) {
			run_failed(err, batch->records[0]->function, batch->step->name);
			return r;
		}
	}
	r = note_and_act(batch, err);
	if (batch->step->tsm_turn)
		ops->tsm_give(host);
	return r;
}

int batch_apply(struct batch *batch, struct record *record, struct tio_error *err)
{
	const struct step *step = batch->step;
	int r = step->apply ? step->apply(&batch->run->work, record, err) : 0;

	if (r == 0 && step->verify)
		r = step->verify(&batch->run->work, record, err);
	return r;
}

/* What was interrupted or came a moment too early is tried once more before giving up. */
static int undo_with_patience(struct batch *batch, struct record *record, struct tio_error *err)
{
	int r = batch->step->undo(&batch->run->work, record, err);

	if (r < 0) {
		*err = TIO_ERROR_NONE;
		r = batch->step->undo(&batch->run->work, record, err);
	}
	return r;
}

/* What is left behind is noted once: a second try must not take its own trace for it. */
static void begin_undo(struct batch *batch, struct record *record)
{
	struct engine *engine = batch->run->engine;
	struct function *f = snapshot_find(engine->snap, record->function);
	struct tio_error ignored;

	if (record->state == RECORD_UNDOING)
		return;
	record->state = RECORD_UNDOING;
	if (f && engine->ops->refresh(engine->host, f, &ignored) == 0)
		text_copy(record->left_driver, sizeof(record->left_driver), f->driver);
}

static int note_undo(struct batch *batch, struct tio_error *err)
{
	for (size_t i = 0; i < batch->n; i++)
		begin_undo(batch, batch->records[i]);
	/* An undo looks before it writes, so it may run again from an older journal. */
	if (run_save(batch->run->engine, err) < 0)
		log_debug("%s", err->text);
	*err = TIO_ERROR_NONE;
	return 0;
}

const struct step *batch_step_of(const struct record *record)
{
	int row = steps_find(record->step);

	return row < 0 ? NULL : steps[row];
}

int batch_undo(struct run *run, size_t last, unsigned number,
	       bool (*belongs)(const struct journal *journal, size_t index),
	       struct tio_error *err)
{
	struct journal *journal = run->engine->journal;
	const struct step *step = batch_step_of(&journal->records[last]);
	struct record *records[REQUEST_TARGETS_MAX] = { &journal->records[last] };
	struct batch batch = { .run = run,
			       .step = step,
			       .records = records,
			       .n = 1,
			       .undo = true,
			       .index = number,
			       .note = note_undo,
			       .act = undo_with_patience };
	int r;

	if (!step || !step->undo)
		return error_set(err, -EBADMSG, "the journal has an unknown step \"%s\"",
				 journal->records[last].step);
	while (step->parallel && batch.n < ARRAY_SIZE(records) && batch.n <= last &&
	       belongs(journal, last - batch.n) &&
	       batch_step_of(&journal->records[last - batch.n]) == step) {
		records[batch.n] = &journal->records[last - batch.n];
		batch.n++;
	}
	r = batch_run(&batch, err);
	return r < 0 ? r : (int)batch.n;
}

void run_tell(struct run *run, enum progress_kind kind, const char *text)
{
	tell(run, kind, NULL, run->request->family, false, 0, 0, text);
}
