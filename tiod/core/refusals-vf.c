/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/refusals-rules.h"

#include <stdio.h>
#include <string.h>

#include "core/holder.h"

int rule_pf_has_no_vfs(const struct rule_input *in, struct tio_error *err)
{
	char name[BDF_STRLEN];

	if (!in->f || in->target->vf_index >= 0 || in->f->vfs == 0 ||
	    !rule_plan_has(in->plan, "rebind"))
		return 0;
	REFUSE(err, in->f->bdf, ERROR_IN_USE, -EBUSY,
	       "it has %u VFs enabled, and vfio-pci takes no PF with VFs", in->f->vfs);
	error_fix(err,
		  "attach a VF (`tioctl attach %s/vf0 …`), or `echo 0 > "
		  "/sys/bus/pci/devices/%s/sriov_numvfs` first",
		  bdf_format(in->f->bdf, name), name);
	return -EBUSY;
}

int rule_vf_can_be_had(const struct rule_input *in, struct tio_error *err)
{
	const struct request *request = in->facts->request;
	const struct function *pf = in->pf;
	unsigned index = (unsigned)in->target->vf_index;

	if (in->target->vf_index < 0 || !pf)
		return 0;
	if (request->vfs > pf->vfs_total) {
		REFUSE(err, pf->bdf, ERROR_INVALID, -ERANGE,
		       "%u VFs were asked for, but it has %u at most", request->vfs,
		       pf->vfs_total);
		error_fix(err, "use --vfs %u or less", pf->vfs_total);
		return -ERANGE;
	}
	if (pf->vfs && request->vfs && request->vfs != pf->vfs) {
		REFUSE(err, pf->bdf, ERROR_IN_USE, -EBUSY,
		       "it has %u VFs enabled already; another number would remove them first",
		       pf->vfs);
		error_fix(err, "leave --vfs out to use those, or set sriov_numvfs to 0 first");
		return -EBUSY;
	}
	if (index >= (pf->vfs ? pf->vfs : request->vfs)) {
		REFUSE(err, pf->bdf, ERROR_INVALID, -ERANGE,
		       "VF %u is not enabled (it has %u VFs)", index,
		       pf->vfs ? pf->vfs : request->vfs);
		error_fix(err, "add --vfs %u to enable it", index + 1);
		return -ERANGE;
	}
	if (pf->vfs && !in->f) {
		REFUSE(err, pf->bdf, ERROR_NO_FUNCTION, -ENODEV,
		       "it has %u VFs enabled, but VF %u is not there", pf->vfs, index);
		error_fix(err, "`echo 1 > /sys/bus/pci/rescan` looks for it");
		return -ENODEV;
	}
	return 0;
}

int rule_vfs_come_before_the_link(const struct rule_input *in, struct tio_error *err)
{
	char name[BDF_STRLEN];

	if (!rule_plan_has(in->plan, "enable-vfs") || !in->dsm || !in->dsm->tsm[0])
		return 0;
	REFUSE(err, in->dsm->bdf, ERROR_CONFLICT, -EBUSY,
	       "VFs have to be enabled before its TSM link is made, and it is connected to %s",
	       in->dsm->tsm);
	error_fix(err, "`tioctl disconnect %s` first", bdf_format(in->dsm->bdf, name));
	return -EBUSY;
}

static bool plan_removes_vfs_of(const struct plan *plan, struct bdf pf)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].undo && bdf_equal(plan->steps[i].function, pf) &&
		    strcmp(steps[plan->steps[i].row]->name, "enable-vfs") == 0)
			return true;
	return false;
}

/* Removing a VF that a process holds waits without limit, with the PF's lock (L39). */
int rule_other_vfs_are_free(const struct rule_input *in, struct tio_error *err)
{
	const struct snapshot *snap = in->facts->snap;
	char clause[600], name[BDF_STRLEN];

	for (size_t i = 0; i < snap->n_holders; i++) {
		const struct holder *h = &snap->holders[i];
		const struct function *vf = snapshot_find(snap, h->function);

		if (!vf || vf->kind != FUNCTION_VF || holder_is_note(h) ||
		    !plan_removes_vfs_of(in->plan, vf->physfn) ||
		    assignments_find(in->facts->all, vf->bdf))
			continue;
		REFUSE(err, vf->physfn, ERROR_IN_USE, -EBUSY,
		       "its VFs would be removed, and VF %u (%s) is in use: %s", vf->vf_index,
		       bdf_format(vf->bdf, name), holder_describe(h, clause, sizeof(clause)));
		error_fix(err, "%s", holder_fix(h, clause, sizeof(clause)));
		return -EBUSY;
	}
	return 0;
}
