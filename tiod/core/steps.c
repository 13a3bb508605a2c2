/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/steps-rows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* --- What rows have in common --- */

static struct function *find(const struct step_work *work, const struct record *record)
{
	return snapshot_find(work->snap, record->function);
}

/* A VF was there a moment ago, and does not go by itself. */
static int vf_is_gone(const struct function *vf, struct tio_error *err)
{
	char name[BDF_STRLEN];

	error_kind_set(
		err, ERROR_NO_FUNCTION, -ENODEV,
		"VF %u of %s is gone: somebody has disabled the VFs or reloaded the PF's "
		"driver meanwhile",
		vf->vf_index, bdf_format(vf->physfn, name));
	error_fix(err, "`tioctl show %s` shows how many VFs there are; then attach again",
		  name);
	return -ENODEV;
}

int steps_refresh(const struct step_work *work, struct function *f, struct tio_error *err)
{
	int r = work->ops->refresh(work->host, f, err);

	return r == -ENODEV && f->kind == FUNCTION_VF ? vf_is_gone(f, err) : r;
}

/* Reads the record's function again.  -ENODEV: it is gone. */
int step_look(const struct step_work *work, const struct record *record, struct function **ret,
	      struct tio_error *err)
{
	struct function *f = find(work, record);
	int r;

	if (!f) {
		error_kind_set(err, ERROR_NO_FUNCTION, -ENODEV, "the function is gone");
		return -ENODEV;
	}
	r = steps_refresh(work, f, err);
	if (r < 0)
		return r;
	if (!identity_may_be(&record->identity, f))
		return error_kind_set(err, ERROR_NO_FUNCTION, -ENODEV,
				      "another card is in its place");
	*ret = f;
	return 0;
}

/*
 * An undo finds nothing to put back on a function that has gone: that is done.  An attribute
 * may answer ENODEV for other reasons, so the function itself is asked.
 */
int step_gone_is_done(const struct step_work *work, const struct record *record, int r,
		      struct tio_error *err)
{
	struct tio_error why = TIO_ERROR_NONE;
	struct function *f;

	if (r != -ENODEV || step_look(work, record, &f, &why) != -ENODEV)
		return r;
	if (err)
		*err = TIO_ERROR_NONE;
	return 0;
}

bool step_same_card(const struct record *one, const struct record *other)
{
	return one->identity.vendor == other->identity.vendor &&
	       one->identity.device == other->identity.device &&
	       strcmp(one->identity.serial, other->identity.serial) == 0;
}

static const struct target *target_of(const struct step_work *work, struct bdf function)
{
	for (size_t i = 0; work->request && i < work->request->n_targets; i++)
		if (bdf_equal(work->request->targets[i].function, function))
			return &work->request->targets[i];
	return NULL;
}

/* --- reserve --- */

/* What comes along with a VF is left as it is. */
static bool takes_settings(const struct target *target)
{
	return target->vf_index >= 0 && bdf_equal(target->lead, target->function);
}

static bool reserve_needed(const struct step_facts *facts, const struct target *target,
			   const struct function *f)
{
	const struct assignment *one = assignments_find(facts->all, target->function);

	return !one || strcmp(one->vm, facts->request->vm.name) != 0 ||
	       (takes_settings(target) &&
		vf_difference(&facts->request->settings, &one->settings));
}

static void reserve_describe(const struct step_facts *facts, const struct target *target,
			     const struct function *f, char *buf, size_t size)
{
	char name[BDF_STRLEN];

	snprintf(buf, size, "reserve %s for %s", bdf_format(target->function, name),
		 facts->request->vm.name);
}

static void reserve_describe_undo(const struct record *record, char *buf, size_t size)
{
	char name[BDF_STRLEN];

	snprintf(buf, size, "release the reservation of %s",
		 bdf_format(record->function, name));
}

static void reserve_capture(const struct step_work *work, const struct target *target,
			    const struct function *f, struct record *record)
{
	const struct assignment *one = assignments_find(work->all, target->function);

	record->before.assigned = one != NULL;
	if (one)
		record->before.vf = one->settings;
}

/* A companion sits behind its lead's root port, under its own function number. */
static int reserve_apply(const struct step_work *work, const struct record *record,
			 struct tio_error *err)
{
	const struct assignment *former = assignments_find(work->all, record->function);
	const struct target *target = target_of(work, record->function);
	const struct function *f = snapshot_find(work->snap, record->function);
	struct assignment one = { .function = record->function, .vf_index = -1, .port = -1 };
	const struct function *pf;

	if (!target || work->request->verb != VERB_ATTACH) {
		/* A failed detach takes its reservation back. */
		return former ? work->ops->assign(work->host, former, err)
			      : error_set(err, -ENOENT, "the former reservation is not known");
	}
	if (f)
		one.identity = function_identity(f);
	one.family = work->request->family;
	one.lead = target->lead;
	one.physfn = target->physfn;
	one.vf_index = target->vf_index;
	pf = snapshot_find(work->snap, target->physfn);
	one.vfs = pf && pf->vfs ? pf->vfs : work->request->vfs;
	text_copy(one.vm, sizeof(one.vm), work->request->vm.name);
	text_copy(one.named, sizeof(one.named), target->named);
	if (former)
		one.settings = former->settings;
	if (takes_settings(target))
		vf_merge(&one.settings, &work->request->settings);
	return work->ops->assign(work->host, &one, err);
}

static int reserve_undo(const struct step_work *work, const struct record *record,
			struct tio_error *err)
{
	const struct assignment *one = assignments_find(work->all, record->function);
	struct assignment former;

	if (!record->before.assigned || work->verb != VERB_ATTACH)
		return work->ops->release(work->host, record->function, err);
	if (!one)
		return 0;
	/* It stays reserved, with the settings that were kept before. */
	former = *one;
	former.settings = record->before.vf;
	return work->ops->assign(work->host, &former, err);
}

const struct step step_reserve = {
	.name = "reserve",
	.subject = SUBJECT_TARGET,
	.deadline_ms = 10000,
	.journaled = true,
	.needed = reserve_needed,
	.describe = reserve_describe,
	.describe_undo = reserve_describe_undo,
	.capture = reserve_capture,
	.apply = reserve_apply,
	.undo = reserve_undo,
};

const struct step *const steps[] = {
	&step_reserve,    &step_pin_power,    &step_load_host_driver, &step_stop_vf_autoprobe,
	&step_enable_vfs, &step_configure_vf, &step_connect_tsm,      &step_renew_tsm,
	&step_verify_ide, &step_load_vfio,    &step_rebind,           &step_wait_cdev,
	&step_grant,
};

_Static_assert(ARRAY_SIZE(steps) == STEPS_N, "a row more is a number more");

int steps_find(const char *name)
{
	for (int i = 0; i < STEPS_N; i++)
		if (strcmp(steps[i]->name, name) == 0)
			return i;
	return -1;
}

static struct bdf one_subject(const struct step *step, const struct request *request,
			      const struct target *target)
{
	switch (step->subject) {
	case SUBJECT_TARGET:
		return target->function;
	case SUBJECT_PF:
		return target->physfn;
	case SUBJECT_DSM:
		/* A companion comes along as it is: only what was asked for gets a link. */
		return bdf_equal(target->lead, target->function) ? request->family : BDF_NONE;
	case SUBJECT_HOST:
		return request->family;
	case SUBJECT_CARRIERS:
		return target->physfn.valid ? target->physfn : target->function;
	}
	return BDF_NONE;
}

size_t step_subjects(const struct step *step, const struct request *request,
		     const struct target *target, struct bdf ret[STEP_SUBJECTS_MAX])
{
	size_t n = 0;

	ret[n] = one_subject(step, request, target);
	if (ret[n].valid)
		n++;
	if (step->subject == SUBJECT_CARRIERS && !bdf_equal(ret[0], request->family))
		ret[n++] = request->family;
	return n;
}

size_t steps_group_blockers(const struct snapshot *snap, const struct request *request,
			    const struct function *f, char *buf, size_t size)
{
	char name[BDF_STRLEN];
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; f->iommu_group >= 0 && i < snap->n_functions; i++) {
		const struct function *other = &snap->functions[i];

		if (other->iommu_group != f->iommu_group || !other->driver[0] ||
		    strncmp(other->driver, "vfio", 4) == 0 ||
		    other->kind == FUNCTION_ROOT_PORT || other->kind == FUNCTION_BRIDGE)
			continue;
		if (bdf_equal(other->bdf, f->bdf) || request_has_target(request, other->bdf))
			continue;
		text_append(buf, size, "%s%s (%s)", n ? ", " : "", bdf_format(other->bdf, name),
			    other->driver);
		n++;
	}
	return n;
}
