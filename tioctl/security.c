/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tioctl/security.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/field.h"
#include "tioctl/rows.h"

static const struct {
	const char *part, *key, *label;
	enum shape shape;
} rows[] = {
	{ "dsmStatus", "valid", "DSM status valid", SHAPE_BOOL },
	{ "dsmStatus", "contextState", "DSM context state", SHAPE_NUMBER },
	{ "dsmStatus", "tcMask", "traffic classes", SHAPE_HEX },
	{ "dsmStatus", "certificateSlot", "certificate slot", SHAPE_NUMBER },
	{ "dsmStatus", "noFirmwareUpdate", "no firmware update", SHAPE_BOOL },
	{ "dsmStatus", "device", "device", SHAPE_TEXT },
	{ "dsmStatus", "segment", "segment", SHAPE_NUMBER },
	{ "dsmStatus", "problem", "DSM status", SHAPE_TEXT },
	{ "tdiStatus", "status", "TDI", SHAPE_TEXT },
	{ "tdiStatus", "state", "TDI state", SHAPE_TEXT },
	{ "tdiStatus", "measurementsFresh", "measurements fresh", SHAPE_BOOL },
	{ "tdiStatus", "measurementsValid", "measurements valid", SHAPE_BOOL },
	{ "tdiStatus", "allRequestRedirect", "all requests redirected", SHAPE_BOOL },
	{ "tdiStatus", "bindP2p", "peer-to-peer", SHAPE_BOOL },
	{ "tdiStatus", "lockMsix", "MSI-X locked", SHAPE_BOOL },
	{ "tdiStatus", "noFirmwareUpdate", "no firmware update", SHAPE_BOOL },
	{ "tdiStatus", "cacheLineSize", "cache line", SHAPE_NUMBER },
	{ "tdiStatus", "algorithms", "SPDM algorithms", SHAPE_NAMES },
	{ "tdiStatus", "certificatesDigest", "certificates digest", SHAPE_TEXT },
	{ "tdiStatus", "measurementsDigest", "measurements digest", SHAPE_TEXT },
	{ "tdiStatus", "reportDigest", "report digest", SHAPE_TEXT },
	{ "tdiStatus", "reportCounter", "report counter", SHAPE_TEXT },
	{ "tdiStatus", "interface", "interface", SHAPE_TEXT },
	{ "tdiStatus", "tdiId", "TDI number of firmware", SHAPE_TEXT },
	{ "tdiStatus", "problem", "TDI status", SHAPE_TEXT },
	{ "report", "bytes", "report, bytes", SHAPE_NUMBER },
	{ "report", "interface", "report: interface", SHAPE_NAMES },
	{ "report", "msixControl", "report: MSI-X control", SHAPE_HEX },
	{ "report", "lnrControl", "report: LNR control", SHAPE_HEX },
	{ "report", "tphControl", "report: TPH control", SHAPE_HEX },
	{ "report", "deviceBytes", "report: device's bytes", SHAPE_NUMBER },
	{ "report", "problem", "report", SHAPE_TEXT },
	{ "measurements", "bytes", "measurements, bytes", SHAPE_NUMBER },
	{ "measurements", "problem", "measurements", SHAPE_TEXT },
	{ "certificates", "bytes", "certificates, bytes", SHAPE_NUMBER },
	{ "certificates", "problem", "certificates", SHAPE_TEXT },
};

static void print_rows(const struct screen *screen, const json_t *security, const char *part)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].part, part) == 0)
			rows_field(screen, rows[i].label, json_object_get(security, part),
				   rows[i].key, rows[i].shape);
}

/* A line that is made up of several fields goes the way of all lines. */
static void print_text(const struct screen *screen, const char *label, const char *text)
{
	auto_json json_t *line = must(json_pack("{s:s}", "text", text));

	rows_field(screen, label, line, "text", SHAPE_TEXT);
}

/* One for each traffic class that the mask names. */
static void print_streams(const struct screen *screen, const json_t *dsm)
{
	const json_t *id, *ids = json_object_get(dsm, "streamIds");
	json_int_t mask = field_int(dsm, "tcMask", 0);
	auto_text struct text text = { 0 };
	size_t i;

	json_array_foreach(ids, i, id)
	{
		if (!(mask >> i & 1))
			continue;
		if (text_add(&text, "%sTC%zu: %lld", text.length ? ", " : "", i,
			     (long long)json_integer_value(id)) < 0)
			abort();
	}
	if (text.length)
		print_text(screen, "stream IDs", text.data);
}

static void print_ranges(const struct screen *screen, const json_t *report)
{
	static const struct {
		const char *key, *word;
	} flags[] = { { "msixTable", "MSI-X table" },
		      { "msixPba", "MSI-X pending bits" },
		      { "nonTee", "not TEE" },
		      { "updatable", "updatable" } };
	const json_t *range;
	size_t i;

	json_array_foreach(json_object_get(report, "ranges"), i, range)
	{
		auto_text struct text text = { 0 };
		int r = text_add(&text, "BAR %lld, %s, %s bytes",
				 (long long)field_int(range, "bar", 0),
				 field_text(range, "start"), field_text(range, "size"));

		for (size_t k = 0; k < ARRAY_SIZE(flags) && r == 0; k++)
			if (field_is(range, flags[k].key))
				r = text_add(&text, ", %s", flags[k].word);
		if (r < 0)
			abort();
		print_text(screen, "report: range", text.data);
	}
}

static void print_blocks(const struct screen *screen, const json_t *measurements)
{
	const json_t *block;
	char label[40];
	size_t i;

	json_array_foreach(json_object_get(measurements, "blocks"), i, block)
	{
		auto_text struct text text = { 0 };

		snprintf(label, sizeof(label), "measurement %lld",
			 (long long)field_int(block, "index", 0));
		if (text_add(&text, "%s%s%s%s",
			     field_has(block, "type") ? field_text(block, "type")
						      : "of an unknown specification",
			     field_is(block, "raw") ? ", raw" : "", ": ",
			     field_text(block, "value")) < 0)
			abort();
		print_text(screen, label, text.data);
	}
}

static int ask(struct tioctl *t, const char *address, bool evidence, struct reply *reply)
{
	return tioctl_ask(t,
			  &(struct call){ "io.tiod.GetTsmStatus",
					  json_pack("{s:s s:b}", "function", address,
						    "evidence", evidence),
					  .object = "status" },
			  reply);
}

json_t *security_ask(struct tioctl *t, const json_t *function, bool evidence)
{
	const char *address = field_text(function, "address");
	struct reply reply = { 0 };
	json_t *security = NULL;
	int r;

	if (!field_is(function, "tsmStatus"))
		return NULL;
	r = ask(t, address, evidence, &reply);
	/* Evidence is for who may change something, the rest for who may look. */
	if (r == EXIT_NOT_PERMITTED && evidence) {
		reply_finish(&reply);
		r = ask(t, address, false, &reply);
	}
	if (r == EXIT_DONE)
		security = json_incref(json_object_get(reply.parameters, "status"));
	else
		failure_print(&t->err, "", reply.parameters, address);
	reply_finish(&reply);
	return security;
}

void security_print(const struct screen *screen, const json_t *security)
{
	if (!security)
		return;
	rows_group(screen, "Security manager");
	print_rows(screen, security, "dsmStatus");
	print_streams(screen, json_object_get(security, "dsmStatus"));
	rows_group(screen, "TDI");
	print_rows(screen, security, "tdiStatus");
	print_rows(screen, security, "report");
	print_ranges(screen, json_object_get(security, "report"));
	print_rows(screen, security, "measurements");
	print_blocks(screen, json_object_get(security, "measurements"));
	print_rows(screen, security, "certificates");
}
