/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * IOMMU groups: who is in one, and why it is not smaller.  Used by refusals-use.c and by
 * report.c.
 *
 * The kernel puts into one group what it cannot keep from talking past the IOMMU:
 * pci_device_group() in drivers/iommu/iommu.c walks from a function towards the root, and
 * merges it with each bridge that lacks Access Control Services (PCIe 6.0 section 6.12).
 */

#include "core/snapshot.h"

/* Every group of a snapshot; made once for a walk over all functions. */
struct groups {
	struct group_member {
		int group;
		size_t at; /* in snap->functions */
	} * list;          /* owned, sorted */
	size_t n;
	const struct snapshot *snap; /* borrowed; must not change meanwhile */
};

/* 0 or -ENOMEM. */
int groups_init(struct groups *groups, const struct snapshot *snap);
void groups_finish(struct groups *groups);

/* The members of @group, in the order of their addresses; *@ret_n of them. */
const struct group_member *groups_members(const struct groups *groups, int group,
					  size_t *ret_n);

/*
 * Why @f is not alone in its group: "root port 0000:20:01.1 has no ACS; …", or "" when it is
 * alone.  Returns @buf.
 */
const char *groups_explain(const struct groups *groups, const struct function *f, char *buf,
			   size_t size);

/* The same for one function, when there is no index.  Returns @buf. */
const char *groups_explain_one(const struct snapshot *snap, const struct function *f, char *buf,
			       size_t size);

/* What helps against what groups_explain() said; a constant. */
#define GROUPS_FIX                                                                             \
	"to part them, enable ACS in the BIOS (on AMD: NBIO Common Options > ACS Enable) or "  \
	"use a slot whose root port has it; pcie_acs_override only hides the lack"
