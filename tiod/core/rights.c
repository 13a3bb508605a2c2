/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/rights.h"

#include <errno.h>
#include <string.h>

#include "core/snapshot.h"

bool rights_allow(const struct peer *who, enum access access)
{
	switch (access) {
	case ACCESS_ANYONE:
		return true;
	case ACCESS_READ:
		return who->may_read;
	case ACCESS_CHANGE:
		return who->may_change;
	}
	return false;
}

bool rights_own(const struct peer *who, const struct vm *vm)
{
	if (vm->user[0] && who->uid == vm->uid)
		return true;
	for (unsigned i = 0; vm->group[0] && i < who->n_groups; i++)
		if (who->groups[i] == vm->gid)
			return true;
	return false;
}

bool rights_own_any(const struct peer *who, const struct vm *vms, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (rights_own(who, &vms[i]))
			return true;
	return false;
}

/* Rules look at PFs and whole functions; @rule may give VFs of it, or itself. */
static bool rule_gives(const struct rule *rule, const struct vm *vm,
		       const struct target *target)
{
	if (!rule || rule->action != RULE_ATTACH || strcmp(rule->vm, vm->name) != 0)
		return false;
	if (target->vf_index < 0)
		return !rule->vf;
	return rule->vf && (unsigned)target->vf_index < rule->n_vfs;
}

bool rights_given_by_rule(const struct vm *vm, const struct target *target,
			  const struct snapshot *snap, const struct rule *rules, size_t n_rules)
{
	const struct function *f = snapshot_find(snap, target->physfn.valid ? target->physfn
									    : target->function);

	return f && (rule_gives(rules_find(rules, n_rules, f, RULE_BOOT), vm, target) ||
		     rule_gives(rules_find(rules, n_rules, f, RULE_HOTPLUG), vm, target));
}

bool rights_given(const struct vm *vm, const struct target *target,
		  const struct assignments *all, const struct snapshot *snap,
		  const struct rule *rules, size_t n_rules)
{
	const struct assignment *one = assignments_find(all, target->function);

	if (one)
		return strcmp(one->vm, vm->name) == 0;
	return rights_given_by_rule(vm, target, snap, rules, n_rules);
}

/* --- Sentences --- */

int rights_refuse(const struct peer *who, const char *method, enum access access,
		  struct tio_error *err)
{
	const char *group = access == ACCESS_CHANGE ? "tiod-admin" : "tiod";

	error_kind_set(err, ERROR_NOT_PERMITTED, -EPERM, "uid %u may not call %s",
		       (unsigned)who->uid, method);
	error_fix(err,
		  "be root, or a member of the group %s: `usermod -aG %s USER`, then log in "
		  "again",
		  group, group);
	return -EPERM;
}

/* It does not tell whether there is such a VM. */
int rights_refuse_vm(const struct peer *who, const char *method, const char *vm,
		     struct tio_error *err)
{
	error_kind_set(err, ERROR_NOT_PERMITTED, -EPERM,
		       "uid %u may not call %s for the VM \"%.63s\": no file gives it that VM",
		       (unsigned)who->uid, method, vm);
	error_fix(err, "have an admin write User= or Group= into the VM's file, then `tioctl "
		       "reload`");
	return -EPERM;
}

int rights_refuse_device(const struct target *target, const char *vm, struct tio_error *err)
{
	char name[BDF_STRLEN];

	bdf_format(target->function, name);
	if (vm) {
		error_kind_set(err, ERROR_NOT_PERMITTED, -EPERM,
			       "%s was not given to the VM \"%s\": it is not reserved for it, "
			       "and no rule attaches it to it",
			       name, vm);
		error_fix(err,
			  "have an admin attach it once (`tioctl attach %s --vm %s`) or write "
			  "a rule",
			  name, vm);
	} else {
		error_kind_set(err, ERROR_NOT_PERMITTED, -EPERM,
			       "%s is not reserved for a VM of yours", name);
		error_fix(err, "ask an admin (root, or a member of the group tiod-admin)");
	}
	error_at(err, target->function, "");
	return -EPERM;
}
