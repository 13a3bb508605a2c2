/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plugins.h"

static uint64_t as_number(struct bdf bdf)
{
	return (uint64_t)bdf.domain << 16 | (uint64_t)bdf.bus << 8 | (uint64_t)bdf.device << 3 |
	       bdf.function;
}

struct tio_function plugins_view(const struct function *f)
{
	return (struct tio_function){ .address = as_number(f->bdf),
				      .vendor = f->vendor,
				      .device = f->device,
				      .subvendor = f->subvendor,
				      .subdevice = f->subdevice,
				      .class = f->class,
				      .same_card = as_number(function_family(f)),
				      .is_vf = f->kind == FUNCTION_VF,
				      .driver = f->driver };
}

/* 0: no match; the more a row names, the higher. */
static int narrowness(const struct tio_match *row, const struct function *f)
{
	if ((row->vendor && row->vendor != f->vendor) ||
	    (row->device && row->device != f->device) ||
	    ((f->class & row->class_mask) != (row->class & row->class_mask)))
		return 0;
	return 1 + (row->class_mask ? 1 : 0) + (row->vendor ? 2 : 0) + (row->device ? 4 : 0);
}

const struct tio_plugin *plugins_find(const struct plugins *plugins, const struct function *f)
{
	const struct tio_plugin *best = NULL;
	int best_narrowness = 0;

	for (size_t p = 0; plugins && p < plugins->n; p++) {
		const struct tio_plugin *plugin = plugins->list[p];

		for (size_t i = 0; i < plugin->n_match; i++) {
			int n = narrowness(&plugin->match[i], f);

			if (n > best_narrowness) {
				best_narrowness = n;
				best = plugin;
			}
		}
	}
	return best;
}

bool plugins_is_companion(const struct plugins *plugins, const struct function *lead,
			  const struct function *sibling)
{
	const struct tio_plugin *plugin = plugins_find(plugins, lead);
	struct tio_function a = plugins_view(lead), b = plugins_view(sibling);

	return plugin && plugin->is_companion && plugin->is_companion(&a, &b);
}
