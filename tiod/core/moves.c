/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/moves.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "core/request.h"

static bool is_named_by_card(const struct assignment *one)
{
	return strncmp(one->named, "slot:", 5) == 0 || strncmp(one->named, "serial:", 7) == 0;
}

/* The card is at its old address still; another one in its place is not it. */
static bool is_in_place(const struct snapshot *snap, const struct assignment *one)
{
	const struct function *f = snapshot_find(snap, one->physfn.valid ? one->physfn
									 : one->function);

	return f && (one->physfn.valid || identity_may_be(&one->identity, f));
}

/* A VF's own identity says whose make it is, and no more. */
static bool may_be(const struct assignment *one, const struct function *f)
{
	if (!one->physfn.valid)
		return identity_may_be(&one->identity, f);
	return !one->identity.vendor || one->identity.vendor == f->vendor;
}

bool moves_find(const struct snapshot *snap, const struct assignment *one, struct bdf *ret)
{
	struct tio_error why = TIO_ERROR_NONE;
	const struct function *f;
	struct target to;

	if (!is_named_by_card(one) || is_in_place(snap, one) ||
	    request_resolve(snap, one->named, &to, &why) < 0)
		return false;
	f = snapshot_find(snap, to.physfn.valid ? to.physfn : to.function);
	if (!f || !may_be(one, f))
		return false;
	*ret = function_family(f);
	return !bdf_equal(*ret, one->family);
}

/* @bdf when it is not of the card @from. */
static struct bdf follow(struct bdf bdf, struct bdf from, struct bdf to)
{
	if (!bdf.valid || !bdf_same_device(bdf, from))
		return bdf;
	to.function = bdf.function;
	return to;
}

static int follow_one(const struct snapshot *snap, const struct assignments *all,
		      struct assignment *one, struct bdf from, struct bdf to,
		      struct tio_error *err)
{
	const struct assignment *lead = assignments_find(all, one->lead);
	const struct function *pf;
	bool leads = bdf_equal(one->lead, one->function);
	char name[BDF_STRLEN];

	one->family = to;
	one->physfn = follow(one->physfn, from, to);
	one->function = follow(one->function, from, to);
	if (one->physfn.valid) {
		pf = snapshot_find(snap, one->physfn);
		if (!pf)
			return error_kind_set(err, ERROR_NO_FUNCTION, -ENODEV,
					      "there is no function %s",
					      bdf_format(one->physfn, name));
		one->function = function_vf_address(pf, (unsigned)one->vf_index);
	}
	one->lead = leads ? one->function : follow(lead ? lead->function : one->lead, from, to);
	return 0;
}

int moves_apply(const struct snapshot *snap, struct assignments *all, struct bdf from,
		struct bdf to, struct tio_error *err)
{
	struct assignments moved = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < all->n; i++) {
		struct assignment one = all->list[i];

		if (bdf_equal(one.family, from))
			r = follow_one(snap, all, &one, from, to, err);
		if (r == 0 && assignments_find(&moved, one.function))
			r = error_kind_set(err, ERROR_CONFLICT, -EEXIST,
					   "its new address is reserved already");
		if (r == 0 && assignments_put(&moved, &one) < 0)
			r = error_set(err, -ENOMEM, "out of memory");
	}
	if (r < 0) {
		assignments_finish(&moved);
		return r;
	}
	assignments_finish(all);
	*all = moved;
	return 0;
}
