/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/refusals-rules.h"

#include <stdio.h>
#include <string.h>

/* What the card's own switch decides by its rules, not the PF by a table of VFs. */
#define NOT_IN_SWITCHDEV                                                                       \
	(VF_BIT(VF_VLAN) | VF_BIT(VF_QOS) | VF_BIT(VF_PROTO) | VF_BIT(VF_TRUST) |              \
	 VF_BIT(VF_SPOOFCHK))

static int is_a_vf(const struct rule_input *in, struct tio_error *err)
{
	char text[160], name[BDF_STRLEN];

	if (!in->facts->request->settings.given || in->target->vf_index >= 0 ||
	    !rule_is_lead(in->target))
		return 0;
	REFUSE(err, in->target->function, ERROR_INVALID, -EINVAL,
	       "it is no VF, and \"%s\" can be set for VFs only",
	       vf_format(&in->facts->request->settings, text, sizeof(text)));
	if (in->f && in->f->vfs_total)
		error_fix(err, "name a VF (`%s/vf0`), or leave the setting out",
			  bdf_format(in->target->function, name));
	else
		error_fix(err, "leave the setting out");
	return -EINVAL;
}

static int is_well_formed(const struct rule_input *in, const struct vf_settings *wanted,
			  struct tio_error *err)
{
	int r = vf_check(wanted, err);

	if (r < 0)
		error_at(err, in->target->function, "");
	return r;
}

static int address_is_for_one(const struct rule_input *in, const struct vf_settings *wanted,
			      struct tio_error *err)
{
	const struct step_facts *facts = in->facts;
	char text[32];

	for (size_t i = 0; vf_given(wanted, VF_MAC) && i < facts->request->n_targets; i++) {
		const struct target *other = &facts->request->targets[i];
		struct vf_settings theirs = request_vf_settings(facts->snap, facts->all,
								facts->request, other);
		struct vf_settings mac = vf_only(wanted, VF_BIT(VF_MAC));

		if (other == in->target || vf_difference(&mac, &theirs))
			continue;
		REFUSE(err, in->target->function, ERROR_INVALID, -EINVAL,
		       "two VFs cannot have one and the same %s",
		       vf_format(&mac, text, sizeof(text)));
		error_fix(err, "attach them one by one, each with its --mac");
		return -EINVAL;
	}
	return 0;
}

static int pf_has_interface(const struct rule_input *in, const struct vf_settings *wanted,
			    struct tio_error *err)
{
	struct vf_settings net = vf_only(wanted, VF_NET_KEYS);
	char text[160];

	/* Without a driver there is none yet; the step looks again. */
	if (!net.given || !in->pf->driver[0] || in->pf->netdev[0])
		return 0;
	REFUSE(err, in->pf->bdf, ERROR_NOT_READY, -EOPNOTSUPP,
	       "\"%s\" is set through the PF's network interface, and with its driver %s it has "
	       "none",
	       vf_format(&net, text, sizeof(text)), in->pf->driver);
	error_fix(err, "leave that setting out, or bind the PF to its network driver");
	return -EOPNOTSUPP;
}

/* Where it would have to be set is not known. */
static int switch_is_known(const struct rule_input *in, const struct vf_settings *wanted,
			   struct tio_error *err)
{
	struct vf_settings net = vf_only(wanted, VF_NET_KEYS);
	char text[160], name[BDF_STRLEN];

	if (in->pf->eswitch != ESWITCH_UNKNOWN || !net.given)
		return 0;
	REFUSE(err, in->pf->bdf, ERROR_NOT_READY, -EAGAIN,
	       "devlink could not be asked for its eswitch mode, by which \"%s\" is set in one "
	       "way or another",
	       vf_format(&net, text, sizeof(text)));
	error_fix(err, "see what `devlink dev eswitch show pci/%s` says, then try again",
		  bdf_format(in->pf->bdf, name));
	return -EAGAIN;
}

static int switch_leaves_it(const struct rule_input *in, const struct vf_settings *wanted,
			    struct tio_error *err)
{
	struct vf_settings refused = vf_only(wanted, NOT_IN_SWITCHDEV);
	char text[160], name[BDF_STRLEN];

	if (in->pf->eswitch == ESWITCH_LEGACY || !refused.given)
		return 0;
	REFUSE(err, in->pf->bdf, ERROR_CONFLICT, -EOPNOTSUPP,
	       "its eswitch is in %s mode, where \"%s\" is not the PF's to set",
	       eswitch_to_string(in->pf->eswitch), vf_format(&refused, text, sizeof(text)));
	error_fix(err,
		  "set it at the VF's representor, or `devlink dev eswitch set pci/%s mode "
		  "legacy` first",
		  bdf_format(in->pf->bdf, name));
	return -EOPNOTSUPP;
}

static int vectors_can_be_had(const struct rule_input *in, const struct vf_settings *wanted,
			      struct tio_error *err)
{
	const uint64_t n = wanted->value[VF_MSIX];
	char name[BDF_STRLEN];

	if (!vf_given(wanted, VF_MSIX) || !in->pf->driver[0])
		return 0;
	if (in->pf->vf_msix_total == 0) {
		REFUSE(err, in->pf->bdf, ERROR_NOT_READY, -EOPNOTSUPP,
		       "its driver %s shares out no MSI-X vectors (sriov_vf_total_msix is 0)",
		       in->pf->driver);
		error_fix(err, "leave --msix out");
		return -EOPNOTSUPP;
	}
	if (n > in->pf->vf_msix_total) {
		REFUSE(err, in->pf->bdf, ERROR_INVALID, -ERANGE,
		       "it has %u MSI-X vectors for its VFs, and %u were asked for",
		       in->pf->vf_msix_total, (unsigned)n);
		error_fix(err, "use --msix %u or less", in->pf->vf_msix_total);
		return -ERANGE;
	}
	if (!in->f || !in->f->driver[0])
		return 0;
	REFUSE(err, in->f->bdf, ERROR_IN_USE, -EBUSY,
	       "its MSI-X vectors can only be set while no driver has it, and %s does",
	       in->f->driver);
	error_fix(err, "`echo %s > /sys/bus/pci/drivers/%s/unbind` first",
		  bdf_format(in->f->bdf, name), in->f->driver);
	return -EBUSY;
}

/* --- What is in a guest's hands already --- */

/* What of @wanted is not so; vectors cannot be read, and are what was asked for first. */
static struct vf_settings not_in_force(const struct rule_input *in,
				       const struct vf_settings *wanted)
{
	const struct assignment *one = assignments_find(in->facts->all, in->f->bdf);
	const struct vf_settings *found = snapshot_find_vf_admin(in->facts->snap, in->f->bdf);
	struct vf_settings now = { 0 };

	if (one)
		now = one->settings;
	if (found)
		vf_merge(&now, found);
	return vf_only(wanted, vf_difference(wanted, &now));
}

static const char *whose(const struct rule_input *in, char *buf, size_t size)
{
	const struct assignment *one = assignments_find(in->facts->all, in->f->bdf);

	snprintf(buf, size, "%s%s", one ? "attached to " : "in use", one ? one->vm : "");
	return buf;
}

static int refuse_other(const struct rule_input *in, struct tio_error *err)
{
	struct vf_settings other = not_in_force(in, &in->facts->request->settings);
	char text[160], name[BDF_STRLEN], state[VM_NAME_MAX + 16];

	if (!other.given)
		return 0;
	REFUSE(err, in->f->bdf, ERROR_CONFLICT, -EBUSY, "it is %s already, without \"%s\"",
	       whose(in, state, sizeof(state)), vf_format(&other, text, sizeof(text)));
	if (assignments_find(in->facts->all, in->f->bdf))
		error_fix(err, "`tioctl detach %s`, then attach it anew",
			  bdf_format(in->f->bdf, name));
	else
		error_fix(err, "end what uses it first; `tioctl show %s` shows who does",
			  bdf_format(in->f->bdf, name));
	return -EBUSY;
}

/* By the VM's file, or somebody changed it by hand. */
static void tell_other(const struct rule_input *in, const struct vf_settings *wanted)
{
	const struct vf_settings *found = snapshot_find_vf_admin(in->facts->snap, in->f->bdf);
	struct vf_settings other = vf_only(wanted, VF_NET_KEYS), now;
	char text[160], kept[160], name[BDF_STRLEN], state[VM_NAME_MAX + 16];

	if (!found)
		return;
	other = not_in_force(in, &other);
	if (!other.given)
		return;
	now = vf_only(found, other.given);
	plan_note(in->plan, "%s is %s already and keeps %s; %s is set when it is attached anew",
		  bdf_format(in->f->bdf, name), whose(in, state, sizeof(state)),
		  now.given ? vf_format(&now, kept, sizeof(kept)) : "what it has",
		  vf_format(&other, text, sizeof(text)));
}

/* A guest that runs must not see its address or VLAN change under it. */
static int leave_it(const struct rule_input *in, const struct vf_settings *wanted,
		    struct tio_error *err)
{
	int r = refuse_other(in, err);

	if (r == 0)
		tell_other(in, wanted);
	return r;
}

int rule_vf_settings(const struct rule_input *in, struct tio_error *err)
{
	const struct step_facts *facts = in->facts;
	struct vf_settings wanted = request_vf_settings(facts->snap, facts->all, facts->request,
							in->target);
	int r = is_a_vf(in, err);

	if (r < 0 || !wanted.given || !in->pf)
		return r;
	r = is_well_formed(in, &wanted, err);
	if (r == 0 && steps_vf_is_given(in->facts, in->f))
		return leave_it(in, &wanted, err);
	if (r == 0)
		r = address_is_for_one(in, &wanted, err);
	if (r == 0)
		r = pf_has_interface(in, &wanted, err);
	if (r == 0)
		r = switch_is_known(in, &wanted, err);
	if (r == 0)
		r = switch_leaves_it(in, &wanted, err);
	return r < 0 ? r : vectors_can_be_had(in, &wanted, err);
}
