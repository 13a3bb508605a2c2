/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the rules of refusals*.c share: their input, and the rules that have a file of their
 * own.  A rule returns 0, perhaps with a note added to the plan, or refuses.
 */

#include <errno.h>

#include "core/refusals.h"

/* A refusal about @function. */
#define REFUSE(err, function, kind, code, ...)                                                 \
	do {                                                                                   \
		error_kind_set(err, kind, code, __VA_ARGS__);                                  \
		error_at(err, function, "");                                                   \
	} while (0)

struct rule_input {
	const struct step_facts *facts;
	const struct target *target;
	const struct function *f;   /* NULL: a VF that is still to be made */
	const struct function *pf;  /* of a VF */
	const struct function *dsm; /* the family's function 0 */
	struct plan *plan;
};

typedef int (*rule_fn)(const struct rule_input *in, struct tio_error *err);

/* The target was asked for by name; companions only come along. */
bool rule_is_lead(const struct target *target);

/* The plan takes, or takes back, a step of that name. */
bool rule_plan_has(const struct plan *plan, const char *name);

/* refusals-power.c */
int rule_resets_are_told(const struct rule_input *in, struct tio_error *err);

/* refusals-use.c */
int rule_is_not_in_use(const struct rule_input *in, struct tio_error *err);
int rule_group_is_viable(const struct rule_input *in, struct tio_error *err);
/* It makes a link, or makes one anew. */
bool rule_plan_links(const struct plan *plan);

/* refusals-link.c */
int rule_keys_can_be_refreshed(const struct rule_input *in, struct tio_error *err);
int rule_no_tdi_runs(const struct rule_input *in, struct tio_error *err);
int rule_no_guest_runs(const struct rule_input *in, struct tio_error *err);

/* refusals-vf-admin.c */
int rule_vf_settings(const struct rule_input *in, struct tio_error *err);

/* refusals-vf.c */
int rule_pf_has_no_vfs(const struct rule_input *in, struct tio_error *err);
int rule_vf_can_be_had(const struct rule_input *in, struct tio_error *err);
int rule_vfs_come_before_the_link(const struct rule_input *in, struct tio_error *err);
int rule_other_vfs_are_free(const struct rule_input *in, struct tio_error *err);
