/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define CULPRITS_MAX 3 /* that are named; one is enough to act on */

/* --- The index --- */

static int compare(const void *a, const void *b)
{
	const struct group_member *left = a, *right = b;

	if (left->group != right->group)
		return left->group < right->group ? -1 : 1;
	return left->at < right->at ? -1 : left->at > right->at;
}

int groups_init(struct groups *groups, const struct snapshot *snap)
{
	*groups = (struct groups){ .snap = snap };
	if (snap->n_functions == 0)
		return 0;
	groups->list = calloc(snap->n_functions, sizeof(*groups->list));
	if (!groups->list)
		return -ENOMEM;
	for (size_t i = 0; i < snap->n_functions; i++)
		if (snap->functions[i].iommu_group >= 0)
			groups->list[groups->n++] = (struct group_member){
				snap->functions[i].iommu_group, i
			};
	qsort(groups->list, groups->n, sizeof(*groups->list), compare);
	return 0;
}

void groups_finish(struct groups *groups)
{
	free(groups->list);
	*groups = (struct groups){ 0 };
}

/* The first entry that is not before @group. */
static size_t lower_bound(const struct groups *groups, int group)
{
	size_t low = 0, high = groups->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (groups->list[middle].group < group)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct group_member *groups_members(const struct groups *groups, int group, size_t *ret_n)
{
	size_t first = lower_bound(groups, group), end = first;

	*ret_n = 0;
	if (group < 0 || !groups->list)
		return NULL;
	while (end < groups->n && groups->list[end].group == group)
		end++;
	*ret_n = end - first;
	return groups->list + first;
}

/* --- Why --- */

/* What the kernel asks for: REQ_ACS_FLAGS in drivers/iommu/iommu.c. */
static const struct {
	uint16_t bit;
	const char *name;
} wanted[] = {
	{ 1 << 0, "source validation" },
	{ 1 << 2, "request redirect" },
	{ 1 << 3, "completion redirect" },
	{ 1 << 4, "upstream forwarding" },
};

/* What is no ability of a port is hard-wired as it should be: pci_acs_flags_enabled(). */
static uint16_t bits_off(const struct function *f)
{
	uint16_t off = 0;

	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if ((f->acs.capability & wanted[i].bit) && !(f->acs.control & wanted[i].bit))
			off |= wanted[i].bit;
	return off;
}

static bool is_from_or_to_pci(const struct function *f)
{
	return f->port == EXPRESS_TO_PCI || f->port == EXPRESS_FROM_PCI ||
	       f->port == EXPRESS_NONE;
}

/* Requests may turn round at @f, or behind it, without meeting the IOMMU. */
static bool lets_through(const struct function *f)
{
	if (!f->config_complete)
		return false;
	if (is_from_or_to_pci(f))
		return true;
	if (f->port == EXPRESS_UPSTREAM)
		return false;
	return !f->acs.present || bits_off(f);
}

static const char *port_word(const struct function *f)
{
	if (f->port == EXPRESS_ROOT)
		return "root port";
	return f->port == EXPRESS_DOWNSTREAM ? "switch port" : "bridge";
}

static void tell_port(const struct function *f, char *buf, size_t size)
{
	uint16_t off = f->acs.present ? bits_off(f) : 0;
	char name[BDF_STRLEN];
	bool first = true;

	text_append(buf, size, "%s%s %s ", buf[0] ? "; " : "", port_word(f),
		    bdf_format(f->bdf, name));
	if (is_from_or_to_pci(f))
		text_append(buf, size, "leads to conventional PCI, whose devices look alike");
	else if (!f->acs.present)
		text_append(buf, size, "has no ACS");
	else
		text_append(buf, size, "has ACS without ");
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (is_from_or_to_pci(f) || !(off & wanted[i].bit))
			continue;
		text_append(buf, size, "%s%s", first ? "" : ", ", wanted[i].name);
		first = false;
	}
}

struct culprits {
	struct bdf list[CULPRITS_MAX];
	size_t n;
};

/* True when it is new, and there is room for it. */
static bool add_culprit(struct culprits *culprits, struct bdf bdf)
{
	for (size_t i = 0; i < culprits->n; i++)
		if (bdf_equal(culprits->list[i], bdf))
			return false;
	if (culprits->n == CULPRITS_MAX)
		return false;
	culprits->list[culprits->n++] = bdf;
	return true;
}

/* The bridges above @f, up to the root. */
static void tell_path(const struct snapshot *snap, const struct function *f,
		      struct culprits *culprits, char *buf, size_t size)
{
	struct bdf at = f->upstream;

	for (int depth = 0; at.valid && depth < 32; depth++) {
		const struct function *bridge = snapshot_find(snap, at);

		if (!bridge)
			return;
		if (lets_through(bridge) && add_culprit(culprits, bridge->bdf))
			tell_port(bridge, buf, size);
		at = bridge->upstream;
	}
}

/* Functions of one card reach each other inside it, unless they have ACS. */
static void tell_card(const struct function *f, const struct function *other, char *buf,
		      size_t size)
{
	char name[BDF_STRLEN];

	if (bdf_equal(f->bdf, other->bdf) || !bdf_same_device(f->bdf, other->bdf) ||
	    f->kind == FUNCTION_VF || other->kind == FUNCTION_VF || strstr(buf, "one card"))
		return;
	if (f->acs.present && !bits_off(f))
		return;
	text_append(buf, size, "%sit is one card with %s, and its functions have no ACS",
		    buf[0] ? "; " : "", bdf_format(other->bdf, name));
}

const char *groups_explain(const struct groups *groups, const struct function *f, char *buf,
			   size_t size)
{
	const struct group_member *members;
	struct culprits culprits = { 0 };
	struct bdf told = BDF_NONE;
	size_t n;

	buf[0] = '\0';
	members = groups_members(groups, f->iommu_group, &n);
	for (size_t i = 0; n > 1 && i < n; i++)
		tell_card(f, &groups->snap->functions[members[i].at], buf, size);
	for (size_t i = 0; n > 1 && i < n && culprits.n < CULPRITS_MAX; i++) {
		const struct function *member = &groups->snap->functions[members[i].at];

		/* Neighbours, a card's many VFs say, have the same path. */
		if (!bdf_equal(member->upstream, told))
			tell_path(groups->snap, member, &culprits, buf, size);
		told = member->upstream;
	}
	if (n > 1 && !buf[0])
		text_append(buf, size, "the platform says that they cannot be parted");
	return buf;
}

const char *groups_explain_one(const struct snapshot *snap, const struct function *f, char *buf,
			       size_t size)
{
	struct groups groups;

	buf[0] = '\0';
	if (groups_init(&groups, snap) == 0)
		groups_explain(&groups, f, buf, size);
	groups_finish(&groups);
	return buf;
}
