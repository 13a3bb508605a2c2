/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Who may do what: the one policy, and nothing but decisions.
 *
 * Readers look, admins do everything, and the user or group that a VM's file names may handle
 * that VM and what was given to it.  Whatever is not known is no: a group that does not exist
 * has no members.  server.c says who calls, methods.c and permits.c ask.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/request.h"
#include "core/rules.h"
#include "core/vm.h"

struct snapshot;

/*
 * Of a caller with more groups than this the rest are not compared with those of VMs, so that
 * it may do less than it should, never more.
 */
#define RIGHTS_GROUPS_MAX 64

/* Who calls, taken once when the connection was accepted. */
struct peer {
	uid_t uid;
	pid_t pid;
	bool may_read, may_change; /* a member of the group for it */
	gid_t groups[RIGHTS_GROUPS_MAX];
	unsigned n_groups;

	/* What it calls itself, and its unit; for the log only, "" where unknown. */
	char comm[16], unit[256];
};

enum access { ACCESS_ANYONE, ACCESS_READ, ACCESS_CHANGE };

/* Whatever the parameters are. */
bool rights_allow(const struct peer *who, enum access access);

/* The VM's file names its user or one of its groups. */
bool rights_own(const struct peer *who, const struct vm *vm);
bool rights_own_any(const struct peer *who, const struct vm *vms, size_t n);

/*
 * Did an admin or a rule give @target to @vm: is it reserved for it, or does the rule that
 * decides about its card attach just that to it?
 */
bool rights_given(const struct vm *vm, const struct target *target,
		  const struct assignments *all, const struct snapshot *snap,
		  const struct rule *rules, size_t n_rules);

/* The second half of it: whoever gives @target up can take it again. */
bool rights_given_by_rule(const struct vm *vm, const struct target *target,
			  const struct snapshot *snap, const struct rule *rules,
			  size_t n_rules);

/* "uid 1000 may not …", and who may; -EPERM. */
int rights_refuse(const struct peer *who, const char *method, enum access access,
		  struct tio_error *err);
int rights_refuse_vm(const struct peer *who, const char *method, const char *vm,
		     struct tio_error *err);
/* @vm: NULL for "none of the caller's". */
int rights_refuse_device(const struct target *target, const char *vm, struct tio_error *err);
