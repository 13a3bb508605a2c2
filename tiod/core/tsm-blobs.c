/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/tsm-blobs.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bdf.h"
#include "base/text.h"
#include "core/json.h"

/* A piece of the blob.  Reading beyond its end gives zeros; who reads has checked. */
struct bytes {
	const uint8_t *data;
	size_t size;
};

static uint64_t number(struct bytes in, size_t at, unsigned int width)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < width && at + i < in.size; i++)
		value |= (uint64_t)in.data[at + i] << (8 * i);
	return value;
}

static struct bytes part(struct bytes in, size_t at, size_t size)
{
	if (at > in.size)
		at = in.size;
	if (size > in.size - at)
		size = in.size - at;
	return (struct bytes){ in.data ? in.data + at : NULL, size };
}

static json_t *hexadecimal(struct bytes in)
{
	char text[2 * TSM_BLOB_MAX + 1];

	text[0] = '\0';
	for (size_t i = 0; i < in.size && i < TSM_BLOB_MAX; i++) {
		static const char digits[] = "0123456789abcdef";

		text[2 * i] = digits[in.data[i] >> 4];
		text[2 * i + 1] = digits[in.data[i] & 0xf];
		text[2 * i + 2] = '\0';
	}
	return json_string(text);
}

static void __attribute__((format(printf, 2, 3))) complain(json_t *object, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	json_object_set_new(object, "problem", json_vsprintf(fmt, args));
	va_end(args);
}

static void put(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

/* --- Structures of fixed layouts --- */

enum form {
	FORM_FLAG, /* a byte */
	FORM_BYTE,
	FORM_SHORT,
	FORM_RID,     /* a short: bus, device, function */
	FORM_STREAMS, /* eight shorts, one a traffic class */
	FORM_STATUS,
	FORM_STATUS_OR_VALID,
	FORM_STATE,
	FORM_ALGORITHMS,
	FORM_DIGEST,
	FORM_LONG,      /* 64 bits, hexadecimal */
	FORM_INTERFACE, /* a TDISP interface ID */
};

struct field {
	const char *key;
	unsigned int offset;
	enum form form;
};

#define DIGEST_SIZE 48
#define TCS         8

static json_t *word(const char *const *words, size_t n, uint64_t value)
{
	if (value < n)
		return json_string(words[value]);
	return json_sprintf("unknown (%u)", (unsigned int)value);
}

static json_t *algorithms(uint64_t mask)
{
	static const char *const names[] = {
		"DHE_SECP256R1",    "DHE_SECP384R1",   "AEAD_AES_128_GCM", "AEAD_AES_256_GCM",
		"ASYM_RSASSA_3072", "ASYM_ECDSA_P256", "ASYM_ECDSA_P384",  "HASH_SHA_256",
		"HASH_SHA_384",     "KEY_SCHED_SPDM",
	};
	json_t *list = json_array();

	for (unsigned int i = 0; i < 64; i++) {
		if (!(mask >> i & 1))
			continue;
		json_array_append_new(list, i < ARRAY_SIZE(names) ? json_string(names[i])
								  : json_sprintf("bit %u", i));
	}
	return list;
}

static json_t *rid(uint64_t value)
{
	return json_sprintf("%02x:%02x.%u", (unsigned int)(value >> 8 & 0xff),
			    (unsigned int)(value >> 3 & 0x1f), (unsigned int)(value & 7));
}

/* FUNCTION_ID of TDISP: requester 15:0, segment 23:16, bit 24 says that there is one. */
static json_t *interface(uint64_t id)
{
	return json_sprintf("%04x:%02x:%02x.%u",
			    id >> 24 & 1 ? (unsigned int)(id >> 16 & 0xff) : 0,
			    (unsigned int)(id >> 8 & 0xff), (unsigned int)(id >> 3 & 0x1f),
			    (unsigned int)(id & 7));
}

static json_t *streams(struct bytes in, size_t at)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < TCS; i++)
		json_array_append_new(list,
				      json_integer((json_int_t)number(in, at + 2 * i, 2)));
	return list;
}

/* Kernels with this layout gave the byte two meanings, one after the other. */
static json_t *status_or_valid(uint64_t value)
{
	if (value == 0)
		return json_string("unclear (0): \"bound\", or \"not valid\" of older kernels");
	if (value == 1)
		return json_string("unclear (1): \"invalid\", or \"valid\" of older kernels");
	return json_string(value == 2 ? "unbound" : "unknown");
}

static json_t *value_of(struct bytes in, const struct field *field)
{
	static const char *const statuses[] = { "bound", "invalid", "unbound" };
	static const char *const states[] = { "CONFIG_UNLOCKED", "CONFIG_LOCKED", "RUN",
					      "ERROR" };
	size_t at = field->offset;

	switch (field->form) {
	case FORM_FLAG:
		return json_boolean(number(in, at, 1));
	case FORM_BYTE:
		return json_integer((json_int_t)number(in, at, 1));
	case FORM_SHORT:
		return json_integer((json_int_t)number(in, at, 2));
	case FORM_RID:
		return rid(number(in, at, 2));
	case FORM_STREAMS:
		return streams(in, at);
	case FORM_STATUS:
		return word(statuses, ARRAY_SIZE(statuses), number(in, at, 1));
	case FORM_STATUS_OR_VALID:
		return status_or_valid(number(in, at, 1));
	case FORM_STATE:
		return word(states, ARRAY_SIZE(states), number(in, at, 1));
	case FORM_ALGORITHMS:
		return algorithms(number(in, at, 8));
	case FORM_DIGEST:
		return hexadecimal(part(in, at, DIGEST_SIZE));
	case FORM_LONG:
		return json_sprintf("0x%llx", (unsigned long long)number(in, at, 8));
	case FORM_INTERFACE:
		return interface(number(in, at, 4));
	}
	return json_null();
}

/* clang-format off */
#define TDI_FIELDS							\
	{ "state",		1,	FORM_STATE },			\
	{ "measurementsFresh",	2,	FORM_FLAG },			\
	{ "measurementsValid",	3,	FORM_FLAG },			\
	{ "allRequestRedirect",	4,	FORM_FLAG },			\
	{ "bindP2p",		5,	FORM_FLAG },			\
	{ "lockMsix",		6,	FORM_FLAG },			\
	{ "noFirmwareUpdate",	7,	FORM_FLAG },			\
	{ "cacheLineSize",	8,	FORM_SHORT },			\
	{ "algorithms",		10,	FORM_ALGORITHMS },		\
	{ "certificatesDigest",	18,	FORM_DIGEST },			\
	{ "measurementsDigest",	66,	FORM_DIGEST },			\
	{ "reportDigest",	114,	FORM_DIGEST },			\
	{ "reportCounter",	162,	FORM_LONG },			\
	{ "interface",		170,	FORM_INTERFACE }

static const struct layout {
	enum tsm_blob kind;
	size_t size;
	struct field fields[17];
} layouts[] = {
	{ TSM_BLOB_DSM_STATUS, 28, {
		{ "valid",		0,	FORM_FLAG },
		{ "contextState",	1,	FORM_BYTE },
		{ "tcMask",		2,	FORM_BYTE },
		{ "certificateSlot",	3,	FORM_BYTE },
		{ "noFirmwareUpdate",	4,	FORM_FLAG },
		{ "device",		8,	FORM_RID },
		{ "segment",		10,	FORM_SHORT },
		{ "streamIds",		12,	FORM_STREAMS },
	} },
	{ TSM_BLOB_TDI_STATUS, 190, {
		{ "status",		0,	FORM_STATUS },
		TDI_FIELDS,
		{ "tdiId",		182,	FORM_LONG },
	} },
	{ TSM_BLOB_TDI_STATUS, 182, {
		{ "status",		0,	FORM_STATUS_OR_VALID },
		TDI_FIELDS,
	} },
	/* What a guest sees: nothing of certificates and measurements. */
	{ TSM_BLOB_TDI_STATUS, 76, {
		{ "status",		0,	FORM_STATUS },
		{ "state",		1,	FORM_STATE },
		{ "allRequestRedirect",	2,	FORM_FLAG },
		{ "bindP2p",		3,	FORM_FLAG },
		{ "lockMsix",		4,	FORM_FLAG },
		{ "noFirmwareUpdate",	5,	FORM_FLAG },
		{ "cacheLineSize",	6,	FORM_SHORT },
		{ "reportDigest",	8,	FORM_DIGEST },
		{ "reportCounter",	56,	FORM_LONG },
		{ "interface",		64,	FORM_INTERFACE },
	} },
};
/* clang-format on */

static void decode_layout(json_t *object, enum tsm_blob kind, struct bytes in)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		if (layouts[i].kind != kind || layouts[i].size != in.size)
			continue;
		for (const struct field *f = layouts[i].fields; f->key; f++)
			put(object, f->key, value_of(in, f));
		return;
	}
	complain(object, "no layout of %zu bytes is known to this tiod", in.size);
}

/* --- TDI report (PCIe 6.1, 11.3.11) --- */

#define REPORT_HEADER 16
#define REPORT_RANGE  16
#define PAGE_BITS     12

static json_t *report_range(struct bytes in)
{
	uint64_t attributes = number(in, 12, 4);

	return json_pack(
		"{so so si sb sb sb sb}", "start",
		json_sprintf("0x%016llx", (unsigned long long)number(in, 0, 8) << PAGE_BITS),
		"size",
		json_sprintf("0x%llx", (unsigned long long)number(in, 8, 4) << PAGE_BITS),
		"bar", (int)(attributes >> 16), "msixTable", (int)(attributes & 1), "msixPba",
		(int)(attributes >> 1 & 1), "nonTee", (int)(attributes >> 2 & 1), "updatable",
		(int)(attributes >> 3 & 1));
}

static json_t *interface_info(uint64_t info)
{
	static const char *const names[] = { "no-firmware-update", "dma-without-pasid",
					     "dma-with-pasid", "ats", "prs" };
	json_t *list = json_array();

	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
		if (info >> i & 1)
			json_array_append_new(list, json_string(names[i]));
	return list;
}

static void decode_report(json_t *object, struct bytes in)
{
	uint64_t n = number(in, 12, 4);
	size_t at = REPORT_HEADER;
	json_t *ranges;

	if (in.size < REPORT_HEADER) {
		complain(object, "a report has a header of %d bytes", REPORT_HEADER);
		return;
	}
	ranges = json_array();
	for (uint64_t i = 0; i < n && in.size - at >= REPORT_RANGE; i++, at += REPORT_RANGE)
		json_array_append_new(ranges, report_range(part(in, at, REPORT_RANGE)));
	put(object, "interface", interface_info(number(in, 0, 2)));
	put(object, "msixControl", json_integer((json_int_t)number(in, 4, 2)));
	put(object, "lnrControl", json_integer((json_int_t)number(in, 6, 2)));
	put(object, "tphControl", json_integer((json_int_t)number(in, 8, 4)));
	if (json_array_size(ranges) < n)
		complain(object, "the report has room for %zu of its %llu ranges",
			 json_array_size(ranges), (unsigned long long)n);
	else if (in.size - at >= 4)
		put(object, "deviceBytes", json_integer((json_int_t)number(in, at, 4)));
	put(object, "ranges", ranges);
}

/* --- Measurements (SPDM, DSP0274) --- */

#define SPDM_GET_VERSION          0x84
#define SPDM_VERSION              0x04
#define SPDM_GET_CAPABILITIES     0xe1
#define SPDM_CAPABILITIES         0x61
#define SPDM_NEGOTIATE_ALGORITHMS 0xe3
#define SPDM_ALGORITHMS           0x63
#define SPDM_GET_MEASUREMENTS     0xe0
#define SPDM_MEASUREMENTS         0x60

#define SPDM_HEADER              4
#define SPDM_CAPABILITIES_SIZE   20
#define SPDM_MEASUREMENTS_HEADER 8
#define SPDM_NONCE               32
#define SPDM_SIGNATURE_REQUESTED 1
#define DMTF_SPECIFICATION       1
#define DMTF_HEADER              3
#define MEASUREMENT_BLOCK_HEADER 4
#define MEASUREMENT_RAW          0x80

static json_t *measurement(struct bytes in)
{
	static const char *const types[] = {
		"immutable ROM",          "mutable firmware",          "hardware configuration",
		"firmware configuration", "measurement manifest",      "debug and device mode",
		"firmware version",       "firmware security version",
	};
	unsigned int type = (unsigned int)number(in, MEASUREMENT_BLOCK_HEADER, 1);
	size_t header = MEASUREMENT_BLOCK_HEADER;
	json_t *object = json_pack("{si si}", "index", (int)number(in, 0, 1), "specification",
				   (int)number(in, 1, 1));

	if ((number(in, 1, 1) & DMTF_SPECIFICATION) && in.size >= header + DMTF_HEADER) {
		put(object, "type",
		    word(types, ARRAY_SIZE(types), type & (MEASUREMENT_RAW - 1)));
		put(object, "raw", json_boolean(type & MEASUREMENT_RAW));
		header += DMTF_HEADER;
	}
	put(object, "value", hexadecimal(part(in, header, in.size)));
	return object;
}

/* False, and told, when a block says that it is longer than what is left. */
static bool take_blocks(json_t *object, json_t *list, struct bytes in)
{
	size_t at = 0, size;

	while (at < in.size) {
		size = MEASUREMENT_BLOCK_HEADER + (size_t)number(in, at + 2, 2);
		if (in.size - at < size) {
			complain(object, "the measurement at byte %zu of %zu is cut off", at,
				 in.size);
			return false;
		}
		json_array_append_new(list, measurement(part(in, at, size)));
		at += size;
	}
	return true;
}

/* Without a signature the request ends at once; some end it with a slot all the same. */
static size_t request_size(struct bytes in)
{
	if (number(in, 2, 1) & SPDM_SIGNATURE_REQUESTED)
		return SPDM_HEADER + SPDM_NONCE + 1;
	return number(in, SPDM_HEADER + 1, 1) == SPDM_MEASUREMENTS ? SPDM_HEADER
								   : SPDM_HEADER + 1;
}

/* How long the message at the start of @in is; 0: one that does not belong here. */
static size_t message_size(struct bytes in)
{
	size_t size, record;

	switch (number(in, 1, 1)) {
	case SPDM_GET_VERSION:
		return SPDM_HEADER;
	case SPDM_VERSION:
		return SPDM_HEADER + 2 + 2 * (size_t)number(in, 5, 1);
	case SPDM_GET_CAPABILITIES:
	case SPDM_CAPABILITIES:
		return SPDM_CAPABILITIES_SIZE;
	case SPDM_NEGOTIATE_ALGORITHMS:
	case SPDM_ALGORITHMS:
		size = (size_t)number(in, 4, 2);
		return size > SPDM_HEADER ? size : 0;
	case SPDM_GET_MEASUREMENTS:
		return request_size(in);
	case SPDM_MEASUREMENTS:
		record = SPDM_MEASUREMENTS_HEADER + (size_t)number(in, 5, 3) + SPDM_NONCE;
		return record + 2 + (size_t)number(in, record, 2);
	default:
		return 0;
	}
}

/* A signed response ends in a signature of a length that only the negotiation tells. */
static void take_transcript(json_t *object, json_t *list, struct bytes in)
{
	bool is_signed = false;
	size_t at = 0, size;

	while (at < in.size) {
		struct bytes rest = part(in, at, in.size);
		unsigned int code = (unsigned int)number(rest, 1, 1);

		size = message_size(rest);
		if (size == 0 || size > rest.size) {
			complain(object, "the SPDM message at byte %zu (code 0x%02x) %s", at,
				 code, size ? "is cut off" : "does not belong to measurements");
			return;
		}
		if (code == SPDM_GET_MEASUREMENTS)
			is_signed = number(rest, 2, 1) & SPDM_SIGNATURE_REQUESTED;
		if (code == SPDM_MEASUREMENTS &&
		    !take_blocks(
			    object, list,
			    part(rest, SPDM_MEASUREMENTS_HEADER, (size_t)number(rest, 5, 3))))
			return;
		at += size;
		if (code == SPDM_MEASUREMENTS && is_signed) {
			put(object, "signatureBytes", json_integer((json_int_t)(in.size - at)));
			return;
		}
	}
}

static bool is_transcript(struct bytes in)
{
	uint64_t code = number(in, 1, 1);

	/* As blocks these would be of specifications that nobody has defined. */
	return in.size >= SPDM_HEADER && number(in, 0, 1) >> 4 == 1 &&
	       (code == SPDM_GET_VERSION || code == SPDM_GET_MEASUREMENTS);
}

static void decode_measurements(json_t *object, struct bytes in)
{
	json_t *list = json_array();

	put(object, "transcript", json_boolean(is_transcript(in)));
	if (is_transcript(in))
		take_transcript(object, list, in);
	else
		(void)take_blocks(object, list, in);
	put(object, "blocks", list);
}

/* --- All of them --- */

json_t *tsm_blob_decode(enum tsm_blob kind, const void *data, size_t size)
{
	struct bytes in = { data, size };
	json_t *object = json_pack("{sI sn}", "bytes", (json_int_t)size, "problem");

	if (!object)
		return NULL;
	if (size == 0) {
		complain(object, "empty");
	} else if (size == 1 && in.data[0] == '\n') {
		complain(object, "not connected");
	} else if (kind == TSM_BLOB_DSM_STATUS || kind == TSM_BLOB_TDI_STATUS) {
		decode_layout(object, kind, in);
	} else if (kind == TSM_BLOB_REPORT) {
		decode_report(object, in);
	} else if (kind == TSM_BLOB_MEASUREMENTS) {
		decode_measurements(object, in);
	}
	if (size >= TSM_BLOB_MAX && json_is_null(json_object_get(object, "problem")))
		complain(object, "the kernel gives one page: the rest may be missing");
	return object;
}
