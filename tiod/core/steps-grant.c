/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/steps-rows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/grant.h"

/*
 * The owner, not an ACL: each file system has one, udev and libvirt know it, and it can be put
 * back exactly.  A node is made anew with each bind, so that a grant cannot outlive the
 * function's stay at its VM either.
 */

/* What tiod found before it gave the node of @f to anybody; NULL: it did not. */
static const struct node_access *found_first(const struct journal *journal,
					     const struct function *f)
{
	const struct record *record;

	for (size_t i = 0; journal && i < journal->n_records; i++) {
		record = &journal->records[i];
		if (strcmp(record->step, step_grant.name) == 0 && record->before.node.known &&
		    bdf_equal(record->function, f->bdf) &&
		    identity_may_be(&record->identity, f))
			return &record->before.node;
	}
	return NULL;
}

/*
 * Made of what was there first and not of what is there now: whom the VM's file does not name
 * any more must not keep what it named him for.
 */
static struct node_access access_for(const struct journal *journal, const struct vm *vm,
				     const struct function *f)
{
	const struct node_access *first = found_first(journal, f) ?: &f->node;

	return grant_access(vm, first);
}

static bool grant_needed(const struct step_facts *facts, const struct target *target,
			 const struct function *f)
{
	const struct vm *vm = &facts->request->vm;
	struct node_access wanted;

	if (!f || !f->node.known)
		return grant_wanted(vm);
	if (!grant_wanted(vm) && !found_first(facts->journal, f))
		return false;
	wanted = access_for(facts->journal, vm, f);
	return !node_access_equal(&wanted, &f->node);
}

static void grant_describe(const struct step_facts *facts, const struct target *target,
			   const struct function *f, char *buf, size_t size)
{
	const struct vm *vm = &facts->request->vm;
	bool user = vm->user[0] && vm->uid != 0;
	char name[BDF_STRLEN];

	if (!grant_wanted(vm)) {
		snprintf(buf, size,
			 "take the device node of %s back: the file of %s names nobody",
			 bdf_format(target->function, name), vm->name);
		return;
	}
	snprintf(buf, size, "give the device node of %s to %s %s%s%s",
		 bdf_format(target->function, name), user ? "the user" : "the group",
		 user ? vm->user : vm->group, user && vm->group[0] ? " and the group " : "",
		 user ? vm->group : "");
}

static void grant_describe_undo(const struct record *record, char *buf, size_t size)
{
	char name[BDF_STRLEN], access[64];

	snprintf(buf, size, "take the device node of %s back: %s",
		 bdf_format(record->function, name),
		 node_access_format(&record->before.node, access, sizeof(access)));
}

static void grant_capture(const struct step_work *work, const struct target *target,
			  const struct function *f, struct record *record)
{
	record->before.node = f->node;
	record->wanted_node = access_for(work->journal, &work->request->vm, f);
}

static int grant_apply(const struct step_work *work, const struct record *record,
		       struct tio_error *err)
{
	struct function *f;
	int r;

	r = step_look(work, record, &f, err);
	if (r < 0 || node_access_equal(&f->node, &record->wanted_node))
		return r;
	if (!record->wanted_node.known) {
		r = -ENXIO;
		error_set(err, r,
			  "/dev/vfio/devices/%s is not there, or is not the character device "
			  "that the kernel has for it",
			  f->cdev);
		error_fix(err,
			  "see what is in its place: `ls -l /dev/vfio/devices/%s`, "
			  "`findmnt -R /dev`",
			  f->cdev);
		return r;
	}
	r = work->ops->set_node(work->host, f, &record->wanted_node, err);
	if (r < 0 && err && err->kind == ERROR_NOT_READY)
		error_fix(err,
			  "%s; or leave User= and Group= out of the VM's file and have QEMU "
			  "started by `tioctl run`",
			  err->fix);
	return r;
}

static int grant_verify(const struct step_work *work, const struct record *record,
			struct tio_error *err)
{
	struct function *f;
	char found[64];
	int r;

	r = step_look(work, record, &f, err);
	if (r < 0 || node_access_equal(&f->node, &record->wanted_node))
		return r;
	error_set(err, -EIO, "its node was given away, but it is %s",
		  node_access_format(&f->node, found, sizeof(found)));
	error_fix(err, "look for a udev rule about vfio devices that sets it otherwise");
	return -EIO;
}

static bool is_undone_too(const struct step_work *work, size_t index)
{
	return verb_goes_forward(work->verb)
		       ? index >= work->journal->mark
		       : work->journal->records[index].state != RECORD_BEGUN;
}

/* Does the function leave VFIO in the same change?  Its node goes then, whoever has it. */
static bool leaves_vfio(const struct step_work *work, const struct record *record)
{
	const struct record *other;

	for (size_t i = 0; i < work->journal->n_records; i++) {
		other = &work->journal->records[i];
		if (strcmp(other->step, step_rebind.name) == 0 &&
		    bdf_equal(other->function, record->function) && is_undone_too(work, i))
			return strcmp(other->before.driver, VFIO_DRIVER) != 0;
	}
	return false;
}

static void tell_goes(const struct step_work *work, const struct record *record,
		      const struct tio_error *why)
{
	struct progress note = { .kind = PROGRESS_NOTE, .function = record->function };
	char name[BDF_STRLEN];

	text_append(note.text, sizeof(note.text),
		    "the node of %s goes with %s as it is: it could not be taken back (%s)",
		    bdf_format(record->function, name), VFIO_DRIVER, why->text);
	work->ops->progress(work->host, &note);
}

static int take_back(const struct step_work *work, const struct record *record,
		     struct function *f, struct tio_error *err)
{
	char found[64];
	int r;

	r = work->ops->set_node(work->host, f, &record->before.node, err);
	if (r == 0)
		r = step_look(work, record, &f, err);
	if (r == 0 && f->node.known && !node_access_equal(&f->node, &record->before.node))
		r = error_set(err, -EIO, "its node was taken back, but it is %s",
			      node_access_format(&f->node, found, sizeof(found)));
	return r;
}

/* A function that has left VFIO took its node along. */
static int grant_undo(const struct step_work *work, const struct record *record,
		      struct tio_error *err)
{
	struct tio_error why = TIO_ERROR_NONE;
	struct function *f;
	int r;

	r = step_look(work, record, &f, &why);
	if (r == 0 && f->node.known && !node_access_equal(&f->node, &record->before.node))
		r = take_back(work, record, f, &why);
	if (r < 0 && r != -ENODEV && leaves_vfio(work, record)) {
		tell_goes(work, record, &why);
		return 0;
	}
	if (r < 0 && err)
		*err = why;
	return step_gone_is_done(work, record, r, err);
}

/* What was there before the first attach counts, not what a later one found. */
static void grant_overtake(struct record *newer, const struct record *older)
{
	if (step_same_card(newer, older))
		newer->before.node = older->before.node;
}

const struct step step_grant = {
	.name = "grant",
	.subject = SUBJECT_TARGET,
	.deadline_ms = 30000, /* tiod-helper may have to be started for it */
	.journaled = true,
	.grants = true,
	.needed = grant_needed,
	.describe = grant_describe,
	.describe_undo = grant_describe_undo,
	.capture = grant_capture,
	.apply = grant_apply,
	.verify = grant_verify,
	.undo = grant_undo,
	.overtake = grant_overtake,
};
