/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

bool verb_goes_forward(enum verb verb)
{
	return verb == VERB_ATTACH || verb == VERB_CONNECT || verb == VERB_RECONNECT;
}

const char *verb_to_string(enum verb verb)
{
	static const char *const names[VERB_COUNT] = {
		[VERB_ATTACH] = "attach",       [VERB_DETACH] = "detach",
		[VERB_CONNECT] = "connect",     [VERB_DISCONNECT] = "disconnect",
		[VERB_RECONNECT] = "reconnect", [VERB_MOVE] = "move",
	};

	return verb < VERB_COUNT ? names[verb] : "unknown";
}

static int malformed(const char *name, struct tio_error *err)
{
	error_kind_set(err, ERROR_INVALID, -EINVAL, "\"%.48s\" is not the name of a function",
		       name);
	error_fix(
		err,
		"write it as 0000:e1:00.0, e1:00.0, e1:00.0/vf3, slot:7 or serial:00-11-…; `tioctl list -a` "
		"shows what there is");
	return -EINVAL;
}

static int absent(struct bdf bdf, struct tio_error *err)
{
	char name[BDF_STRLEN];

	error_kind_set(err, ERROR_NO_FUNCTION, -ENODEV, "there is no function %s in this host",
		       bdf_format(bdf, name));
	error_fix(err,
		  "`tioctl list -a` shows what there is; `echo 1 > /sys/bus/pci/rescan` looks "
		  "for new cards");
	if (err)
		err->function = bdf;
	return -ENODEV;
}

static int resolve_slot(const struct snapshot *snap, const char *slot, struct target *ret,
			struct tio_error *err)
{
	for (size_t i = 0; i < snap->n_functions; i++) {
		const struct function *f = &snap->functions[i];

		if (f->kind == FUNCTION_ENDPOINT && f->bdf.function == 0 &&
		    strcmp(f->slot, slot) == 0) {
			ret->function = f->bdf;
			return 0;
		}
	}
	error_kind_set(err, ERROR_NO_FUNCTION, -ENODEV, "there is no card in slot \"%.16s\"",
		       slot);
	error_fix(err, "`tioctl list -a` shows slots and functions");
	return -ENODEV;
}

static int resolve_serial(const struct snapshot *snap, const char *serial, struct target *ret,
			  struct tio_error *err)
{
	for (size_t i = 0; i < snap->n_functions; i++) {
		const struct function *f = &snap->functions[i];

		if (f->kind == FUNCTION_ENDPOINT && f->bdf.function == 0 && serial[0] &&
		    strcmp(f->serial, serial) == 0) {
			ret->function = f->bdf;
			return 0;
		}
	}
	error_kind_set(err, ERROR_NO_FUNCTION, -ENODEV,
		       "there is no card with the serial \"%.32s\"", serial);
	error_fix(err, "`tioctl show DEV` shows a card's serial number");
	return -ENODEV;
}

static int resolve_vf(const struct snapshot *snap, const struct function *pf, uint64_t index,
		      struct target *ret, struct tio_error *err)
{
	const struct function *vf;
	char name[BDF_STRLEN];

	if (index >= pf->vfs_total) {
		if (pf->vfs_total == 0)
			error_kind_set(err, ERROR_INVALID, -ERANGE, "%s has no SR-IOV",
				       bdf_format(pf->bdf, name));
		else
			error_kind_set(
				err, ERROR_INVALID, -ERANGE,
				"%s has %u VFs at most, so VF index %llu is out of range",
				bdf_format(pf->bdf, name), pf->vfs_total,
				(unsigned long long)index);
		error_fix(err,
			  pf->vfs_total ? "indexes go from 0 to %u"
					: "attach the function itself",
			  pf->vfs_total - 1u);
		if (err)
			err->function = pf->bdf;
		return -ERANGE;
	}
	vf = snapshot_find_vf(snap, pf->bdf, (unsigned)index);
	ret->physfn = pf->bdf;
	ret->vf_index = (int)index;
	ret->function = vf ? vf->bdf : function_vf_address(pf, (unsigned)index);
	return ret->function.valid ? 0 : absent(pf->bdf, err);
}

int request_resolve(const struct snapshot *snap, const char *name, struct target *ret,
		    struct tio_error *err)
{
	struct target target = { .vf_index = -1 };
	char address[48];
	const struct function *f;
	uint64_t index = 0;
	char *vf;
	int r;

	if (!text_copy(address, sizeof(address), name))
		return malformed(name, err);
	text_copy(target.named, sizeof(target.named), name);

	vf = strstr(address, "/vf");
	if (vf) {
		*vf = '\0';
		if (text_to_u64(vf + 3, 10, &index) < 0)
			return malformed(name, err);
	}
	if (strncmp(address, "slot:", 5) == 0)
		r = resolve_slot(snap, address + 5, &target, err);
	else if (strncmp(address, "serial:", 7) == 0)
		r = resolve_serial(snap, address + 7, &target, err);
	else
		r = bdf_parse(address, &target.function) < 0 ? malformed(name, err) : 0;
	if (r < 0)
		return r;

	f = snapshot_find(snap, target.function);
	if (!f)
		return absent(target.function, err);
	if (vf) {
		r = resolve_vf(snap, f, index, &target, err);
		if (r < 0)
			return r;
	} else if (f->kind == FUNCTION_VF) {
		target.physfn = f->physfn;
		target.vf_index = f->vf_index;
	}
	target.lead = target.function;
	*ret = target;
	return 0;
}

struct vf_settings request_vf_settings(const struct snapshot *snap,
				       const struct assignments *all,
				       const struct request *request,
				       const struct target *target)
{
	const struct function *pf = snapshot_find(snap, target->physfn);
	const struct assignment *kept = assignments_find(all, target->function);
	struct vf_settings settings = { 0 };

	if (request->verb != VERB_ATTACH || target->vf_index < 0 ||
	    !bdf_equal(target->lead, target->function))
		return settings;
	if (pf && function_is_network(pf))
		vf_merge(&settings, &request->vm.network);
	if (kept && strcmp(kept->vm, request->vm.name) == 0)
		vf_merge(&settings, &kept->settings);
	vf_merge(&settings, &request->settings);
	return settings;
}

struct target target_of_assignment(const struct assignment *one)
{
	struct target target = { .function = one->function,
				 .physfn = one->physfn,
				 .vf_index = one->vf_index,
				 .lead = one->lead };

	text_copy(target.named, sizeof(target.named), one->named);
	text_copy(target.held_by, sizeof(target.held_by), one->vm);
	return target;
}

bool request_has_target(const struct request *request, struct bdf bdf)
{
	for (size_t i = 0; i < request->n_targets; i++)
		if (bdf_equal(request->targets[i].function, bdf))
			return true;
	return false;
}

int request_refuse_many(size_t n, struct tio_error *err)
{
	error_kind_set(err, ERROR_INVALID, -E2BIG, "%zu functions are more than %d at once", n,
		       REQUEST_TARGETS_MAX);
	error_fix(err, "name fewer in one call");
	return -E2BIG;
}

static int add_family(struct request *request, struct bdf family, struct tio_error *err)
{
	for (size_t i = 0; i < request->n_families; i++)
		if (bdf_equal(request->families[i], family))
			return 0;
	if (request->n_families == REQUEST_FAMILIES_MAX) {
		error_kind_set(err, ERROR_INVALID, -E2BIG,
			       "the IOMMU group spans more than %d cards",
			       REQUEST_FAMILIES_MAX);
		error_fix(err,
			  "enable ACS on the bridges above (BIOS: ACS Enable), or use a slot "
			  "that has a root port of its own");
		return -E2BIG;
	}
	request->families[request->n_families++] = family;
	return 0;
}

static int add_companion(struct request *request, const struct function *lead,
			 const struct function *f, struct tio_error *err)
{
	if (request->n_targets == REQUEST_TARGETS_MAX)
		return error_kind_set(err, ERROR_INVALID, -E2BIG,
				      "more than %d functions at once", REQUEST_TARGETS_MAX);
	request->targets[request->n_targets++] = (struct target){
		.function = f->bdf,
		.physfn = f->physfn,
		.vf_index = f->kind == FUNCTION_VF ? f->vf_index : -1,
		.lead = lead->bdf
	};
	return add_family(request, function_family(f), err);
}

/* Bridges, host and ISA bridges of a group (base class 0x06) stay with the host. */
static bool is_bridge(const struct function *f)
{
	return f->kind == FUNCTION_ROOT_PORT || f->kind == FUNCTION_BRIDGE ||
	       f->class >> 16 == 0x06;
}

int request_add_companions(const struct snapshot *snap, const struct plugins *plugins,
			   struct request *request, struct tio_error *err)
{
	size_t n_leads = request->n_targets;
	int r;

	r = add_family(request, request->family, err);
	for (size_t t = 0; r == 0 && t < n_leads; t++) {
		const struct function *lead = snapshot_find(snap, request->targets[t].function);

		if (!lead || lead->iommu_group < 0)
			continue;
		for (size_t i = 0; r == 0 && i < snap->n_functions; i++) {
			const struct function *f = &snap->functions[i];

			if (f->iommu_group != lead->iommu_group ||
			    request_has_target(request, f->bdf) || is_bridge(f))
				continue;
			r = request->with_companions
				    ? 1
				    : plugins_is_companion(plugins, lead, f, err);
			if (r > 0)
				r = add_companion(request, lead, f, err);
		}
	}
	return r;
}

void request_keep_reserved(const struct assignments *all, struct request *request)
{
	size_t kept = 0;

	for (size_t i = 0; i < request->n_targets; i++) {
		const struct assignment *one = assignments_find(all,
								request->targets[i].function);

		if (one && strcmp(one->vm, request->vm.name) == 0)
			request->targets[kept++] = request->targets[i];
	}
	request->n_targets = kept;
}

static void refuse_unheld(const struct target *target, enum verb verb,
			  const struct assignment *now, struct tio_error *err)
{
	char name[BDF_STRLEN];

	bdf_format(target->function, name);
	if (verb == VERB_DETACH) {
		error_kind_set(err, ERROR_CONFLICT, -EBUSY,
			       "%s is reserved for %s now, and was %s's when the detach was "
			       "asked for",
			       name, now->vm, target->held_by);
		error_fix(err, "`tioctl detach %s` takes it from %s", name, now->vm);
	} else {
		error_kind_set(err, ERROR_NOT_PERMITTED, -EPERM,
			       "%s was taken from the VM \"%s\" before the attach began", name,
			       target->held_by);
		error_fix(err, "have an admin attach it (`tioctl attach %s --vm %s`)", name,
			  target->held_by);
	}
	error_at(err, target->function, "");
}

int request_keep_held(const struct assignments *all, struct request *request,
		      struct tio_error *err)
{
	size_t n = request->n_targets, kept = 0;
	struct tio_error why = TIO_ERROR_NONE;

	for (size_t i = 0; i < n; i++) {
		const struct target *target = &request->targets[i];
		const struct assignment *now = assignments_find(all, target->function);
		bool same = now && strcmp(now->vm, target->held_by) == 0;

		if (same || !target->held_by[0] || (!now && request->verb == VERB_DETACH))
			request->targets[kept++] = *target;
		else if (!why.code)
			refuse_unheld(target, request->verb, now, &why);
	}
	request->n_targets = kept;
	if (kept == n || (kept && request->verb == VERB_DETACH))
		return 0;
	*err = why;
	return why.code;
}

int request_add_led(const struct assignments *all, struct request *request,
		    struct tio_error *err)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct assignment *one = &all->list[i];

		if (!request_has_target(request, one->lead) ||
		    request_has_target(request, one->function))
			continue;
		if (request->n_targets == REQUEST_TARGETS_MAX)
			return error_kind_set(err, ERROR_INVALID, -E2BIG,
					      "more than %d functions at once",
					      REQUEST_TARGETS_MAX);
		request->targets[request->n_targets++] = target_of_assignment(one);
	}
	return 0;
}

int request_check_locked(const struct snapshot *snap, struct request *request,
			 struct tio_error *err)
{
	char name[BDF_STRLEN];
	int r = 0;

	if (!request->n_locked)
		return 0;
	for (size_t i = 0; r == 0 && i < request->n_targets; i++) {
		const struct function *f = snapshot_find(snap, request->targets[i].function);

		if (f)
			r = add_family(request, function_family(f), err);
	}
	if (r < 0 || request->n_families <= request->n_locked)
		return r;
	error_kind_set(err, ERROR_BUSY, -EAGAIN,
		       "the card %s belongs along, and another change may be altering it",
		       bdf_format(request->families[request->n_locked], name));
	error_fix(err, "try again");
	return -EAGAIN;
}
