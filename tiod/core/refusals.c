/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/refusals-rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/advice.h"
#include "core/hugepages.h"
#include "core/platform.h"

bool rule_is_lead(const struct target *target)
{
	return bdf_equal(target->lead, target->function);
}

bool rule_plan_has(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (strcmp(steps[plan->steps[i].row]->name, name) == 0)
			return true;
	return false;
}

/* --- What may be given away at all --- */

static int is_there(const struct rule_input *in, struct tio_error *err)
{
	char name[BDF_STRLEN];

	if (in->f || (in->pf && in->target->vf_index >= 0))
		return 0;
	REFUSE(err, in->target->function, ERROR_NO_FUNCTION, -ENODEV,
	       "there is no function %s in this host", bdf_format(in->target->function, name));
	error_fix(err, "`tioctl list -a` shows what there is");
	return -ENODEV;
}

static int is_an_endpoint(const struct rule_input *in, struct tio_error *err)
{
	if (!in->f || in->f->kind == FUNCTION_ENDPOINT || in->f->kind == FUNCTION_VF ||
	    !rule_is_lead(in->target))
		return 0;
	REFUSE(err, in->f->bdf, ERROR_INVALID, -EINVAL, "it is no PCIe endpoint (kind: %s)",
	       function_kind_to_string(in->f->kind));
	error_fix(err,
		  "name the card's own function; `tioctl list` shows those that can do TDISP");
	return -EINVAL;
}

static int config_is_readable(const struct rule_input *in, struct tio_error *err)
{
	const struct function *f = in->f ? in->f : in->pf;

	if (!f || f->config_complete || !rule_is_lead(in->target))
		return 0;
	REFUSE(err, f->bdf, ERROR_NOT_READY, -EPERM,
	       "only the first 64 bytes of its config space can be read");
	error_fix(err, "run tiod as root with CAP_SYS_ADMIN");
	return -EPERM;
}

/* "the TEE-IO bit in its Device Capabilities", … : what keeps it from doing TDISP. */
static void list_missing(const struct function *dsm, char *buf, size_t size)
{
	char name[BDF_STRLEN];

	buf[0] = '\0';
	if (!dsm->tee_io)
		text_append(buf, size, "%sthe TEE-IO bit", buf[0] ? ", " : "");
	if (!dsm->ide.offset)
		text_append(buf, size, "%sthe IDE capability", buf[0] ? ", " : "");
	else if (!dsm->ide.selective_streams)
		text_append(buf, size, "%sselective IDE streams", buf[0] ? ", " : "");
	if (!dsm->doe_cma || !dsm->doe_session)
		text_append(buf, size, "%sa DOE mailbox for %s", buf[0] ? ", " : "",
			    dsm->doe_cma ? "secured sessions (0001:02)" : "CMA-SPDM (0001:01)");
	if (dsm->ide.offset && !dsm->root_port_ide.offset)
		text_append(buf, size, "%sIDE at its root port %s", buf[0] ? ", " : "",
			    bdf_format(dsm->root_port, name));
}

static int can_do_tdisp(const struct rule_input *in, struct tio_error *err)
{
	const struct function *dsm = in->dsm;
	char missing[256], name[BDF_STRLEN];

	if (!dsm || !rule_is_lead(in->target))
		return 0;
	list_missing(dsm, missing, sizeof(missing));
	if (!missing[0])
		return 0;
	REFUSE(err, in->target->function, ERROR_NO_FUNCTION, -EOPNOTSUPP,
	       "%s cannot do TDISP: it lacks %s", bdf_format(dsm->bdf, name), missing);
	error_fix(
		err,
		dsm->tee_io && dsm->ide.offset && !dsm->root_port_ide.offset
			? "enable \"PCIE IDE Capability\" in the BIOS, or use a slot whose root "
			  "port has it"
			: "`tioctl list` shows the functions that can");
	return -EOPNOTSUPP;
}

/* Asked for by its own name although it is there already, with another. */
static int companion_is_told(const struct rule_input *in, struct tio_error *err)
{
	const struct target *target = in->target;
	char name[BDF_STRLEN], lead[BDF_STRLEN];

	if (!rule_is_lead(target) && target->named[0] && in->plan->n_steps == 0)
		plan_note(in->plan, "%s goes along with %s, and is attached already",
			  bdf_format(target->function, name), bdf_format(target->lead, lead));
	return 0;
}

/* --- Who has it --- */

/* VFs that are reserved come back with the PF's driver, not with the PF in a guest. */
static int vfs_are_unreserved(const struct rule_input *in, struct tio_error *err)
{
	char name[BDF_STRLEN];

	for (size_t i = 0; i < in->facts->all->n; i++) {
		const struct assignment *one = &in->facts->all->list[i];

		if (!one->physfn.valid || !bdf_equal(one->physfn, in->target->function))
			continue;
		REFUSE(err, in->target->function, ERROR_CONFLICT, -EBUSY,
		       "its VF %d (%s) is reserved for %s", one->vf_index,
		       bdf_format(one->function, name), one->vm);
		error_fix(err, "`tioctl detach %s` ends that first", name);
		return -EBUSY;
	}
	return 0;
}

/* A reservation is of a card, not of the slot that it sat in. */
static int is_the_card_reserved(const struct rule_input *in, struct tio_error *err)
{
	const struct assignment *one = assignments_find(in->facts->all, in->target->function);
	char name[BDF_STRLEN];

	if (!one || !in->f || identity_may_be(&one->identity, in->f))
		return 0;
	REFUSE(err, in->f->bdf, ERROR_CONFLICT, -EBUSY,
	       "another card is in its place: %04x:%04x %s was reserved for %s, %04x:%04x %s is there",
	       one->identity.vendor, one->identity.device, one->identity.serial, one->vm,
	       in->f->vendor, in->f->device, in->f->serial);
	error_fix(err,
		  "put the former card back, or end its reservation with `tioctl detach %s`",
		  bdf_format(in->f->bdf, name));
	return -EBUSY;
}

static int link_is_as_asked(const struct rule_input *in, struct tio_error *err)
{
	const char *wanted = in->facts->request->tsm;
	char name[BDF_STRLEN];

	if (!in->dsm || !in->dsm->tsm[0] || !wanted[0] || strcmp(in->dsm->tsm, wanted) == 0)
		return 0;
	REFUSE(err, in->dsm->bdf, ERROR_CONFLICT, -EBUSY, "it is connected to %s, not to %s",
	       in->dsm->tsm, wanted);
	error_fix(err, "`tioctl disconnect %s` first", bdf_format(in->dsm->bdf, name));
	return -EBUSY;
}

static int no_tdi_is_bound(const struct rule_input *in, struct tio_error *err)
{
	if (!in->dsm || !in->dsm->bound[0] || !rule_plan_has(in->plan, "connect-tsm"))
		return 0;
	REFUSE(err, in->dsm->bdf, ERROR_IN_USE, -EBUSY, "a guest has bound its TDI (%s)",
	       in->dsm->bound);
	error_fix(err, "stop that guest first");
	return -EBUSY;
}

static int is_free(const struct rule_input *in, struct tio_error *err)
{
	const struct assignment *one = assignments_find(in->facts->all, in->target->function);
	const struct assignment *pf = assignments_find(in->facts->all, in->target->physfn);
	char name[BDF_STRLEN];

	if (in->target->physfn.valid && pf) {
		REFUSE(err, in->target->function, ERROR_CONFLICT, -EBUSY,
		       "its PF %s is given to %s as a whole", bdf_format(pf->function, name),
		       pf->vm);
		error_fix(err, "`tioctl detach %s` takes that back first", name);
		return -EBUSY;
	}
	if (!one || strcmp(one->vm, in->facts->request->vm.name) == 0)
		return 0;
	REFUSE(err, in->target->function, ERROR_CONFLICT, -EBUSY, "it is assigned to %s",
	       one->vm);
	error_fix(err, "`tioctl detach %s` takes it back first",
		  bdf_format(in->target->function, name));
	return -EBUSY;
}

/* Another member of the group that belongs to another VM would see this one's DMA. */
static int group_is_of_one_vm(const struct rule_input *in, struct tio_error *err)
{
	const struct snapshot *snap = in->facts->snap;
	char name[BDF_STRLEN];

	for (size_t i = 0; in->f && in->f->iommu_group >= 0 && i < snap->n_functions; i++) {
		const struct function *other = &snap->functions[i];
		const struct assignment *one = assignments_find(in->facts->all, other->bdf);

		if (other->iommu_group != in->f->iommu_group || !one ||
		    strcmp(one->vm, in->facts->request->vm.name) == 0)
			continue;
		REFUSE(err, in->f->bdf, ERROR_CONFLICT, -EBUSY,
		       "it shares IOMMU group %d with %s, which is assigned to %s",
		       in->f->iommu_group, bdf_format(other->bdf, name), one->vm);
		error_fix(err, "`tioctl detach %s` takes that back first", name);
		return -EBUSY;
	}
	return 0;
}

/* --- What the host must have --- */

/* "tsm0 (AMD SEV-TIO), tsm1 (…)" */
static const char *tsm_names(const struct snapshot *snap, char *buf, size_t size)
{
	char platform[80];

	buf[0] = '\0';
	for (size_t i = 0; i < snap->n_tsms; i++)
		text_append(buf, size, "%s%s (%s)", i ? ", " : "", snap->tsms[i].name,
			    platform_name(&snap->tsms[i], platform, sizeof(platform)));
	return buf;
}

static int tsm_is_there(const struct rule_input *in, struct tio_error *err)
{
	const struct snapshot *snap = in->facts->snap;
	const char *wanted = in->facts->request->tsm;
	char name[BDF_STRLEN], names[256];

	if (!rule_plan_links(in->plan))
		return 0;
	if (snap->n_tsms == 0) {
		REFUSE(err, in->target->function, ERROR_NOT_READY, -ENXIO,
		       "this host has no TSM: /sys/class/tsm is empty");
		error_fix(err,
			  "load the platform's TSM driver (`modprobe kvm_amd` on AMD), with "
			  "SEV-SNP and SEV-TIO enabled in the BIOS and Linux 6.19 or newer");
		return -ENXIO;
	}
	if (!wanted[0]) {
		REFUSE(err, in->target->function, ERROR_INVALID, -EINVAL,
		       "this host has %zu TSMs: %s", snap->n_tsms,
		       tsm_names(snap, names, sizeof(names)));
		error_fix(err, "choose one: `tioctl %s %s%s --tsm %s`",
			  verb_to_string(in->facts->request->verb),
			  bdf_format(in->facts->request->family, name),
			  in->facts->request->verb == VERB_ATTACH ? " --vm VM" : "",
			  snap->tsms[0].name);
		return -EINVAL;
	}
	if (!snapshot_find_tsm(snap, wanted)) {
		REFUSE(err, in->target->function, ERROR_INVALID, -ENXIO,
		       "there is no TSM \"%s\"", wanted);
		error_fix(err, "this host has %s", tsm_names(snap, names, sizeof(names)));
		return -ENXIO;
	}
	return 0;
}

static int tsm_knows_the_card(const struct rule_input *in, struct tio_error *err)
{
	char name[BDF_STRLEN];

	if (!rule_plan_links(in->plan) || !in->dsm || in->dsm->tsm_group)
		return 0;
	REFUSE(err, in->dsm->bdf, ERROR_NOT_READY, -ENXIO,
	       "the kernel offers no tsm/connect for %s although a TSM is there",
	       bdf_format(in->dsm->bdf, name));
	error_fix(
		err,
		"remove and rescan the card (`echo 1 > /sys/bus/pci/devices/%s/remove; echo 1 "
		"> /sys/bus/pci/rescan`), and look for its lines in `dmesg`",
		name);
	return -ENXIO;
}

static int iommu_is_there(const struct rule_input *in, struct tio_error *err)
{
	if (!rule_plan_has(in->plan, "rebind"))
		return 0;
	if (!in->facts->snap->iommu || (in->f && in->f->iommu_group < 0)) {
		REFUSE(err, in->target->function, ERROR_NOT_READY, -ENODEV, "%s",
		       in->facts->snap->iommu ? "it is in no IOMMU group"
					      : "the kernel has no IOMMU groups");
		error_fix(err,
			  "enable the IOMMU in the BIOS (NBIO Common Options > IOMMU) and boot "
			  "without iommu=off");
		return -ENODEV;
	}
	if (in->facts->snap->vfio_pci && !in->facts->snap->iommufd) {
		REFUSE(err, in->target->function, ERROR_NOT_READY, -ENOENT,
		       "/dev/iommu does not exist: this kernel has no iommufd");
		error_fix(err,
			  "`modprobe iommufd`; if there is no such module, boot a kernel with "
			  "CONFIG_IOMMUFD and CONFIG_VFIO_DEVICE_CDEV");
		return -ENOENT;
	}
	return 0;
}

static bool vm_runs_already(const struct step_facts *facts)
{
	for (size_t i = 0; i < facts->all->n; i++)
		if (strcmp(facts->all->list[i].vm, facts->request->vm.name) == 0)
			return true;
	return false;
}

static int memory_fits(const struct rule_input *in, struct tio_error *err)
{
	const struct function *f = in->f ? in->f : in->pf;
	const struct vm *vm = &in->facts->request->vm;
	struct tio_error shortage = TIO_ERROR_NONE;
	char figures[256];
	int r;

	if (!f || !rule_is_lead(in->target) || !rule_plan_has(in->plan, "rebind"))
		return 0;
	r = hugepages_check(in->facts->snap, vm, f->numa_node, &shortage);
	if (r == 0) {
		hugepages_figures(in->facts->snap, vm, f->numa_node, figures, sizeof(figures));
		if (figures[0])
			plan_note(in->plan, "%s", figures);
		hugepages_shared(in->facts->snap, vm, f->numa_node,
				 in->facts->request->promised, in->facts->request->promised_to,
				 figures, sizeof(figures));
		if (figures[0])
			plan_note(in->plan, "%s", figures);
		return 0;
	}
	if (vm_runs_already(in->facts)) {
		/* The VM may be running on the very pages that are not free. */
		plan_note(in->plan, "%.310s", shortage.text);
		return 0;
	}
	if (err)
		*err = shortage;
	error_at(err, f->bdf, "");
	return r;
}

static int big_bar_is_told(const struct rule_input *in, struct tio_error *err)
{
	const uint64_t ovmf_window = 32ull << 30; /* OVMF's default 64-bit MMIO aperture */
	char bar[32], name[BDF_STRLEN];

	if (!in->f || !rule_plan_has(in->plan, "rebind") || in->f->largest_bar < ovmf_window)
		return 0;
	plan_note(in->plan,
		  "%s has a BAR of %s: give the guest phys-bits=52 and OVMF a window, -fw_cfg "
		  "name=opt/ovmf/X-PciMmio64Mb,string=%llu",
		  bdf_format(in->f->bdf, name),
		  text_from_bytes(in->f->largest_bar, bar, sizeof(bar)),
		  (unsigned long long)(in->f->largest_bar >> 20) * 2);
	return 0;
}

/* --- Going back --- */

/* A card whose VFs are given is not given itself. */
static void tell_unassigned(const struct rule_input *in)
{
	char name[BDF_STRLEN], vf[BDF_STRLEN];

	bdf_format(in->target->function, name);
	for (size_t i = 0; i < in->facts->all->n; i++) {
		const struct assignment *one = &in->facts->all->list[i];

		if (one->physfn.valid && bdf_equal(one->physfn, in->target->function)) {
			plan_note(in->plan,
				  "%s itself is not assigned, but its VF %d (%s) is, to %s: "
				  "`tioctl detach %s` takes that back",
				  name, one->vf_index, bdf_format(one->function, vf), one->vm,
				  vf);
			return;
		}
	}
	plan_note(in->plan, "%s is not assigned to any VM", name);
}

static int is_its_own_lead(const struct rule_input *in, struct tio_error *err)
{
	const struct assignment *one = assignments_find(in->facts->all, in->target->function);
	char lead[BDF_STRLEN];

	if (!one) {
		tell_unassigned(in);
		return 0;
	}
	for (size_t i = 0; i < in->facts->request->n_targets; i++)
		if (bdf_equal(in->facts->request->targets[i].function, one->lead))
			return 0;
	if (!assignments_find(in->facts->all, one->lead))
		return 0;
	REFUSE(err, in->target->function, ERROR_INVALID, -EINVAL,
	       "it came along with %s and goes back with it", bdf_format(one->lead, lead));
	error_fix(err, "`tioctl detach %s`", lead);
	return -EINVAL;
}

static int family_is_unassigned(const struct rule_input *in, struct tio_error *err)
{
	const struct request *request = in->facts->request;
	char name[BDF_STRLEN];

	for (size_t i = 0; i < in->facts->all->n; i++) {
		const struct assignment *one = &in->facts->all->list[i];

		if (!bdf_equal(one->family, request->family))
			continue;
		REFUSE(err, request->family, ERROR_IN_USE, -EBUSY,
		       "its TSM link is used by %s, assigned to %s",
		       bdf_format(one->function, name), one->vm);
		error_fix(err, "`tioctl detach %s` first; that also takes the link down", name);
		return -EBUSY;
	}
	return 0;
}

static int plugins_agree(const struct rule_input *in, struct tio_error *err)
{
	/* What is done already needs nobody's consent. */
	if (in->plan->n_steps == 0)
		return 0;
	return advice_check(in->facts->snap, in->target, in->plan, err);
}

/* clang-format off */
static const rule_fn attach_rules[] = {
	is_there, is_an_endpoint, config_is_readable, can_do_tdisp, is_free,
	is_the_card_reserved, vfs_are_unreserved, group_is_of_one_vm,
	rule_pf_has_no_vfs, rule_vf_can_be_had, rule_vfs_come_before_the_link, rule_vf_settings,
	link_is_as_asked, tsm_is_there, tsm_knows_the_card,
	iommu_is_there, rule_is_not_in_use, rule_group_is_viable, plugins_agree,
	memory_fits, big_bar_is_told, rule_resets_are_told, companion_is_told, NULL,
};
static const rule_fn detach_rules[] = { is_its_own_lead, rule_is_not_in_use, rule_other_vfs_are_free, NULL };
static const rule_fn connect_rules[] = {
	is_there, is_an_endpoint, config_is_readable, can_do_tdisp, link_is_as_asked,
	tsm_is_there, tsm_knows_the_card, plugins_agree, NULL,
};
static const rule_fn reconnect_rules[] = {
	is_there, is_an_endpoint, config_is_readable, can_do_tdisp, link_is_as_asked,
	tsm_is_there, tsm_knows_the_card, rule_keys_can_be_refreshed, rule_no_tdi_runs,
	rule_no_guest_runs, plugins_agree, NULL,
};
static const rule_fn disconnect_rules[] = { family_is_unassigned, no_tdi_is_bound, NULL };
static const rule_fn *const rules[VERB_COUNT] = {
	[VERB_ATTACH] = attach_rules,
	[VERB_DETACH] = detach_rules,
	[VERB_CONNECT] = connect_rules,
	[VERB_DISCONNECT] = disconnect_rules,
	[VERB_RECONNECT] = reconnect_rules,
};
/* clang-format on */

int refusals_check(const struct step_facts *facts, struct plan *plan, struct tio_error *err)
{
	const struct request *request = facts->request;

	for (const rule_fn *rule = rules[request->verb]; *rule; rule++) {
		for (size_t t = 0; t < request->n_targets; t++) {
			const struct target *target = &request->targets[t];
			struct rule_input in = { .facts = facts,
						 .target = target,
						 .plan = plan };
			int r;

			in.f = snapshot_find(facts->snap, target->function);
			in.pf = snapshot_find(facts->snap, target->physfn);
			in.dsm = snapshot_find(facts->snap, request->family);
			r = (*rule)(&in, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}
