/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/json.h"
#include "core/report.h"

/* --- What is known of every function --- */

static json_t *capability(const struct ide_capability *ide)
{
	if (!ide->offset)
		return json_null();
	return json_pack("{si si sb sb so}", "offset", ide->offset, "selectiveStreams",
			 ide->selective_streams, "ideKm", ide->ide_km, "teeLimited",
			 ide->tee_limited, "raw", json_sprintf("0x%08x", ide->capability));
}

static json_t *end(const struct ide_end *end, struct bdf bdf)
{
	if (!end->known)
		return json_null();
	return json_pack("{so si si sb ss sb so so}", "address", json_bdf(bdf), "block",
			 end->block, "streamId", end->stream_id, "enabled", end->enabled,
			 "state", end->secure ? "secure" : "insecure", "failReceived",
			 end->failed, "control", json_sprintf("0x%08x", end->control), "status",
			 json_sprintf("0x%08x", end->status));
}

static const char *verdict(const struct function *dsm)
{
	const struct ide_stream *s = &dsm->stream;

	if (!dsm->ide.offset)
		return "the card has no IDE capability";
	if (!dsm->root_port_ide.offset)
		return "the root port has no IDE capability";
	if (!s->present)
		return "no stream is set up: the link is not encrypted";
	if (function_is_silent(dsm))
		return "the card does not answer: its registers read as all ones";
	if (!s->endpoint.known || !s->root_port.known)
		return "the stream's registers could not be read";
	if (!s->endpoint.enabled || !s->root_port.enabled)
		return "a stream is set up but not enabled at both ends";
	if (s->endpoint.stream_id != s->root_port.stream_id)
		return "the ends disagree about the Stream ID";
	if (!s->endpoint.secure || !s->root_port.secure)
		return "the stream is not in the secure state at both ends";
	if (s->endpoint.failed || s->root_port.failed)
		return "secure at both ends now, but an IDE_FAIL message was received";
	return "secure at both ends";
}

/* --- All registers --- */

static json_t *field(const struct ide_field *field, uint32_t raw)
{
	uint32_t value = ide_value(field, raw);
	char buf[24];

	if (field->form == IDE_FLAG)
		return json_boolean(value);
	if (field->form == IDE_HEADER || field->form == IDE_ALGORITHM ||
	    field->form == IDE_STATE)
		return json_string(ide_word(field->form, value, buf));
	return json_integer(value);
}

static void add_fields(json_t *object, enum ide_register which, uint32_t raw)
{
	for (const struct ide_field *f = ide_fields(which); f->key; f++)
		json_object_set_new(object, f->key, field(f, raw));
}

static json_t *one_register(enum ide_register which, uint32_t raw)
{
	json_t *object = json_pack("{so}", "raw", json_sprintf("0x%08x", raw));

	add_fields(object, which, raw);
	return object;
}

static json_t *link_block(unsigned int index, const struct ide_link_block *block)
{
	return json_pack("{si si so so}", "index", (int)index, "offset", block->offset,
			 "control", one_register(IDE_LINK_CONTROL, block->control), "status",
			 one_register(IDE_STATUS, block->status));
}

static json_t *address(const struct ide_address_block *block)
{
	return json_pack(
		"{sb so so}", "valid", ide_address_valid(block), "base",
		json_sprintf("0x%016llx", (unsigned long long)ide_address_base(block)), "limit",
		json_sprintf("0x%016llx", (unsigned long long)ide_address_limit(block)));
}

static json_t *selective_block(unsigned int index, const struct ide_selective_block *block)
{
	json_t *rid = json_object(), *addresses = json_array();

	add_fields(rid, IDE_RID_2, block->rid_2);
	add_fields(rid, IDE_RID_1, block->rid_1);
	for (unsigned int i = 0; i < block->n_addresses; i++)
		json_array_append_new(addresses, address(&block->addresses[i]));
	return json_pack(
		"{si si so so so so so}", "index", (int)index, "offset", block->offset,
		"capability", one_register(IDE_SELECTIVE_CAPABILITY, block->capability),
		"control", one_register(IDE_SELECTIVE_CONTROL, block->control), "status",
		one_register(IDE_STATUS, block->status), "rid", rid, "addresses", addresses);
}

json_t *report_ide_registers(struct bdf bdf, const struct ide_registers *registers)
{
	json_t *links = json_array(), *selective = json_array();

	if (!registers || (!registers->offset && !registers->problem[0])) {
		json_decref(links);
		json_decref(selective);
		return json_null();
	}
	for (unsigned int i = 0; i < registers->n_links; i++)
		json_array_append_new(links, link_block(i, &registers->links[i]));
	for (unsigned int i = 0; i < registers->n_selective; i++)
		json_array_append_new(selective, selective_block(i, &registers->selective[i]));
	return json_pack("{so si si so so so so so}", "address", json_bdf(bdf), "offset",
			 registers->offset, "version", registers->version, "capability",
			 one_register(IDE_CAPABILITY, registers->capability), "control",
			 one_register(IDE_CONTROL, registers->control), "links", links,
			 "selective", selective, "problem",
			 registers->problem[0] ? json_string(registers->problem) : json_null());
}

json_t *report_ide(const struct function *dsm, const struct ide_registers *endpoint,
		   const struct ide_registers *root_port)
{
	const struct ide_stream *s = &dsm->stream;

	return json_pack("{so so so so so so so so so sb ss}", "address", json_bdf(dsm->bdf),
			 "capability", capability(&dsm->ide), "rootPort",
			 json_bdf(dsm->root_port), "rootPortCapability",
			 capability(&dsm->root_port_ide), "stream",
			 s->present ? json_sprintf("stream%u.%u.%u", s->host_bridge_index,
						   s->root_port_block, s->endpoint_block)
				    : json_null(),
			 "endpoint", end(&s->endpoint, dsm->bdf), "rootPortEnd",
			 end(&s->root_port, dsm->root_port), "endpointRegisters",
			 report_ide_registers(dsm->bdf, endpoint), "rootPortRegisters",
			 report_ide_registers(dsm->root_port, root_port), "secure",
			 function_link_is_secure(dsm), "verdict", verdict(dsm));
}
