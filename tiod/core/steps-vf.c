/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/steps-rows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/holder.h"

/* --- load-host-driver: only a driver of the PF can enable VFs --- */

static bool vfs_needed(const struct target *target, const struct function *pf)
{
	return target->vf_index >= 0 && pf && pf->vfs == 0;
}

static bool host_driver_needed(const struct step_facts *facts, const struct target *target,
			       const struct function *pf)
{
	return vfs_needed(target, pf) && pf->driver[0] == '\0';
}

static void host_driver_describe(const struct step_facts *facts, const struct target *target,
				 const struct function *pf, char *buf, size_t size)
{
	char name[BDF_STRLEN];

	snprintf(buf, size, "load the host driver of %s and bind it",
		 bdf_format(pf->bdf, name));
}

static void host_driver_describe_undo(const struct record *record, char *buf, size_t size)
{
	char name[BDF_STRLEN];

	snprintf(buf, size, "unbind %s from its host driver",
		 bdf_format(record->function, name));
}

/*
 * Its driver may be there already, built in or loaded, where nobody can load a module: only
 * if it does not take the function that is what has to be mended.
 */
static int host_driver_apply(const struct step_work *work, const struct record *record,
			     struct tio_error *err)
{
	struct tio_error why = TIO_ERROR_NONE;
	struct function *pf;
	const char *module;
	int r, unloaded;

	r = step_look(work, record, &pf, err);
	if (r < 0 || pf->driver[0])
		return r;
	module = plugins_host_module(work->plugins, pf);
	unloaded = work->ops->load_module(work->host, module[0] ? module : pf->modalias, &why);
	r = step_look(work, record, &pf, err);
	if (r < 0 || pf->driver[0])
		return r;
	r = work->ops->probe(work->host, record->function, err);
	if (unloaded == 0)
		return r;
	if (step_look(work, record, &pf, NULL) == 0 && pf->driver[0])
		return 0;
	if (err)
		*err = why;
	return unloaded;
}

static int host_driver_verify(const struct step_work *work, const struct record *record,
			      struct tio_error *err)
{
	struct function *pf;
	int r;

	r = step_look(work, record, &pf, err);
	if (r < 0)
		return r;
	if (pf->driver[0])
		return 0;
	error_kind_set(err, ERROR_NOT_READY, -ENOENT, "no host driver took the function");
	error_fix(err, "install the driver of this card, or enable its VFs by hand");
	return -ENOENT;
}

static void tell_kept(const struct step_work *work, const struct record *record,
		      const char *why)
{
	struct progress note = { .kind = PROGRESS_NOTE, .function = record->function };
	char name[BDF_STRLEN];

	snprintf(note.text, sizeof(note.text),
		 "%s keeps the driver that was loaded for its VFs: %s",
		 bdf_format(record->function, name), why);
	work->ops->progress(work->host, &note);
}

/* The host may have come to use the PF meanwhile; then it is the host's, and stays. */
static int host_driver_undo(const struct step_work *work, const struct record *record,
			    struct tio_error *err)
{
	struct tio_error why = TIO_ERROR_NONE;
	struct function *pf;
	int r;

	r = step_look(work, record, &pf, err);
	if (r < 0 || !pf->driver[0] || record->before.driver[0])
		return step_gone_is_done(work, record, r, err);
	r = step_check_is_free(work, pf, &why);
	if (r == -EBUSY) {
		tell_kept(work, record, why.text);
		return 0;
	}
	if (r < 0)
		*err = why;
	else
		r = work->ops->unbind(work->host, record->function, err);
	return step_gone_is_done(work, record, r, err);
}

/* --- stop-vf-autoprobe: the host's VF driver must not grab VFs that go to VMs --- */

static bool autoprobe_needed(const struct step_facts *facts, const struct target *target,
			     const struct function *pf)
{
	return vfs_needed(target, pf) && pf->vfs_autoprobe;
}

static void autoprobe_describe(const struct step_facts *facts, const struct target *target,
			       const struct function *pf, char *buf, size_t size)
{
	char name[BDF_STRLEN];

	snprintf(buf, size, "keep host drivers off the VFs of %s", bdf_format(pf->bdf, name));
}

static void autoprobe_describe_undo(const struct record *record, char *buf, size_t size)
{
	char name[BDF_STRLEN];

	snprintf(buf, size, "let host drivers take VFs of %s again",
		 bdf_format(record->function, name));
}

static void autoprobe_capture(const struct step_work *work, const struct target *target,
			      const struct function *pf, struct record *record)
{
	record->before.autoprobe = pf->vfs_autoprobe;
}

static int autoprobe_set(const struct step_work *work, const struct record *record, bool on,
			 struct tio_error *err)
{
	struct function *pf;
	int r;

	r = step_look(work, record, &pf, err);
	if (r < 0 || pf->vfs_autoprobe == on)
		return r;
	r = work->ops->set_autoprobe(work->host, record->function, on, err);
	if (r < 0)
		return r;
	r = step_look(work, record, &pf, err);
	if (r == 0 && pf->vfs_autoprobe != on)
		return error_set(err, -EIO,
				 "sriov_drivers_autoprobe did not keep what was written");
	return r;
}

static int autoprobe_apply(const struct step_work *work, const struct record *record,
			   struct tio_error *err)
{
	return autoprobe_set(work, record, false, err);
}

static int autoprobe_undo(const struct step_work *work, const struct record *record,
			  struct tio_error *err)
{
	return step_gone_is_done(
		work, record, autoprobe_set(work, record, record->before.autoprobe, err), err);
}

/* --- enable-vfs --- */

static bool enable_needed(const struct step_facts *facts, const struct target *target,
			  const struct function *pf)
{
	return vfs_needed(target, pf);
}

static void enable_describe(const struct step_facts *facts, const struct target *target,
			    const struct function *pf, char *buf, size_t size)
{
	char name[BDF_STRLEN];

	snprintf(buf, size, "enable %u VF%s of %s (now %u of %u)", facts->request->vfs,
		 facts->request->vfs == 1 ? "" : "s", bdf_format(pf->bdf, name), pf->vfs,
		 pf->vfs_total);
}

static void enable_describe_undo(const struct record *record, char *buf, size_t size)
{
	char name[BDF_STRLEN];

	snprintf(buf, size, "set the VFs of %s back to %u", bdf_format(record->function, name),
		 record->before.vfs);
}

static void enable_capture(const struct step_work *work, const struct target *target,
			   const struct function *pf, struct record *record)
{
	record->before.vfs = pf->vfs;
	record->wanted_vfs = work->request->vfs;
}

/* A VF as it is now; -ENODEV when it is not there. */
static int look_at_vf(const struct step_work *work, struct bdf bdf, struct function *ret,
		      struct tio_error *err)
{
	const struct function *known = snapshot_find(work->snap, bdf);

	if (!known)
		return work->ops->discover(work->host, bdf, ret, err);
	*ret = *known;
	return work->ops->refresh(work->host, ret, err);
}

static const struct holder *first_holder(const struct snapshot *snap)
{
	for (size_t i = 0; i < snap->n_holders; i++)
		if (!holder_is_note(&snap->holders[i]))
			return &snap->holders[i];
	return NULL;
}

/*
 * Removing a VF that a process holds waits without limit, with the PF's lock and the host's
 * rescan lock (L39): so each is looked at, afresh, right before.
 */
static int check_vfs_are_free(const struct step_work *work, const struct function *pf,
			      struct tio_error *err)
{
	struct snapshot holders = { 0 };
	char clause[600], name[BDF_STRLEN];
	const struct holder *holder;
	struct function vf;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < pf->vfs; i++) {
		struct tio_error why = TIO_ERROR_NONE;

		vf = (struct function){ 0 };
		if (look_at_vf(work, function_vf_address(pf, i), &vf, &why) < 0 ||
		    !vf.driver[0])
			continue;
		r = work->ops->find_holders(work->host, &holders, &vf,
					    plugins_claim(work->plugins, &vf).traits, err);
		holder = first_holder(&holders);
		if (r < 0 || !holder)
			continue;
		r = -EBUSY;
		error_kind_set(err, ERROR_IN_USE, r, "VF %u (%s) is in use: %s", i,
			       bdf_format(vf.bdf, name),
			       holder_describe(holder, clause, sizeof(clause)));
		error_fix(err, "%s", holder_fix(holder, clause, sizeof(clause)));
	}
	snapshot_finish(&holders);
	return r;
}

/* The kernel refuses one count on top of another: go through 0. */
static int set_vfs(const struct step_work *work, const struct record *record, unsigned n,
		   struct tio_error *err)
{
	struct function *pf;
	int r;

	r = step_look(work, record, &pf, err);
	if (r < 0 || pf->vfs == n)
		return r;
	if (pf->vfs != 0) {
		r = check_vfs_are_free(work, pf, err);
		if (r == 0)
			r = work->ops->set_vfs(work->host, record->function, 0, err);
		if (r < 0)
			return r;
	}
	return n ? work->ops->set_vfs(work->host, record->function, n, err) : 0;
}

static int enable_apply(const struct step_work *work, const struct record *record,
			struct tio_error *err)
{
	return set_vfs(work, record, record->wanted_vfs, err);
}

/* Reads the VFs that are wanted into the snapshot, where the device put them. */
static int discover_vfs(const struct step_work *work, const struct function *pf,
			struct tio_error *err)
{
	struct function vf;
	char names[256];
	int r;

	for (size_t i = 0; work->request && i < work->request->n_targets; i++) {
		const struct target *t = &work->request->targets[i];

		if (!bdf_equal(t->physfn, pf->bdf))
			continue;
		if (!bdf_equal(function_vf_address(pf, (unsigned)t->vf_index), t->function))
			return error_set(err, -EPROTO,
					 "VF %d is not at the address that was expected",
					 t->vf_index);
		r = work->ops->discover(work->host, t->function, &vf, err);
		if (r < 0)
			return r;
		if (snapshot_put(work->snap, &vf) < 0)
			return error_set(err, -ENOMEM, "out of memory");
		if (steps_group_blockers(work->snap, work->request, &vf, names, sizeof(names)))
			return error_kind_set(err, ERROR_IN_USE, -EBUSY,
					      "VF %d shares its IOMMU group with %s",
					      t->vf_index, names);
	}
	return 0;
}

static int enable_verify(const struct step_work *work, const struct record *record,
			 struct tio_error *err)
{
	struct function *pf;
	struct function copy;
	int r;

	r = step_look(work, record, &pf, err);
	if (r < 0)
		return r;
	if (pf->vfs != record->wanted_vfs) {
		error_set(err, -ERANGE, "the driver enabled %u VFs instead of %u", pf->vfs,
			  record->wanted_vfs);
		error_fix(err, "ask for %u, or look for the driver's reason in `dmesg`",
			  pf->vfs);
		return -ERANGE;
	}
	copy = *pf; /* the snapshot moves when VFs are put into it */
	return discover_vfs(work, &copy, err);
}

static int enable_undo(const struct step_work *work, const struct record *record,
		       struct tio_error *err)
{
	struct function *pf;
	int r;

	r = set_vfs(work, record, record->before.vfs, err);
	if (r < 0)
		return step_gone_is_done(work, record, r, err);
	r = step_look(work, record, &pf, err);
	if (r == 0 && pf->vfs != record->before.vfs)
		return error_set(err, -EIO, "%u VFs are there instead of %u", pf->vfs,
				 record->before.vfs);
	return step_gone_is_done(work, record, r, err);
}

const struct step step_load_host_driver = {
	.name = "load-host-driver",
	.subject = SUBJECT_PF,
	.deadline_ms = 60000,
	.wait = WAIT_LOAD,
	.journaled = true,
	.needed = host_driver_needed,
	.describe = host_driver_describe,
	.describe_undo = host_driver_describe_undo,
	.capture = step_capture_driver,
	.apply = host_driver_apply,
	.verify = host_driver_verify,
	.undo = host_driver_undo,
};

const struct step step_stop_vf_autoprobe = {
	.name = "stop-vf-autoprobe",
	.subject = SUBJECT_PF,
	.deadline_ms = 10000,
	.journaled = true,
	.needed = autoprobe_needed,
	.describe = autoprobe_describe,
	.describe_undo = autoprobe_describe_undo,
	.capture = autoprobe_capture,
	.apply = autoprobe_apply,
	.undo = autoprobe_undo,
};

/* 22 s for 64 VFs and 65 s for 125 were measured on real cards: a second a VF, and room. */
const struct step step_enable_vfs = {
	.name = "enable-vfs",
	.subject = SUBJECT_PF,
	.deadline_ms = 15000,
	.deadline_per_vf_ms = 1000,
	.wait = WAIT_VFS,
	.journaled = true,
	.needed = enable_needed,
	.describe = enable_describe,
	.describe_undo = enable_describe_undo,
	.capture = enable_capture,
	.apply = enable_apply,
	.verify = enable_verify,
	.undo = enable_undo,
};
