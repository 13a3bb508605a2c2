/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "targets.h"

#include <errno.h>

struct bdf target_family(const struct daemon *daemon, const struct target *target)
{
	const struct function *f = snapshot_find(&daemon->cache.snap, target->function);

	if (!f)
		f = snapshot_find(&daemon->cache.snap, target->physfn);
	return f ? function_family(f) : target->function;
}

static int add_family(struct request *request, struct bdf family, struct tio_error *err)
{
	for (size_t i = 0; i < request->n_families; i++)
		if (bdf_equal(request->families[i], family))
			return 0;
	if (request->n_families == REQUEST_FAMILIES_MAX)
		return error_kind_set(err, ERROR_INVALID, -E2BIG,
				      "this would touch more than %d cards at once",
				      REQUEST_FAMILIES_MAX);
	request->families[request->n_families++] = family;
	return 0;
}

/* Each card that a request touches is locked while it runs. */
int targets_list_families(const struct daemon *daemon, struct request *request,
			  struct tio_error *err)
{
	int r = add_family(request, request->family, err);

	for (size_t i = 0; r == 0 && i < request->n_targets; i++)
		r = add_family(request, target_family(daemon, &request->targets[i]), err);
	return r;
}
