/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/plugins.h"

#include "base/text.h"

static uint64_t as_number(struct bdf bdf)
{
	return (uint64_t)bdf.domain << 16 | (uint64_t)bdf.bus << 8 | (uint64_t)bdf.device << 3 |
	       bdf.function;
}

struct bdf plugins_address(uint64_t address)
{
	return (struct bdf){ .domain = (uint32_t)(address >> 16),
			     .bus = (address >> 8) & 0xff,
			     .device = (address >> 3) & 0x1f,
			     .function = address & 7,
			     .valid = true };
}

struct tio_function plugins_view(const struct function *f)
{
	struct tio_function view = { .size = sizeof(view),
				     .class = f->class,
				     .address = as_number(f->bdf),
				     .same_card = as_number(function_family(f)),
				     .largest_bar = f->largest_bar,
				     .vendor = f->vendor,
				     .device = f->device,
				     .subvendor = f->subvendor,
				     .subdevice = f->subdevice,
				     .vfs = f->vfs,
				     .vfs_total = f->vfs_total,
				     .is_vf = f->kind == FUNCTION_VF,
				     .tee_io = f->tee_io };

	if (view.is_vf)
		view.physfn = as_number(f->physfn);
	text_copy(view.driver, sizeof(view.driver), f->driver);
	return view;
}

/* 0: no match; 1: it matches anything; the more a row names, the higher. */
static int narrowness(const struct plugin_match *row, const struct function *f)
{
	if ((row->vendor && row->vendor != f->vendor) ||
	    (row->device && row->device != f->device) ||
	    ((f->class & row->class_mask) != (row->class & row->class_mask)))
		return 0;
	return 1 + (row->class_mask ? 1 : 0) + (row->vendor ? 2 : 0) + (row->device ? 4 : 0);
}

struct plugin_claim plugins_claim(const struct plugins *plugins, const struct function *f)
{
	struct plugin_claim claim = { 0 };
	int best = 0;

	for (size_t p = 0; plugins && p < plugins->n; p++) {
		const struct plugin *plugin = &plugins->list[p];

		for (size_t i = 0; i < plugin->n_match; i++) {
			int n = narrowness(&plugin->match[i], f);

			if (n <= best)
				continue;
			best = n;
			claim.plugin = plugin;
			claim.index = p;
			claim.traits = plugin->match[i].traits
					       ? &plugin->traits[plugin->match[i].traits - 1]
					       : NULL;
		}
	}
	claim.specific = best > 1;
	return claim;
}

int plugins_is_companion(const struct plugins *plugins, const struct function *lead,
			 const struct function *sibling, struct tio_error *err)
{
	struct plugin_claim claim = plugins_claim(plugins, lead);
	struct tio_function a = plugins_view(lead), b = plugins_view(sibling);

	if (!claim.plugin || !claim.plugin->has_companions)
		return 0;
	return plugins->ops->is_companion(plugins->arg, claim.index, &a, &b, err);
}

const char *plugins_host_module(const struct plugins *plugins, const struct function *pf)
{
	struct plugin_claim claim = plugins_claim(plugins, pf);

	return claim.traits ? claim.traits->host_module : "";
}

static unsigned bounded(uint64_t ms, unsigned max)
{
	return ms < max ? (unsigned)ms : max;
}

unsigned plugins_deadline(const struct plugins *plugins, const struct function *f,
			  enum plugin_wait wait, unsigned vfs, unsigned ms)
{
	const struct plugin_traits *traits = f ? plugins_claim(plugins, f).traits : NULL;
	uint64_t wanted = 0;

	if (!traits)
		return ms;
	switch (wait) {
	case WAIT_LOAD:
		wanted = traits->bind_ms;
		break;
	case WAIT_REBIND:
		wanted = (uint64_t)traits->bind_ms + traits->unbind_ms;
		break;
	case WAIT_VFS:
		wanted = (uint64_t)traits->vfs_ms +
			 (uint64_t)bounded(traits->per_vf_ms, PLUGIN_PER_VF_MAX_MS) * vfs;
		break;
	case WAIT_NONE:
	case PLUGIN_WAIT_COUNT:
		break;
	}
	return wanted > ms ? bounded(wanted, ms > PLUGIN_WAIT_MAX_MS ? ms : PLUGIN_WAIT_MAX_MS)
			   : ms;
}
