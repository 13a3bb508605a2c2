/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/steps-rows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/holder.h"
#include "core/power.h"

/* --- load-vfio --- */

static bool vfio_needed(const struct step_facts *facts, const struct target *target,
			const struct function *f)
{
	return !facts->snap->vfio_pci;
}

static void vfio_describe(const struct step_facts *facts, const struct target *target,
			  const struct function *f, char *buf, size_t size)
{
	snprintf(buf, size, "load the module %s", VFIO_DRIVER);
}

static int vfio_apply(const struct step_work *work, const struct record *record,
		      struct tio_error *err)
{
	int r = work->ops->load_module(work->host, VFIO_DRIVER, err);

	if (r == 0)
		work->snap->vfio_pci = true;
	return r;
}

/* --- rebind --- */

void step_capture_driver(const struct step_work *work, const struct target *target,
			 const struct function *f, struct record *record)
{
	text_copy(record->before.driver, sizeof(record->before.driver), f->driver);
	text_copy(record->before.override, sizeof(record->before.override), f->override);
}

static void rebind_capture(const struct step_work *work, const struct target *target,
			   const struct function *f, struct record *record)
{
	step_capture_driver(work, target, f, record);
	record->wanted_pins = power_pins(work->plugins, &work->request->vm, f) & PIN_ON;
}

static bool rebind_needed(const struct step_facts *facts, const struct target *target,
			  const struct function *f)
{
	return !f || strcmp(f->driver, VFIO_DRIVER) != 0;
}

static void rebind_describe(const struct step_facts *facts, const struct target *target,
			    const struct function *f, char *buf, size_t size)
{
	char name[BDF_STRLEN];

	snprintf(buf, size, "bind %s to %s (now %s)", bdf_format(target->function, name),
		 VFIO_DRIVER, f && f->driver[0] ? f->driver : "unbound");
}

static void rebind_describe_undo(const struct record *record, char *buf, size_t size)
{
	const struct before *b = &record->before;
	char name[BDF_STRLEN];

	snprintf(buf, size, "give %s back to %s", bdf_format(record->function, name),
		 b->driver[0] ? b->driver : "no driver");
}

static int set_override(const struct step_work *work, const struct function *f,
			const char *override, struct tio_error *err)
{
	if (strcmp(f->override, override) == 0)
		return 0;
	return work->ops->set_override(work->host, f->bdf, override, err);
}

static int refuse_unbind(const struct step_work *work, const struct function *f,
			 const struct holder *holder, struct tio_error *err)
{
	char clause[600], words[64];

	error_kind_set(err, ERROR_IN_USE, -EBUSY, "cannot unbind from %s: by now %s", f->driver,
		       holder_describe(holder, clause, sizeof(clause)));
	holder_fix(holder, clause, sizeof(clause));
	/* Nobody forces anything while what was left unfinished is put in order. */
	if (work->request && holder_force(holder))
		error_fix(err, "%s, and try again, or --force=%s", clause,
			  force_format(holder_force(holder), words, sizeof(words)));
	else
		error_fix(err, "%s, and try again", clause);
	return -EBUSY;
}

int step_check_is_free(const struct step_work *work, const struct function *f,
		       struct tio_error *err)
{
	struct snapshot *snap = work->snap;
	bool from_vm = strcmp(f->driver, VFIO_DRIVER) == 0;
	unsigned force = work->request ? work->request->force : 0;
	int r = work->ops->find_holders(work->host, snap, f,
					plugins_claim(work->plugins, f).traits, err);

	for (size_t i = 0; r == 0 && i < snap->n_holders; i++)
		if (bdf_equal(snap->holders[i].function, f->bdf) &&
		    holder_forbids(&snap->holders[i], from_vm, force))
			r = refuse_unbind(work, f, &snap->holders[i], err);
	return r;
}

/*
 * The kernel starts some drivers beside everything else (nvme): a function that has none may
 * get one before vfio-pci's bind, which is busy then.
 */
static int explain_bind(const struct step_work *work, const struct record *record,
			bool had_none, int r, struct tio_error *err)
{
	struct tio_error ignored = TIO_ERROR_NONE;
	struct function *f;

	if (r != -EBUSY || !had_none || step_look(work, record, &f, &ignored) < 0 ||
	    !f->driver[0])
		return r;
	error_kind_set(err, ERROR_BUSY, -EALREADY, "its driver %s came first", f->driver);
	error_fix(err, "try again");
	return -EALREADY;
}

/* Takes the function from any driver but @driver and gives it to that; "" leaves it unbound. */
static int move_to(const struct step_work *work, const struct record *record,
		   const char *driver, const char *override, struct tio_error *err)
{
	/* With an override set, the kernel binds to no other driver than the one it names. */
	bool in_the_way = driver[0] && override[0] && strcmp(driver, override) != 0;
	struct function *f;
	bool had_none;
	int r;

	r = step_look(work, record, &f, err);
	had_none = r == 0 && !f->driver[0];
	if (r == 0 && f->driver[0] && strcmp(f->driver, driver) != 0)
		r = step_check_is_free(work, f, err);
	if (r == 0 && strcmp(f->driver, driver) != 0) {
		/* The override comes first: nobody's driver can slip in after the unbind. */
		r = set_override(work, f, in_the_way ? driver : override, err);
		if (r == 0 && f->driver[0])
			r = work->ops->unbind(work->host, record->function, err);
		if (r == 0 && driver[0])
			r = explain_bind(
				work, record, had_none,
				work->ops->bind(work->host, record->function, driver, err),
				err);
		if (r == 0)
			r = step_look(work, record, &f, err);
	}
	return r < 0 ? r : set_override(work, f, override, err);
}

/* bind can succeed without binding anything: what counts is what is there. */
static int check_driver(const struct step_work *work, const struct record *record,
			const char *driver, struct tio_error *err)
{
	struct function *f;
	int r;

	r = step_look(work, record, &f, err);
	if (r < 0 || strcmp(f->driver, driver) == 0)
		return r;
	return error_set(err, -EIO,
			 "the kernel reported success, but the driver is %s instead of %s",
			 f->driver[0] ? f->driver : "none", driver[0] ? driver : "none");
}

/* A failed detach goes back to what it found, and that may not have been vfio-pci. */
static bool was_not_ours(const struct record *record)
{
	return record->state == RECORD_UNDOING && strcmp(record->left_driver, VFIO_DRIVER) != 0;
}

static int rebind_apply(const struct step_work *work, const struct record *record,
			struct tio_error *err)
{
	int r;

	if (was_not_ours(record))
		return 0;
	r = move_to(work, record, VFIO_DRIVER, VFIO_DRIVER, err);
	/* vfio-pci lets what it takes fall asleep, whatever power/control said before. */
	return r < 0 ? r : step_pin(work, record, err);
}

/* Function 0 may have been asleep for a moment, and its link gone with that. */
static int check_link_lasted(const struct step_work *work, const struct record *record,
			     struct tio_error *err)
{
	const struct function *f = snapshot_find(work->snap, record->function);

	if (record->state != RECORD_BEGUN || !f || f->bdf.function != 0 || !f->tsm[0] ||
	    !f->stream.present || function_link_is_secure(f))
		return 0;
	error_set(err, -EPROTO, "the link was secure and is no longer, since %s has the card",
		  VFIO_DRIVER);
	error_fix(err,
		  "load the module %s with disable_idle_d3=1, so that the card does not "
		  "sleep, and try again",
		  VFIO_DRIVER);
	return -EPROTO;
}

static int rebind_verify(const struct step_work *work, const struct record *record,
			 struct tio_error *err)
{
	int r;

	if (was_not_ours(record))
		return 0;
	r = check_driver(work, record, VFIO_DRIVER, err);
	return r < 0 ? r : check_link_lasted(work, record, err);
}

/* Has its card fallen off the bus?  The function itself may be a VF, which has no stream. */
static bool card_is_silent(const struct step_work *work, const struct function *f)
{
	struct function *dsm = snapshot_find(work->snap, function_family(f));
	struct tio_error ignored = TIO_ERROR_NONE;

	return dsm && work->ops->refresh(work->host, dsm, &ignored) == 0 &&
	       function_is_silent(dsm);
}

static void tell_silent(const struct step_work *work, const struct record *record)
{
	struct progress note = { .kind = PROGRESS_NOTE, .function = record->function };
	char name[BDF_STRLEN];

	bdf_format(record->function, name);
	snprintf(note.text, sizeof(note.text),
		 "%s does not answer (all ones), %s does not start on it, and it has no driver "
		 "now: reseat it, or `echo 1 > /sys/bus/pci/devices/%s/remove; echo 1 > "
		 "/sys/bus/pci/rescan`",
		 name, record->before.driver, name);
	work->ops->progress(work->host, &note);
}

/*
 * No driver starts on a card that doesn't answer.  To keep it with the VM for that would leave
 * nothing but pulling it: it goes back without a driver, and that is said.
 */
static int give_back_silent(const struct step_work *work, const struct record *record, int r,
			    struct tio_error *err)
{
	struct tio_error why = TIO_ERROR_NONE;
	struct function *f;

	if (r == 0 || step_look(work, record, &f, &why) < 0 || f->driver[0] ||
	    !card_is_silent(work, f))
		return r;
	tell_silent(work, record);
	return set_override(work, f, record->before.override, err);
}

static int rebind_undo(const struct step_work *work, const struct record *record,
		       struct tio_error *err)
{
	const struct before *b = &record->before;
	struct function *f;
	int r;

	r = step_look(work, record, &f, err);
	if (r == 0 && f->driver[0] && strcmp(f->driver, VFIO_DRIVER) != 0) {
		/* It was never taken, or an admin gave it to a driver: what runs there stays.
		 */
		if (strcmp(f->override, VFIO_DRIVER) == 0)
			r = set_override(work, f, b->override, err);
		return step_gone_is_done(work, record, r, err);
	}
	if (r == 0)
		r = move_to(work, record, b->driver, b->override, err);
	if (r == 0)
		r = check_driver(work, record, b->driver, err);
	r = give_back_silent(work, record, r, err);
	return step_gone_is_done(work, record, r, err);
}

/*
 * What tiod's first attach found counts, unless somebody has given the function another driver
 * or override since: what that attach left of its own is nobody's wish.
 */
static void rebind_overtake(struct record *newer, const struct record *older)
{
	struct before *now = &newer->before;

	if (!step_same_card(newer, older))
		return;
	if (strcmp(now->override, VFIO_DRIVER) == 0)
		text_copy(now->override, sizeof(now->override), older->before.override);
	if (!now->driver[0])
		text_copy(now->driver, sizeof(now->driver), older->before.driver);
}

/* --- wait-cdev --- */

#define CDEV_WAIT_MS 5000

static bool cdev_needed(const struct step_facts *facts, const struct target *target,
			const struct function *f)
{
	return rebind_needed(facts, target, f) || !f->cdev[0] || !f->cdev_node;
}

static void cdev_describe(const struct step_facts *facts, const struct target *target,
			  const struct function *f, char *buf, size_t size)
{
	char name[BDF_STRLEN];

	snprintf(buf, size, "wait until the VFIO device node of %s can be opened",
		 bdf_format(target->function, name));
}

static int cdev_apply(const struct step_work *work, const struct record *record,
		      struct tio_error *err)
{
	struct function *f;
	int r;

	r = step_look(work, record, &f, err);
	if (r < 0)
		return r;
	r = work->ops->wait_cdev(work->host, f, CDEV_WAIT_MS, err);
	if (r == -ENOTSUP) {
		if (err)
			err->kind = ERROR_NOT_READY;
		error_fix(err, "boot a kernel with CONFIG_IOMMUFD and CONFIG_VFIO_DEVICE_CDEV");
	}
	return r;
}

const struct step step_load_vfio = {
	.name = "load-vfio",
	.subject = SUBJECT_HOST,
	.deadline_ms = 60000,
	.needed = vfio_needed,
	.describe = vfio_describe,
	.apply = vfio_apply,
};

const struct step step_rebind = {
	.name = "rebind",
	.parallel = true,
	.subject = SUBJECT_TARGET,
	.deadline_ms = 60000,
	.wait = WAIT_REBIND,
	.journaled = true,
	.needed = rebind_needed,
	.describe = rebind_describe,
	.describe_undo = rebind_describe_undo,
	.capture = rebind_capture,
	.apply = rebind_apply,
	.verify = rebind_verify,
	.undo = rebind_undo,
	.overtake = rebind_overtake,
};

const struct step step_wait_cdev = {
	.name = "wait-cdev",
	.parallel = true,
	.subject = SUBJECT_TARGET,
	.deadline_ms = CDEV_WAIT_MS + 5000,
	.needed = cdev_needed,
	.describe = cdev_describe,
	.apply = cdev_apply,
};
