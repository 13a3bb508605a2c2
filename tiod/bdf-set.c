/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bdf-set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t place_of(const struct bdf_set *set, struct bdf bdf)
{
	return bdf_place(set->list, set->n, sizeof(*set->list), bdf);
}

bool bdf_set_has(const struct bdf_set *set, struct bdf bdf)
{
	size_t i = place_of(set, bdf);

	return i < set->n && bdf_equal(set->list[i], bdf);
}

int bdf_set_add(struct bdf_set *set, struct bdf bdf)
{
	size_t i = place_of(set, bdf);

	if (i < set->n && bdf_equal(set->list[i], bdf))
		return 0;
	if (set->n == set->space) {
		size_t space = set->space ? set->space * 2 : 16;
		struct bdf *list = reallocarray(set->list, space, sizeof(*list));

		if (!list)
			return -ENOMEM;
		set->list = list;
		set->space = space;
	}
	memmove(&set->list[i + 1], &set->list[i], (set->n - i) * sizeof(bdf));
	set->list[i] = bdf;
	set->n++;
	return 0;
}

int bdf_set_add_all(struct bdf_set *set, const struct bdf_set *other)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < other->n; i++)
		r = bdf_set_add(set, other->list[i]);
	return r;
}

void bdf_set_finish(struct bdf_set *set)
{
	free(set->list);
	*set = (struct bdf_set){ 0 };
}
