/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/text.h"
#include "core/json.h"
#include "core/tsm-blobs.h"

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value ? value : "";
}

static json_int_t integer(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static bool is_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static bool no_problem(const json_t *object)
{
	return json_is_null(json_object_get(object, "problem"));
}

static const json_t *item(const json_t *object, const char *key, size_t i)
{
	return json_array_get(json_object_get(object, key), i);
}

Test(tsm_blobs, what_says_nothing_is_told)
{
	static const struct {
		enum tsm_blob kind;
		const char *bytes;
		size_t size;
		const char *problem;
	} cases[] = {
		{ TSM_BLOB_DSM_STATUS, "", 0, "empty" },
		{ TSM_BLOB_DSM_STATUS, "\n", 1, "not connected" },
		{ TSM_BLOB_TDI_STATUS, "\n", 1, "not connected" },
		{ TSM_BLOB_DSM_STATUS, "x", 1, "no layout of 1 bytes is known to this tiod" },
		{ TSM_BLOB_REPORT, "0123456789", 10, "a report has a header of 16 bytes" },
		{ TSM_BLOB_MEASUREMENTS, "\1\1\4", 3,
		  "the measurement at byte 0 of 3 is cut off" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_json json_t *json = tsm_blob_decode(cases[i].kind, cases[i].bytes,
							 cases[i].size);

		cr_expect(eq(int, (int)integer(json, "bytes"), (int)cases[i].size));
		cr_expect(eq(str, (char *)text(json, "problem"), (char *)cases[i].problem));
	}
}

Test(tsm_blobs, a_dsm_status_has_28_bytes)
{
	static const unsigned char bytes[29] = { 1,    3, 5, 2, 1, 0, 0, 0, 0x0b,
						 0xe1, 1, 0, 9, 0, 0, 0, 7, 1 };
	auto_json json_t *json = tsm_blob_decode(TSM_BLOB_DSM_STATUS, bytes, 28);
	auto_json json_t *longer = tsm_blob_decode(TSM_BLOB_DSM_STATUS, bytes, 29);

	cr_expect(no_problem(json));
	cr_expect(is_true(json, "valid"));
	cr_expect(eq(int, (int)integer(json, "contextState"), 3));
	cr_expect(eq(int, (int)integer(json, "tcMask"), 5));
	cr_expect(eq(int, (int)integer(json, "certificateSlot"), 2));
	cr_expect(is_true(json, "noFirmwareUpdate"));
	cr_expect(eq(str, (char *)text(json, "device"), "e1:01.3"));
	cr_expect(eq(int, (int)integer(json, "segment"), 1));
	cr_expect(eq(int, (int)json_integer_value(item(json, "streamIds", 0)), 9));
	cr_expect(eq(int, (int)json_integer_value(item(json, "streamIds", 2)), 0x107));
	cr_expect(eq(str, (char *)text(longer, "problem"),
		     "no layout of 29 bytes is known to this tiod"));
	cr_expect(eq(ptr, json_object_get(longer, "valid"), NULL));
}

/* All three layouts, told apart by their length only. */
Test(tsm_blobs, a_tdi_status_is_read_by_its_length)
{
	static const struct {
		size_t size, digest, counter, interface;
		const char *status;
	} cases[] = {
		{ 190, 114, 162, 170, "unbound" },
		{ 182, 114, 162, 170, "unbound" },
		{ 76, 8, 56, 64, "unbound" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned char bytes[190] = { 2, 3 };
		const unsigned char interface[] = { 0x0b, 0xe1, 0x02, 0x01 };
		auto_json json_t *json = NULL;

		bytes[cases[i].digest + 47] = 0xab;
		bytes[cases[i].counter] = 0x11;
		memcpy(bytes + cases[i].interface, interface, sizeof(interface));
		json = tsm_blob_decode(TSM_BLOB_TDI_STATUS, bytes, cases[i].size);
		cr_expect(eq(str, (char *)text(json, "status"), (char *)cases[i].status));
		cr_expect(eq(str, (char *)text(json, "state"), "ERROR"));
		cr_expect(eq(str, (char *)text(json, "reportCounter"), "0x11"));
		cr_expect(eq(str, (char *)text(json, "interface"), "0002:e1:01.3"));
		cr_expect(eq(str, (char *)text(json, "reportDigest") + 94, "ab"));
		cr_expect(
			eq(int, json_object_get(json, "tdiId") != NULL, cases[i].size == 190));
		cr_expect(eq(int, json_object_get(json, "algorithms") != NULL,
			     cases[i].size > 76));
	}
}

Test(tsm_blobs, a_byte_of_two_meanings_is_not_guessed)
{
	unsigned char bytes[182] = { 1, 2 };
	auto_json json_t *json = tsm_blob_decode(TSM_BLOB_TDI_STATUS, bytes, sizeof(bytes));

	cr_expect(eq(str, (char *)text(json, "status"),
		     "unclear (1): \"invalid\", or \"valid\" of older kernels"));
}

Test(tsm_blobs, algorithms_nobody_named_are_bits)
{
	unsigned char bytes[190] = { 0 };
	auto_json json_t *json = NULL;

	bytes[10] = 0x02;
	bytes[11] = 0x04;
	json = tsm_blob_decode(TSM_BLOB_TDI_STATUS, bytes, sizeof(bytes));
	cr_expect(eq(str, (char *)json_string_value(item(json, "algorithms", 0)),
		     "DHE_SECP384R1"));
	cr_expect(eq(str, (char *)json_string_value(item(json, "algorithms", 1)), "bit 10"));
}

Test(tsm_blobs, a_report_says_what_is_missing_of_it)
{
	unsigned char bytes[16 + 16 + 8] = { 0x1f };
	auto_json json_t *json = NULL, *cut = NULL;

	bytes[12] = 1;
	bytes[16] = 0x34;
	bytes[24] = 2;
	bytes[28] = 0xf;
	bytes[30] = 4;
	bytes[32] = 4;
	json = tsm_blob_decode(TSM_BLOB_REPORT, bytes, sizeof(bytes));
	cr_expect(no_problem(json));
	cr_expect(eq(int, (int)json_array_size(json_object_get(json, "interface")), 5));
	cr_expect(eq(int, (int)integer(json, "deviceBytes"), 4));
	cr_expect(
		eq(str, (char *)text(item(json, "ranges", 0), "start"), "0x0000000000034000"));
	cr_expect(eq(str, (char *)text(item(json, "ranges", 0), "size"), "0x2000"));
	cr_expect(eq(int, (int)integer(item(json, "ranges", 0), "bar"), 4));
	cr_expect(is_true(item(json, "ranges", 0), "updatable"));

	bytes[12] = 3;
	cut = tsm_blob_decode(TSM_BLOB_REPORT, bytes, sizeof(bytes));
	cr_expect(eq(str, (char *)text(cut, "problem"),
		     "the report has room for 1 of its 3 ranges"));
}

Test(tsm_blobs, measurements_are_blocks_or_a_transcript)
{
	static const unsigned char blocks[] = { 1,    1,    5, 0, 0x86, 2, 0,
						0xca, 0xfe, 2, 2, 1,    0, 0x77 };
	unsigned char transcript[4 + 8 + sizeof(blocks) + 34] = { 0x12, 0xe0,          0, 0xff,
								  0x12, 0x60,          0, 0,
								  2,    sizeof(blocks) };
	auto_json json_t *plain = tsm_blob_decode(TSM_BLOB_MEASUREMENTS, blocks,
						  sizeof(blocks));
	auto_json json_t *whole = NULL, *cut = NULL;

	memcpy(transcript + 12, blocks, sizeof(blocks));
	whole = tsm_blob_decode(TSM_BLOB_MEASUREMENTS, transcript, sizeof(transcript));
	cut = tsm_blob_decode(TSM_BLOB_MEASUREMENTS, transcript, sizeof(transcript) - 1);
	cr_expect(not(is_true(plain, "transcript")));
	cr_expect(is_true(whole, "transcript"));
	cr_expect(
		json_equal(json_object_get(plain, "blocks"), json_object_get(whole, "blocks")));
	cr_expect(no_problem(whole));
	cr_expect(eq(str, (char *)text(item(whole, "blocks", 0), "type"), "firmware version"));
	cr_expect(eq(str, (char *)text(item(whole, "blocks", 0), "value"), "cafe"));
	cr_expect(eq(str, (char *)text(item(whole, "blocks", 1), "value"), "77"));
	cr_expect(eq(str, (char *)text(cut, "problem"),
		     "the SPDM message at byte 4 (code 0x60) is cut off"));
}

Test(tsm_blobs, a_full_page_may_not_be_all)
{
	static char bytes[TSM_BLOB_MAX];
	auto_json json_t *json = tsm_blob_decode(TSM_BLOB_CERTIFICATES, bytes, sizeof(bytes));

	cr_expect(eq(str, (char *)text(json, "problem"),
		     "the kernel gives one page: the rest may be missing"));
}
