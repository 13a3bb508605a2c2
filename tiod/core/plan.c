/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "core/refusals.h"
#include "core/steps.h"

void plan_finish(struct plan *plan)
{
	free(plan->steps);
	*plan = (struct plan){ 0 };
}

static struct plan_step *add_step(struct plan *plan, struct tio_error *err)
{
	size_t space = plan->space ? plan->space * 2 : 16;
	struct plan_step *longer;

	if (plan->n_steps == plan->space) {
		longer = reallocarray(plan->steps, space, sizeof(*longer));
		if (!longer) {
			error_set(err, -ENOMEM, "out of memory");
			return NULL;
		}
		plan->steps = longer;
		plan->space = space;
	}
	plan->steps[plan->n_steps] = (struct plan_step){ 0 };
	return &plan->steps[plan->n_steps++];
}

void plan_note(struct plan *plan, const char *fmt, ...)
{
	char text[sizeof(plan->notes[0])];
	va_list args;

	if (plan->n_notes == PLAN_NOTES_MAX)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	for (size_t i = 0; i < plan->n_notes; i++)
		if (strcmp(plan->notes[i], text) == 0)
			return;
	text_copy(plan->notes[plan->n_notes++], sizeof(text), text);
}

/* --- Attach and connect: rows downwards --- */

static bool verb_has_row(enum verb verb, const struct step *step)
{
	if (verb == VERB_RECONNECT)
		return step->subject == SUBJECT_DSM && (step->transient || !step->journaled);
	if (step->transient)
		return false;
	return verb == VERB_ATTACH || step->subject == SUBJECT_DSM;
}

static bool request_has_row(const struct request *request, const struct step *step)
{
	return request->grant_only ? step->grants : verb_has_row(request->verb, step);
}

static bool already_planned(const struct plan *plan, int row, struct bdf subject)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].row == row && bdf_equal(plan->steps[i].function, subject))
			return true;
	return false;
}

/* A link that is about to be made has to be checked even if old registers look well. */
static bool follows_connect(const struct plan *plan, const struct step *step)
{
	const struct step *before;

	if (step->subject != SUBJECT_DSM || plan->n_steps == 0)
		return false;
	before = steps[plan->steps[plan->n_steps - 1].row];
	return before->subject == SUBJECT_DSM && before->tsm_turn;
}

static int plan_subject(const struct step_facts *facts, int row, const struct target *target,
			struct bdf subject, struct plan *plan, struct tio_error *err)
{
	const struct step *step = steps[row];
	const struct function *f = snapshot_find(facts->snap, subject);
	struct plan_step *planned;

	if (already_planned(plan, row, subject))
		return 0;
	if (!step->needed(facts, target, f) && !follows_connect(plan, step))
		return 0;
	planned = add_step(plan, err);
	if (!planned)
		return -ENOMEM;
	planned->row = row;
	planned->function = subject;
	step->describe(facts, target, f, planned->what, sizeof(planned->what));
	return 0;
}

static int plan_row(const struct step_facts *facts, int row, const struct target *target,
		    struct plan *plan, struct tio_error *err)
{
	struct bdf subjects[STEP_SUBJECTS_MAX];
	size_t n = step_subjects(steps[row], facts->request, target, subjects);
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = plan_subject(facts, row, target, subjects[i], plan, err);
	return r;
}

static int plan_downwards(const struct step_facts *facts, struct plan *plan,
			  struct tio_error *err)
{
	int r = 0;

	for (int row = 0; row < STEPS_N; row++) {
		if (!request_has_row(facts->request, steps[row]))
			continue;
		for (size_t t = 0; r == 0 && t < facts->request->n_targets; t++)
			r = plan_row(facts, row, &facts->request->targets[t], plan, err);
	}
	return r;
}

/* --- Detach and disconnect: the records of the journal upwards --- */

/* Whether an assignment that stays still needs what this record's step made. */
static bool still_needed(const struct step_facts *facts, const struct step *step,
			 const struct record *record)
{
	for (size_t i = 0; i < facts->all->n; i++) {
		const struct assignment *one = &facts->all->list[i];

		if (request_has_target(facts->request, one->function))
			continue;
		if (step->subject == SUBJECT_PF && bdf_equal(one->physfn, record->function))
			return true;
		if (step->subject == SUBJECT_DSM && bdf_equal(one->family, record->function))
			return true;
		if (step->subject == SUBJECT_CARRIERS &&
		    (bdf_equal(one->function, record->function) ||
		     bdf_equal(one->physfn, record->function) ||
		     bdf_equal(one->family, record->function)))
			return true;
	}
	return false;
}

static bool record_leaves(const struct step_facts *facts, const struct step *step,
			  const struct record *record)
{
	switch (step->subject) {
	case SUBJECT_TARGET:
		return request_has_target(facts->request, record->function);
	case SUBJECT_PF:
	case SUBJECT_DSM:
	case SUBJECT_CARRIERS:
		return !still_needed(facts, step, record);
	case SUBJECT_HOST:
		return false;
	}
	return false;
}

/* The journal is gone, and with it what the card was before: it is not guessed. */
static void note_forgotten(const struct step_facts *facts, const struct record *record,
			   struct plan *plan)
{
	const struct function *f = snapshot_find(facts->snap, record->function);
	char name[BDF_STRLEN];

	if (facts->request->verb != VERB_DETACH || !record->synthetic || !f ||
	    strcmp(f->driver, VFIO_DRIVER) != 0)
		return;
	bdf_format(f->bdf, name);
	plan_note(
		plan,
		"%s stays with " VFIO_DRIVER ": its journal is gone, and nothing tells what "
		"it had before; `cd /sys/bus/pci/devices/%s; echo > driver_override; echo %s > "
		"driver/unbind; echo %s > /sys/bus/pci/drivers_probe; tioctl disconnect %s` "
		"gives it back to the kernel's driver",
		name, name, name, name, name);
}

static int plan_upwards(const struct step_facts *facts, const struct journal *journal,
			struct plan *plan, struct tio_error *err)
{
	for (size_t i = journal->n_records; i-- > 0;) {
		const struct record *record = &journal->records[i];
		int row = steps_find(record->step);
		struct plan_step *planned;

		if (row < 0)
			return error_set(err, -EBADMSG,
					 "the journal has an unknown step \"%s\"",
					 record->step);
		if (!verb_has_row(facts->request->verb == VERB_DETACH ? VERB_ATTACH
								      : VERB_CONNECT,
				  steps[row]) ||
		    !record_leaves(facts, steps[row], record))
			continue;
		planned = add_step(plan, err);
		if (!planned)
			return -ENOMEM;
		planned->row = row;
		planned->function = record->function;
		planned->undo = true;
		planned->record = i;
		steps[row]->describe_undo(record, planned->what, sizeof(planned->what));
		note_forgotten(facts, record, plan);
	}
	return 0;
}

int plan_make(const struct snapshot *snap, const struct assignments *all,
	      const struct journal *journal, const struct request *request,
	      const struct plugins *plugins, struct plan *ret, struct tio_error *err)
{
	struct step_facts facts = { snap, all, request, plugins, journal };
	struct plan plan = { 0 };
	int r;

	if (verb_goes_forward(request->verb))
		r = plan_downwards(&facts, &plan, err);
	else
		r = plan_upwards(&facts, journal, &plan, err);
	if (r == 0)
		r = refusals_check(&facts, &plan, err);
	if (r < 0) {
		plan_finish(&plan);
		return r;
	}
	*ret = plan;
	return 0;
}
