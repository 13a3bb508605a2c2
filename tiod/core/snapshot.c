/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"

void snapshot_finish(struct snapshot *snap)
{
	free(snap->functions);
	free(snap->holders);
	free(snap->advice);
	free(snap->vf_admin);
	*snap = (struct snapshot){ 0 };
}

/* The index of @bdf, or of the first function behind where it would stand. */
static size_t place_of(const struct snapshot *snap, struct bdf bdf)
{
	return bdf_place(snap->functions ? &snap->functions->bdf : NULL, snap->n_functions,
			 sizeof(*snap->functions), bdf);
}

struct function *snapshot_find(const struct snapshot *snap, struct bdf bdf)
{
	size_t i = place_of(snap, bdf);

	if (i < snap->n_functions && bdf_equal(snap->functions[i].bdf, bdf))
		return &snap->functions[i];
	return NULL;
}

const struct function *snapshot_find_vf(const struct snapshot *snap, struct bdf pf,
					unsigned index)
{
	for (size_t i = 0; i < snap->n_functions; i++) {
		const struct function *f = &snap->functions[i];

		if (f->kind == FUNCTION_VF && f->vf_index == index && bdf_equal(f->physfn, pf))
			return f;
	}
	return NULL;
}

const struct tsm *snapshot_find_tsm(const struct snapshot *snap, const char *name)
{
	for (size_t i = 0; i < snap->n_tsms; i++)
		if (strcmp(snap->tsms[i].name, name) == 0)
			return &snap->tsms[i];
	return NULL;
}

static int grow(struct snapshot *snap)
{
	size_t space = snap->space ? snap->space * 2 : 64;
	struct function *functions;

	if (snap->n_functions < snap->space)
		return 0;
	functions = reallocarray(snap->functions, space, sizeof(*functions));
	if (!functions)
		return -ENOMEM;
	snap->functions = functions;
	snap->space = space;
	return 0;
}

int snapshot_put(struct snapshot *snap, const struct function *f)
{
	size_t i = place_of(snap, f->bdf);
	int r;

	if (i < snap->n_functions && bdf_equal(snap->functions[i].bdf, f->bdf)) {
		snap->functions[i] = *f;
		return 0;
	}
	r = grow(snap);
	if (r < 0)
		return r;
	memmove(&snap->functions[i + 1], &snap->functions[i],
		(snap->n_functions - i) * sizeof(*snap->functions));
	snap->functions[i] = *f;
	snap->n_functions++;
	return 0;
}

void snapshot_remove(struct snapshot *snap, struct bdf bdf)
{
	struct function *f = snapshot_find(snap, bdf);
	size_t behind;

	if (!f)
		return;
	behind = snap->n_functions - (size_t)(f - snap->functions) - 1;
	memmove(f, f + 1, behind * sizeof(*f));
	snap->n_functions--;
}

int snapshot_add_holder(struct snapshot *snap, const struct holder *holder)
{
	return array_add(&snap->holders, &snap->n_holders, holder, sizeof(*holder));
}

int snapshot_add_advice(struct snapshot *snap, const struct advice *advice)
{
	return array_add(&snap->advice, &snap->n_advice, advice, sizeof(*advice));
}

int snapshot_add_vf_admin(struct snapshot *snap, const struct vf_admin *admin)
{
	return array_add(&snap->vf_admin, &snap->n_vf_admin, admin, sizeof(*admin));
}

const struct vf_settings *snapshot_find_vf_admin(const struct snapshot *snap, struct bdf vf)
{
	for (size_t i = 0; i < snap->n_vf_admin; i++)
		if (bdf_equal(snap->vf_admin[i].function, vf))
			return &snap->vf_admin[i].now;
	return NULL;
}

/* A copy of @n elements of @size bytes; NULL for none as well as for no memory. */
static void *copy_array(const void *from, size_t n, size_t size)
{
	void *to = n ? reallocarray(NULL, n, size) : NULL;

	if (to)
		memcpy(to, from, n * size);
	return to;
}

int snapshot_copy(const struct snapshot *snap, struct snapshot *ret)
{
	struct snapshot copy = *snap;

	copy.functions = copy_array(snap->functions, snap->n_functions,
				    sizeof(*snap->functions));
	copy.holders = copy_array(snap->holders, snap->n_holders, sizeof(*snap->holders));
	copy.advice = copy_array(snap->advice, snap->n_advice, sizeof(*snap->advice));
	copy.vf_admin = copy_array(snap->vf_admin, snap->n_vf_admin, sizeof(*snap->vf_admin));
	copy.space = snap->n_functions;
	if ((snap->n_functions && !copy.functions) || (snap->n_holders && !copy.holders) ||
	    (snap->n_advice && !copy.advice) || (snap->n_vf_admin && !copy.vf_admin)) {
		snapshot_finish(&copy);
		*ret = (struct snapshot){ 0 };
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

const struct hugepage_pool *snapshot_pool(const struct snapshot *snap, int node, uint64_t size)
{
	for (size_t i = 0; i < snap->n_pools; i++)
		if (snap->pools[i].node == node && snap->pools[i].size == size)
			return &snap->pools[i];
	return NULL;
}
