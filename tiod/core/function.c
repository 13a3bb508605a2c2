/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/function.h"

#include <string.h>

struct bdf function_family(const struct function *f)
{
	return f->dsm.valid ? f->dsm : f->bdf;
}

struct identity function_identity(const struct function *f)
{
	struct identity identity = { .vendor = f->vendor, .device = f->device };

	memcpy(identity.serial, f->serial, sizeof(identity.serial));
	return identity;
}

bool identity_may_be(const struct identity *identity, const struct function *f)
{
	if (!identity->vendor || !f->vendor)
		return true;
	return identity->vendor == f->vendor && identity->device == f->device &&
	       (!identity->serial[0] || !f->serial[0] ||
		strcmp(identity->serial, f->serial) == 0);
}

bool function_is_tdisp(const struct function *f)
{
	if (f->kind == FUNCTION_ROOT_PORT || f->kind == FUNCTION_BRIDGE)
		return false;
	return f->tee_io || f->ide.offset != 0;
}

bool function_is_silent(const struct function *dsm)
{
	return dsm->stream.present && dsm->stream.endpoint.silent;
}

bool function_link_is_secure(const struct function *dsm)
{
	const struct ide_stream *s = &dsm->stream;

	return s->present && s->endpoint.known && s->root_port.known && s->endpoint.enabled &&
	       s->root_port.enabled && s->endpoint.secure && s->root_port.secure &&
	       s->endpoint.stream_id == s->root_port.stream_id;
}

const char *function_kind_to_string(enum function_kind kind)
{
	static const char *const names[FUNCTION_KIND_COUNT] = {
		[FUNCTION_ENDPOINT] = "endpoint",   [FUNCTION_VF] = "vf",
		[FUNCTION_ROOT_PORT] = "root-port", [FUNCTION_BRIDGE] = "bridge",
		[FUNCTION_OTHER] = "other",
	};

	return kind < FUNCTION_KIND_COUNT ? names[kind] : "other";
}

const char *eswitch_to_string(enum eswitch mode)
{
	static const char *const names[ESWITCH_COUNT] = {
		[ESWITCH_LEGACY] = "legacy",
		[ESWITCH_SWITCHDEV] = "switchdev",
		[ESWITCH_INACTIVE] = "switchdev_inactive",
		[ESWITCH_UNKNOWN] = "unknown",
	};

	return mode < ESWITCH_COUNT ? names[mode] : "unknown";
}

bool function_is_network(const struct function *f)
{
	return f->class >> 16 == 0x02;
}

struct bdf function_vf_address(const struct function *pf, unsigned index)
{
	unsigned rid = ((unsigned)pf->bdf.bus << 8 | (unsigned)pf->bdf.device << 3 |
			pf->bdf.function) +
		       pf->vf_offset + index * pf->vf_stride;

	if (!pf->vf_offset || rid > 0xffff)
		return BDF_NONE;
	return (struct bdf){ .domain = pf->bdf.domain,
			     .bus = (uint8_t)(rid >> 8),
			     .device = (rid >> 3) & 0x1f,
			     .function = rid & 7,
			     .valid = true };
}
