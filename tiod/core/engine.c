/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "core/batch.h"
#include "core/observe.h"

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
	struct bdf subjects[STEP_SUBJECTS_MAX];

	for (size_t i = 0; i < run->request->n_targets; i++) {
		const struct target *t = &run->request->targets[i];
		size_t n = step_subjects(step, run->request, t, subjects);

		for (size_t k = 0; k < n; k++) {
			if (!bdf_equal(subjects[k], subject))
				continue;
			*ret = t;
			return 0;
		}
	}
	return -ENOENT;
}

/* Reads the function again and notes what is about to change. */
static int capture(struct batch *batch, struct record *record, struct tio_error *err)
{
	struct engine *engine = batch->run->engine;
	const struct step *step = batch->step;
	struct function *f = snapshot_find(engine->snap, record->function);
	const struct target *target;
	int r;

	r = note_target(batch->run, step, record->function, &target);
	if (r < 0)
		return error_set(err, r, "the plan names a function that was not asked for");
	if (f && step->subject != SUBJECT_DSM)
		r = steps_refresh(&batch->run->work, f, err);
	if (r < 0)
		return r;
	if (f)
		record->identity = function_identity(f);
	step->capture(&batch->run->work, target, f, record);
	return journal_add(engine->journal, record) < 0
		       ? error_set(err, -ENOMEM, "out of memory")
		       : 0;
}

static int note_before(struct batch *batch, struct tio_error *err)
{
	struct journal *journal = batch->run->engine->journal;
	size_t before = journal->n_records;
	int r = 0;

	if (!batch->step->journaled)
		return 0;
	for (size_t i = 0; r == 0 && i < batch->n; i++)
		r = capture(batch, batch->records[i], err);
	if (r == 0)
		r = run_save(batch->run->engine, err);
	if (r < 0)
		journal->n_records = before;
	return r;
}

static bool belongs_to_attach(const struct journal *journal, size_t index)
{
	return index >= journal->mark;
}

/* Undoes everything from the mark on, last first, and ends the change. */
static int take_back(struct run *run, struct tio_error *err)
{
	struct journal *journal = run->engine->journal;
	struct tio_error ignored = TIO_ERROR_NONE;

	while (journal->n_records > journal->mark) {
		size_t last = journal->n_records - 1;
		int n = batch_undo(run, last, (unsigned)(last - journal->mark),
				   belongs_to_attach, err);

		if (n < 0)
			return n;
		journal->n_records -= (size_t)n;
	}
	journal->in_flight = false;
	if (run_save(run->engine, &ignored) < 0)
		log_debug("%s", ignored.text);
	return 0;
}

/* An older record of the same step and function has been overtaken by a newer one. */
static void drop_overtaken(struct journal *journal)
{
	for (size_t i = journal->mark; i < journal->n_records; i++) {
		const struct step *step = batch_step_of(&journal->records[i]);

		for (size_t k = 0; k < journal->mark; k++) {
			if (strcmp(journal->records[k].step, journal->records[i].step) != 0 ||
			    !bdf_equal(journal->records[k].function,
				       journal->records[i].function))
				continue;
			if (step && step->overtake)
				step->overtake(&journal->records[i], &journal->records[k]);
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
	/*
	 * A link that an admin asks for is the admin's own: detach is not to take it down.  One
	 * that is made anew is whose it was before.
	 */
	if (run->request->verb == VERB_CONNECT || run->request->verb == VERB_RECONNECT)
		journal->n_records = journal->mark;
	journal->in_flight = false;
	r = run_save(run->engine, err);
	if (r < 0) {
		journal->n_records = all;
		journal->in_flight = true;
	}
	return r;
}

/*
 * A link that was taken down to be made anew, and could not be: nobody must trust it, and that
 * is all.  The card can still be detached, and reconnected by whoever mended it.
 */
static bool link_is_left_down(const struct engine *engine)
{
	const struct journal *journal = engine->journal;
	const struct function *dsm = snapshot_find(engine->snap, journal->family);

	return journal->verb == VERB_RECONNECT && (!dsm || !dsm->tsm[0]);
}

static int say_link_is_down(struct run *run, struct tio_error *err)
{
	char name[BDF_STRLEN];

	text_append(err->text, sizeof(err->text), "; its link is down");
	error_fix(err, "%s%s`tioctl reconnect %s` tries again", err->fix,
		  err->fix[0] ? "; " : "", bdf_format(run->request->family, name));
	return err->code;
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

/* Takes the step at @first and those behind it of the same row, where it may be so. */
static int take_steps(struct run *run, const struct plan *plan, size_t first,
		      struct tio_error *err)
{
	const struct step *step = steps[plan->steps[first].row];
	struct record *records[REQUEST_TARGETS_MAX];
	auto_free struct record *own = calloc(REQUEST_TARGETS_MAX, sizeof(*own));
	struct batch batch = { .run = run,
			       .step = step,
			       .records = records,
			       .index = (unsigned)first,
			       .note = note_before,
			       .act = batch_apply };
	int r;

	if (!own)
		return error_set(err, -ENOMEM, "out of memory");
	do {
		struct record *record = &own[batch.n];

		record->function = plan->steps[first + batch.n].function;
		text_copy(record->step, sizeof(record->step), step->name);
		if (step->tsm_turn)
			text_copy(record->wanted_tsm, sizeof(record->wanted_tsm),
				  run->request->tsm);
		records[batch.n++] = record;
	} while (step->parallel && batch.n < REQUEST_TARGETS_MAX &&
		 first + batch.n < plan->n_steps &&
		 plan->steps[first + batch.n].row == plan->steps[first].row);
	r = batch_run(&batch, err);
	return r < 0 ? r : (int)batch.n;
}

static int run_forward(struct run *run, const struct plan *plan, struct tio_error *err)
{
	struct tio_error why = TIO_ERROR_NONE;
	int r = 0;

	begin_change(run);
	for (size_t i = 0; r == 0 && i < plan->n_steps;) {
		int n = take_steps(run, plan, i, err);

		if (n < 0)
			r = n;
		else
			i += (size_t)n;
	}
	if (r == 0) {
		r = commit_attach(run, err);
		if (r < 0)
			run_failed(err, run->request->family, "journal");
	}
	if (r == 0)
		return 0;

	if (take_back(run, &why) < 0)
		return stuck(err, &why);
	if (link_is_left_down(run->engine))
		return say_link_is_down(run, err);
	text_append(err->text, sizeof(err->text), "; the host is as it was before");
	return r;
}

/* --- Detach and disconnect --- */

/* Records that stood for what no step of this journal made. */
static void drop_synthetic(struct journal *journal)
{
	for (size_t i = journal->n_records; i-- > 0;)
		if (journal->records[i].synthetic)
			journal_drop(journal, i);
}

/* Applies again what was already taken back, first step first. */
static int go_back(struct run *run, struct tio_error *err)
{
	struct journal *journal = run->engine->journal;
	struct tio_error ignored = TIO_ERROR_NONE;

	for (size_t i = 0; i < journal->n_records; i++) {
		struct record *record = &journal->records[i];
		struct batch batch = { .run = run,
				       .step = batch_step_of(record),
				       .records = &record,
				       .n = 1,
				       .index = (unsigned)i,
				       .act = batch_apply };
		int r = 0;

		if (record->state == RECORD_UNDOING && batch.step)
			r = batch_run(&batch, err);
		if (r < 0)
			return r;
		record->state = RECORD_BEGUN;
	}
	drop_synthetic(journal);
	journal->in_flight = false;
	if (run_save(run->engine, &ignored) < 0)
		log_debug("%s", ignored.text);
	return 0;
}

static bool is_leaving(const struct journal *journal, size_t index)
{
	return journal->records[index].state != RECORD_BEGUN;
}

/* A driver that came back may have undone what the rest of the card still needs. */
static int hold_what_stays(struct run *run, struct tio_error *err)
{
	struct journal *journal = run->engine->journal;
	int r = 0;

	for (size_t i = 0; r == 0 && i < journal->n_records; i++) {
		struct record *record = &journal->records[i];
		struct batch batch = { .run = run,
				       .step = batch_step_of(record),
				       .records = &record,
				       .n = 1,
				       .act = batch_apply };
		struct tio_error why = TIO_ERROR_NONE;

		if (record->state != RECORD_BEGUN || !batch.step || !batch.step->held)
			continue;
		r = batch.step->verify(&run->work, record, &why);
		/* Of a function that is gone nothing needs to be held. */
		r = r == 0 || r == -ENODEV ? 0 : batch_run(&batch, err);
	}
	return r;
}

/* Undoes each record that is to leave, last first. */
static int take_away(struct run *run, struct tio_error *err)
{
	struct journal *journal = run->engine->journal;
	unsigned number = 0;

	for (size_t end = journal->n_records; end > 0;) {
		int n = 1;

		if (is_leaving(journal, end - 1)) {
			n = batch_undo(run, end - 1, number, is_leaving, err);
			if (n < 0)
				return n;
			number += (unsigned)n;
		}
		end -= (size_t)n;
	}
	return hold_what_stays(run, err);
}

/* The change is done; should the disk not take that, a restart would do it again. */
static int forget_what_left(struct engine *engine, struct tio_error *err)
{
	struct journal *journal = engine->journal;
	int r;

	for (size_t i = journal->n_records; i-- > 0;)
		if (is_leaving(journal, i))
			journal_drop(journal, i);
	journal->in_flight = false;
	r = run_save(engine, err);
	if (r < 0)
		r = run_save(engine, err);
	if (r == 0)
		return 0;
	run_failed(err, journal->family, "journal");
	text_append(err->text, sizeof(err->text),
		    "; everything was put back, but a restart of tiod would do so again");
	err->kind = ERROR_STUCK;
	journal->in_flight = true;
	return r;
}

static int run_backward(struct run *run, const struct plan *plan, struct tio_error *err)
{
	struct journal *journal = run->engine->journal;
	struct tio_error why = TIO_ERROR_NONE;
	int r;

	begin_change(run);
	for (size_t i = 0; i < plan->n_steps; i++)
		journal->records[plan->steps[i].record].state = RECORD_LEAVING;
	r = run_save(run->engine, err);
	if (r < 0)
		run_failed(err, run->request->family, "journal");
	else
		r = take_away(run, err);
	if (r == 0)
		return forget_what_left(run->engine, err);
	if (go_back(run, &why) < 0)
		return stuck(err, &why);
	text_append(err->text, sizeof(err->text), "; everything is as it was before");
	return r;
}

int engine_run(struct engine *engine, struct request *request, bool plan_only,
	       struct plan *ret_plan, struct tio_error *err)
{
	enum recovery recovery = RECOVERY_NOTHING;
	struct plan plan = { 0 };
	struct run run;
	int r = 0;

	if (engine->journal->in_flight && !plan_only)
		r = engine_recover(engine, &recovery, err);
	if (r == 0 && recovery != RECOVERY_NOTHING) {
		/* The reservations that this worker knows are of before. */
		error_kind_set(err, ERROR_BUSY, -EAGAIN,
			       "what an earlier command left unfinished has been put in order");
		error_fix(err, "type the command again");
		return -EAGAIN;
	}
	if (r == 0)
		r = observe_for_request(engine, request, err);
	if (r == 0)
		r = plan_make(engine->snap, engine->all, engine->journal, request,
			      engine->plugins, &plan, err);
	if (r < 0)
		return r;

	run = run_of(engine, request, plan.n_steps);
	if (!plan_only) {
		run_tell(&run, PROGRESS_PLAN, NULL);
		for (size_t i = 0; i < plan.n_notes; i++)
			run_tell(&run, PROGRESS_NOTE, plan.notes[i]);
		if (plan.n_steps && verb_goes_forward(request->verb))
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

int engine_recover(struct engine *engine, enum recovery *ret, struct tio_error *err)
{
	struct journal *journal = engine->journal;
	struct run run = run_of(engine, NULL, journal->n_records);
	struct tio_error why = TIO_ERROR_NONE;
	int r;

	*ret = RECOVERY_NOTHING;
	if (!journal->in_flight)
		return 0;
	if (verb_goes_forward(journal->verb)) {
		r = take_back(&run, err);
		*ret = link_is_left_down(engine) ? RECOVERY_LINK_DOWN : RECOVERY_UNDONE;
	} else {
		*ret = RECOVERY_COMPLETED;
		r = take_away(&run, err);
		if (r == 0) {
			r = forget_what_left(engine, err);
		} else if (go_back(&run, &why) == 0) {
			*ret = RECOVERY_WENT_BACK;
			r = 0;
		}
	}
	if (r < 0)
		err->kind = ERROR_STUCK;
	return r;
}
