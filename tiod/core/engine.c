/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "core/observe.h"
#include "core/reasons.h"
#include "core/steps.h"

/* What runs now: the parts of a progress line that stay the same. */
struct run {
	struct engine *engine;
	const struct request *request; /* NULL in recovery */
	struct step_work work;
	unsigned total;
};

static struct run run_of(struct engine *engine, const struct request *request, size_t total)
{
	return (struct run){ .engine = engine,
			     .request = request,
			     .work = { engine->ops, engine->host, engine->snap, engine->all,
				       request },
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
	unsigned vfs = record->wanted_vfs > record->before.vfs ? record->wanted_vfs
							       : record->before.vfs;

	if (run->engine->deadline_ms)
		return run->engine->deadline_ms;
	return step->deadline_ms + step->deadline_per_vf_ms * vfs;
}

/* --- Remembering --- */

static int save(struct engine *engine, struct tio_error *err)
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

static void failed(struct tio_error *err, struct bdf function, const char *step)
{
	error_at(err, function, step);
	reasons_explain(err);
}

/*
 * Runs @fn, all of the step with its journal entry, under a deadline; the TSM's turn, where
 * the row wants it, is waited for before.
 */
static int guarded(struct run *run, const struct step *step, struct record *record, bool undo,
		   unsigned index,
		   int (*fn)(struct run *, const struct step *, struct record *,
			     struct tio_error *),
		   struct tio_error *err)
{
	const struct host_ops *ops = run->engine->ops;
	int r;

	if (step->tsm_turn) {
		r = ops->tsm_take(run->engine->host, record->wanted_tsm, err);
		if (r < 0) {
			failed(err, record->function, step->name);
			return r;
		}
	}
	tell(run, PROGRESS_BEGIN, step, record->function, undo, index,
	     deadline_of(run, step, record), NULL);
	r = fn(run, step, record, err);
	if (step->tsm_turn)
		ops->tsm_give(run->engine->host);
	if (r == 0) {
		tell(run, PROGRESS_DONE, step, record->function, undo, index, 0, NULL);
		return 0;
	}
	failed(err, record->function, step->name);
	tell(run, PROGRESS_FAILED, step, record->function, undo, index, 0, err->text);
	return r;
}

static int apply_and_verify(struct run *run, const struct step *step, struct record *record,
			    struct tio_error *err)
{
	int r = step->apply ? step->apply(&run->work, record, err) : 0;

	if (r == 0 && step->verify)
		r = step->verify(&run->work, record, err);
	return r;
}

/* What was interrupted or came a moment too early is tried once more before giving up. */
static int undo_with_patience(struct run *run, const struct step *step, struct record *record,
			      struct tio_error *err)
{
	int r;

	record->state = RECORD_UNDOING;
	/* An undo looks before it writes, so it may run again from an older journal. */
	if (save(run->engine, err) < 0) {
		log_debug("%s", err->text);
		*err = TIO_ERROR_NONE;
	}
	r = step->undo(&run->work, record, err);
	if (r < 0) {
		*err = TIO_ERROR_NONE;
		r = step->undo(&run->work, record, err);
	}
	return r;
}

static const struct step *step_of(const struct record *record)
{
	int row = steps_find(record->step);

	return row < 0 ? NULL : steps[row];
}

/* Takes back the record at @index.  The record stays in the list. */
static int undo_record(struct run *run, size_t index, unsigned number, struct tio_error *err)
{
	struct record *record = &run->engine->journal->records[index];
	const struct step *step = step_of(record);

	if (!step || !step->undo)
		return error_set(err, -EBADMSG, "the journal has an unknown step \"%s\"",
				 record->step);
	return guarded(run, step, record, true, number, undo_with_patience, err);
}

/* "…; not undone: rebind of 0000:e1:00.0: …": what is left, and how to go on. */
static int stuck(struct tio_error *err, const struct tio_error *why)
{
	char name[BDF_STRLEN];

	text_append(err->text, sizeof(err->text), "; and %s of %s could not be put back: %s",
		    why->step, bdf_format(why->function, name), why->text);
	err->kind = ERROR_STUCK;
	error_fix(err, "%s; then `tioctl detach %s` tries again to put it back", why->fix,
		  name);
	return err->code;
}

/* --- Attach and connect --- */

static int note_target(const struct run *run, const struct step *step, struct bdf subject,
		       const struct target **ret)
{
	for (size_t i = 0; i < run->request->n_targets; i++) {
		const struct target *t = &run->request->targets[i];

		if (bdf_equal(step_subject(step, run->request, t), subject)) {
			*ret = t;
			return 0;
		}
	}
	return -ENOENT;
}

/* Reads the function again and writes down what is about to change, on disk. */
static int note_before(struct run *run, const struct step *step, struct record *record,
		       struct tio_error *err)
{
	struct engine *engine = run->engine;
	struct function *f = snapshot_find(engine->snap, record->function);
	const struct target *target;
	int r;

	r = note_target(run, step, record->function, &target);
	if (r < 0)
		return error_set(err, r, "the plan names a function that was not asked for");
	if (f && step->subject != SUBJECT_DSM)
		r = engine->ops->refresh(engine->host, f, err);
	if (r < 0)
		return r;
	step->capture(&run->work, target, f, record);
	if (journal_add(engine->journal, record) < 0)
		return error_set(err, -ENOMEM, "out of memory");
	r = save(engine, err);
	if (r < 0)
		journal_drop(engine->journal, engine->journal->n_records - 1);
	return r;
}

static int take_step(struct run *run, const struct step *step, struct record *record,
		     struct tio_error *err)
{
	int r = step->journaled ? note_before(run, step, record, err) : 0;

	return r < 0 ? r : apply_and_verify(run, step, record, err);
}

/* Undoes everything from the mark on, last first, and ends the change. */
static int take_back(struct run *run, struct tio_error *err)
{
	struct journal *journal = run->engine->journal;
	struct tio_error ignored = TIO_ERROR_NONE;

	while (journal->n_records > journal->mark) {
		size_t last = journal->n_records - 1;
		int r = undo_record(run, last, (unsigned)(last - journal->mark), err);

		if (r < 0)
			return r;
		journal_drop(journal, last);
	}
	journal->in_flight = false;
	if (save(run->engine, &ignored) < 0)
		log_debug("%s", ignored.text);
	return 0;
}

/* An older record of the same step and function has been overtaken by a newer one. */
static void drop_overtaken(struct journal *journal)
{
	for (size_t i = journal->mark; i < journal->n_records; i++) {
		for (size_t k = 0; k < journal->mark; k++) {
			if (strcmp(journal->records[k].step, journal->records[i].step) != 0 ||
			    !bdf_equal(journal->records[k].function,
				       journal->records[i].function))
				continue;
			journal_drop(journal, k);
			journal->mark--;
			i--;
			break;
		}
	}
}

static int commit_attach(struct run *run, struct tio_error *err)
{
	struct journal *journal = run->engine->journal;
	size_t all;
	int r;

	drop_overtaken(journal);
	all = journal->n_records;
	/* A link that an admin asks for is the admin's own: detach is not to take it down. */
	if (run->request->verb == VERB_CONNECT)
		journal->n_records = journal->mark;
	journal->in_flight = false;
	r = save(run->engine, err);
	if (r < 0) {
		journal->n_records = all;
		journal->in_flight = true;
	}
	return r;
}

static void begin_change(struct run *run)
{
	struct journal *journal = run->engine->journal;

	journal->family = run->request->family;
	journal->in_flight = true;
	journal->verb = run->request->verb;
	journal->mark = journal->n_records;
	text_copy(journal->vm, sizeof(journal->vm), run->request->vm.name);
}

static int run_step(struct run *run, const struct plan_step *planned, unsigned index,
		    struct tio_error *err)
{
	const struct step *step = steps[planned->row];
	struct record record = { .function = planned->function };

	text_copy(record.step, sizeof(record.step), step->name);
	if (step->tsm_turn)
		text_copy(record.wanted_tsm, sizeof(record.wanted_tsm), run->request->tsm);
	return guarded(run, step, &record, false, index, take_step, err);
}

static int run_forward(struct run *run, const struct plan *plan, struct tio_error *err)
{
	struct tio_error why = TIO_ERROR_NONE;
	int r = 0;

	begin_change(run);
	for (size_t i = 0; r == 0 && i < plan->n_steps; i++)
		r = run_step(run, &plan->steps[i], (unsigned)i, err);
	if (r == 0) {
		r = commit_attach(run, err);
		if (r < 0)
			failed(err, run->request->family, "journal");
	}
	if (r == 0)
		return 0;

	if (take_back(run, &why) < 0)
		return stuck(err, &why);
	text_append(err->text, sizeof(err->text), "; the host is as it was before");
	return r;
}

/* --- Detach and disconnect --- */

/* Applies again what was already taken back, first step first. */
static int go_back(struct run *run, struct tio_error *err)
{
	struct journal *journal = run->engine->journal;
	struct tio_error ignored = TIO_ERROR_NONE;

	for (size_t i = 0; i < journal->n_records; i++) {
		struct record *record = &journal->records[i];
		const struct step *step = step_of(record);
		int r = 0;

		if (record->state == RECORD_UNDOING && step)
			r = guarded(run, step, record, false, (unsigned)i, apply_and_verify,
				    err);
		if (r < 0)
			return r;
		record->state = RECORD_BEGUN;
	}
	journal->in_flight = false;
	if (save(run->engine, &ignored) < 0)
		log_debug("%s", ignored.text);
	return 0;
}

/* Undoes each record that is to leave, last first. */
static int take_away(struct run *run, struct tio_error *err)
{
	struct journal *journal = run->engine->journal;
	unsigned number = 0;

	for (size_t i = journal->n_records; i-- > 0;) {
		int r;

		if (journal->records[i].state == RECORD_BEGUN)
			continue;
		r = undo_record(run, i, number++, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void forget_what_left(struct engine *engine)
{
	struct journal *journal = engine->journal;
	struct tio_error err = TIO_ERROR_NONE;

	for (size_t i = journal->n_records; i-- > 0;)
		if (journal->records[i].state != RECORD_BEGUN)
			journal_drop(journal, i);
	journal->in_flight = false;
	/* On disk it still says "leaving": recovery would find nothing left to do. */
	if (save(engine, &err) < 0)
		log_debug("%s", err.text);
}

static int run_backward(struct run *run, const struct plan *plan, struct tio_error *err)
{
	struct journal *journal = run->engine->journal;
	struct tio_error why = TIO_ERROR_NONE;
	int r;

	begin_change(run);
	for (size_t i = 0; i < plan->n_steps; i++)
		journal->records[plan->steps[i].record].state = RECORD_LEAVING;
	r = save(run->engine, err);
	if (r < 0)
		failed(err, run->request->family, "journal");
	else
		r = take_away(run, err);
	if (r == 0) {
		forget_what_left(run->engine);
		return 0;
	}
	if (go_back(run, &why) < 0)
		return stuck(err, &why);
	text_append(err->text, sizeof(err->text), "; everything is as it was before");
	return r;
}

int engine_run(struct engine *engine, struct request *request, bool plan_only,
	       struct plan *ret_plan, struct tio_error *err)
{
	struct plan plan = { 0 };
	struct run run;
	int r = 0;

	if (engine->journal->in_flight && !plan_only)
		r = engine_recover(engine, err);
	if (r == 0)
		r = observe_for_request(engine, request, err);
	if (r == 0)
		r = plan_make(engine->snap, engine->all, engine->journal, request, &plan, err);
	if (r < 0)
		return r;

	run = run_of(engine, request, plan.n_steps);
	if (!plan_only) {
		tell(&run, PROGRESS_PLAN, NULL, request->family, false, 0, 0, NULL);
		for (size_t i = 0; i < plan.n_notes; i++)
			tell(&run, PROGRESS_NOTE, NULL, request->family, false, 0, 0,
			     plan.notes[i]);
		if (plan.n_steps &&
		    (request->verb == VERB_ATTACH || request->verb == VERB_CONNECT))
			r = run_forward(&run, &plan, err);
		else if (plan.n_steps)
			r = run_backward(&run, &plan, err);
	}
	if (ret_plan && r == 0)
		*ret_plan = plan;
	else
		plan_finish(&plan);
	return r;
}

int engine_recover(struct engine *engine, struct tio_error *err)
{
	struct journal *journal = engine->journal;
	struct run run = run_of(engine, NULL, journal->n_records);
	struct tio_error why = TIO_ERROR_NONE;
	int r;

	if (!journal->in_flight)
		return 0;
	if (journal->verb == VERB_ATTACH || journal->verb == VERB_CONNECT) {
		r = take_back(&run, err);
	} else {
		r = take_away(&run, err);
		if (r == 0)
			forget_what_left(engine);
		else if (go_back(&run, &why) == 0)
			r = 0;
	}
	if (r < 0 && err)
		err->kind = ERROR_STUCK;
	return r;
}
