/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/steps-rows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/holder.h"

/*
 * configure-vf: what only the PF can decide for a VF (address, VLAN, trust, …), set before the
 * VF is handed out.  What was in force is noted, and put back when the VF is taken back.
 */

/* An attach of this boot had to do with it. */
static bool has_record(const struct journal *journal, struct bdf function)
{
	for (size_t i = 0; i < journal->n_records; i++)
		if (bdf_equal(journal->records[i].function, function))
			return true;
	return false;
}

static bool is_open(const struct snapshot *snap, struct bdf function)
{
	for (size_t i = 0; i < snap->n_holders; i++)
		if (bdf_equal(snap->holders[i].function, function) &&
		    !holder_is_note(&snap->holders[i]))
			return true;
	return false;
}

bool steps_vf_is_given(const struct step_facts *facts, const struct function *f)
{
	if (!f || strcmp(f->driver, VFIO_DRIVER) != 0)
		return false;
	return is_open(facts->snap, f->bdf) ||
	       (assignments_find(facts->all, f->bdf) && has_record(facts->journal, f->bdf));
}

static bool configure_needed(const struct step_facts *facts, const struct target *target,
			     const struct function *f)
{
	struct vf_settings wanted = request_vf_settings(facts->snap, facts->all, facts->request,
							target);
	const struct vf_settings *now = snapshot_find_vf_admin(facts->snap, target->function);

	return wanted.given && !steps_vf_is_given(facts, f) &&
	       (!f || !now || vf_difference(&wanted, now));
}

static void configure_describe(const struct step_facts *facts, const struct target *target,
			       const struct function *f, char *buf, size_t size)
{
	struct vf_settings wanted = request_vf_settings(facts->snap, facts->all, facts->request,
							target);
	char text[160], name[BDF_STRLEN];

	snprintf(buf, size, "set VF %d of %s: %s", target->vf_index,
		 bdf_format(target->physfn, name), vf_format(&wanted, text, sizeof(text)));
}

static void configure_describe_undo(const struct record *record, char *buf, size_t size)
{
	struct vf_settings back = record->before.vf;
	char text[160], name[BDF_STRLEN];

	if (vf_given(&record->wanted_vf, VF_MSIX))
		vf_set(&back, VF_MSIX, 0);
	snprintf(buf, size, "set %s back: %s", bdf_format(record->function, name),
		 vf_format(&back, text, sizeof(text)));
}

/* What cannot be read is found missing by apply, before anything is written. */
static void configure_capture(const struct step_work *work, const struct target *target,
			      const struct function *f, struct record *record)
{
	struct vf_settings now = { 0 };
	struct tio_error ignored;

	record->wanted_vf = request_vf_settings(work->snap, work->all, work->request, target);
	if (f && (record->wanted_vf.given & VF_NET_KEYS) &&
	    work->ops->vf_admin_get(work->host, f, &now, &ignored) == 0)
		record->before.vf = vf_only(&now, record->wanted_vf.given);
}

/* Writes what of @wanted is not so yet. */
static int set_vf(const struct step_work *work, const struct function *f,
		  const struct vf_settings *wanted, struct tio_error *err)
{
	struct vf_settings now = { 0 }, missing;
	int r = 0;

	if (wanted->given & VF_NET_KEYS)
		r = work->ops->vf_admin_get(work->host, f, &now, err);
	if (r < 0)
		return r;
	missing = vf_only(wanted, vf_difference(wanted, &now));
	return missing.given ? work->ops->vf_admin_set(work->host, f, &missing, err) : 0;
}

static int check_vf(const struct step_work *work, const struct function *f,
		    const struct vf_settings *wanted, struct tio_error *err)
{
	const struct vf_settings readable = vf_only(wanted, VF_NET_KEYS);
	struct vf_settings now = { 0 }, other, found;
	char asked[160], is[160];
	int r = 0;

	if (readable.given)
		r = work->ops->vf_admin_get(work->host, f, &now, err);
	if (r < 0 || !vf_difference(&readable, &now))
		return r;
	other = vf_only(&readable, vf_difference(&readable, &now));
	found = vf_only(&now, other.given);
	error_set(err, -EIO, "the PF's driver took \"%s\", but it holds \"%s\"",
		  vf_format(&other, asked, sizeof(asked)),
		  found.given ? vf_format(&found, is, sizeof(is)) : "nothing");
	error_fix(err, "leave that setting out, or look for the driver's reason in `dmesg`");
	return -EIO;
}

/* A setting that the driver does not show could not be put back. */
static int check_noted(const struct record *record, struct tio_error *err)
{
	uint32_t bits = record->wanted_vf.given & VF_NET_KEYS & ~record->before.vf.given;
	struct vf_settings unseen = vf_only(&record->wanted_vf, bits);
	char text[160];

	if (!bits)
		return 0;
	error_kind_set(err, ERROR_NOT_READY, -EOPNOTSUPP,
		       "the PF's driver does not show what is in force for \"%s\", so it could "
		       "not be put back later",
		       vf_format(&unseen, text, sizeof(text)));
	error_fix(err, "leave that setting out");
	return -EOPNOTSUPP;
}

static int configure_apply(const struct step_work *work, const struct record *record,
			   struct tio_error *err)
{
	struct vf_settings now;
	struct function *f;
	int r;

	r = step_look(work, record, &f, err);
	/* Why it cannot be read says more than that it was not. */
	if (r == 0 && (record->wanted_vf.given & VF_NET_KEYS))
		r = work->ops->vf_admin_get(work->host, f, &now, err);
	if (r == 0)
		r = check_noted(record, err);
	return r < 0 ? r : set_vf(work, f, &record->wanted_vf, err);
}

static int configure_verify(const struct step_work *work, const struct record *record,
			    struct tio_error *err)
{
	struct function *f;
	int r = step_look(work, record, &f, err);

	return r < 0 ? r : check_vf(work, f, &record->wanted_vf, err);
}

static int configure_undo(const struct step_work *work, const struct record *record,
			  struct tio_error *err)
{
	struct vf_settings back = record->before.vf;
	struct function *f;
	int r;

	/* What was before cannot be read; 0 is what every VF begins with. */
	if (vf_given(&record->wanted_vf, VF_MSIX))
		vf_set(&back, VF_MSIX, 0);
	r = step_look(work, record, &f, err);
	if (r == 0)
		r = set_vf(work, f, &back, err);
	if (r == 0)
		r = check_vf(work, f, &back, err);
	return step_gone_is_done(work, record, r, err);
}

/* What was in force before the first attach counts, not what that one set. */
static void configure_overtake(struct record *newer, const struct record *older)
{
	struct vf_settings wanted = older->wanted_vf;

	if (!step_same_card(newer, older))
		return;
	vf_merge(&newer->before.vf, &older->before.vf);
	vf_merge(&wanted, &newer->wanted_vf);
	newer->wanted_vf = wanted;
}

const struct step step_configure_vf = {
	.name = "configure-vf",
	.subject = SUBJECT_TARGET,
	.deadline_ms = 20000,
	.journaled = true,
	.needed = configure_needed,
	.describe = configure_describe,
	.describe_undo = configure_describe_undo,
	.capture = configure_capture,
	.apply = configure_apply,
	.verify = configure_verify,
	.undo = configure_undo,
	.overtake = configure_overtake,
};
