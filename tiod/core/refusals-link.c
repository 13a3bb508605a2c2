/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What keeps a link from being made anew.
 */

#include "core/refusals-rules.h"

#include <string.h>

#include "core/holder.h"

bool rule_plan_links(const struct plan *plan)
{
	return rule_plan_has(plan, "connect-tsm") || rule_plan_has(plan, "renew-tsm");
}

int rule_keys_can_be_refreshed(const struct rule_input *in, struct tio_error *err)
{
	const struct function *dsm = in->dsm;
	char name[BDF_STRLEN];

	if (!in->facts->request->refresh || !dsm)
		return 0;
	bdf_format(dsm->bdf, name);
	if (!dsm->tsm[0]) {
		REFUSE(err, dsm->bdf, ERROR_INVALID, -ENXIO,
		       "it has no link whose keys could be refreshed");
		error_fix(err, "`tioctl reconnect %s` makes it one", name);
		return -ENXIO;
	}
	if (dsm->tsm_blobs)
		return 0;
	REFUSE(err, dsm->bdf, ERROR_NOT_READY, -EOPNOTSUPP,
	       "this kernel cannot refresh the keys of a link that stands: only AMD's "
	       "development kernels with tsm/dsm_status do, at a second write to tsm/connect");
	error_fix(err, "`tioctl reconnect %s` takes the link down and makes it anew", name);
	return -EOPNOTSUPP;
}

/* "bound" is of the TDI: the kernel would unbind it, whatever the guest does at that moment. */
int rule_no_tdi_runs(const struct rule_input *in, struct tio_error *err)
{
	if (!in->dsm || !in->dsm->bound[0] || in->facts->request->refresh)
		return 0;
	REFUSE(err, in->dsm->bdf, ERROR_IN_USE, -EBUSY, "a guest has bound its TDI (%s)",
	       in->dsm->bound);
	error_fix(err, "stop that guest first");
	return -EBUSY;
}

/*
 * Whoever has a function open may be running a guest on it.  While the link is down that
 * guest's encrypted DMA stops, and with the new one the device that it has examined is
 * another one to it: that is the admin's to decide, also where there is no link at this moment.
 */
int rule_no_guest_runs(const struct rule_input *in, struct tio_error *err)
{
	const struct request *request = in->facts->request;
	const struct snapshot *snap = in->facts->snap;
	char clause[360];

	for (size_t i = 0; i < snap->n_holders; i++) {
		const struct holder *h = &snap->holders[i];
		const struct function *f = snapshot_find(snap, h->function);

		if (!holder_is_opener(h) || !f || !f->cdev[0] || request->refresh ||
		    (request->force & FORCE_OPEN))
			continue;
		REFUSE(err, h->function, ERROR_IN_USE, -EBUSY,
		       "a guest may be running on it: %s; its encrypted DMA would stop",
		       holder_describe(h, clause, sizeof(clause)));
		error_fix(err, "stop that guest first, or --force=open to do it all the same");
		return -EBUSY;
	}
	return 0;
}
