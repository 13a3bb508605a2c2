/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "host-tree.h"
#include "host/ide.h"

TestSuite(ide_stream, .init = tree_start, .fini = tree_end);

#define AT        0x160
#define SELECTIVE (1u << 1)
#define LINK      (1u << 0)
#define KM        (1u << 6)

static int read_array(void *arg, unsigned int offset, uint32_t *ret)
{
	struct config *config = arg;

	if (offset + 4 > sizeof(config->bytes))
		return -ENODATA;
	memcpy(ret, config->bytes + offset, 4); /* tests run on little-endian hosts */
	return 0;
}

static int read_nothing(void *arg, unsigned int offset, uint32_t *ret)
{
	return -ENODATA;
}

/* Selective blocks with their own numbers of address associations, one after the other. */
static void put_blocks(struct config *config, unsigned int pos,
		       const unsigned int *associations, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		config_put(config, pos, associations[i]);
		config_put(config, pos + 4, 1u | (0x10 + i) << 24);
		config_put(config, pos + 8, 2);
		pos += 20 + 12 * associations[i];
	}
}

Test(ide, a_capability_tells_its_streams)
{
	static const struct {
		uint32_t capability;
		unsigned int streams;
		bool km, tee_limited;
	} cases[] = {
		{ 0, 0, false, false },
		{ LINK | 0xff0000, 0, false, false },
		{ SELECTIVE, 1, false, false },
		{ SELECTIVE | KM | 3u << 16, 4, true, false },
		{ SELECTIVE | 1u << 24, 1, false, true },
		/* 256 streams do not fit into the byte that counts them. */
		{ SELECTIVE | 0xff0000, 255, false, false },
	};
	struct ide_capability ide;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config config = { 0 };

		config_put(&config, AT + 4, cases[i].capability);
		cr_assert(eq(int, ide_read_capability(read_array, &config, AT, &ide), 0));
		cr_expect(eq(int, ide.offset, AT));
		cr_expect(eq(uint, ide.selective_streams, cases[i].streams));
		cr_expect(eq(int, ide.ide_km, cases[i].km));
		cr_expect(eq(int, ide.tee_limited, cases[i].tee_limited));
	}
}

Test(ide, a_capability_lies_in_extended_config_space)
{
	struct config config = { 0 };
	struct ide_capability ide;

	cr_expect(eq(int, ide_read_capability(read_array, &config, 0x40, &ide), -EINVAL));
	cr_expect(eq(int, ide_read_capability(read_array, &config, 0xffc, &ide), -EINVAL));
}

Test(ide, each_block_has_a_size_of_its_own)
{
	static const unsigned int associations[] = { 3, 0, 1, 15, 2 };
	struct ide_capability ide;
	struct config config = { 0 };
	struct ide_end end;

	/* Two link blocks stand before them. */
	config_put(&config, AT + 4, LINK | SELECTIVE | 1u << 13 | 4u << 16);
	put_blocks(&config, AT + 0x0c + 16, associations, 5);
	cr_assert(eq(int, ide_read_capability(read_array, &config, AT, &ide), 0));
	for (unsigned int i = 0; i < 5; i++) {
		cr_assert(eq(int, ide_read_block(read_array, &config, &ide, i, &end), 0));
		cr_expect(eq(uint, end.block, i));
		cr_expect(eq(uint, end.stream_id, 0x10 + i), "block %u", i);
		cr_expect(end.known && end.enabled && end.secure && !end.failed);
	}
	cr_expect(eq(int, ide_read_block(read_array, &config, &ide, 5, &end), -ENOENT));
}

Test(ide, only_the_secure_state_is_secure)
{
	static const unsigned int none[] = { 0 };
	struct ide_capability ide;
	struct config config = { 0 };
	struct ide_end end;

	config_put(&config, AT + 4, SELECTIVE);
	put_blocks(&config, AT + 0x0c, none, 1);
	cr_assert(eq(int, ide_read_capability(read_array, &config, AT, &ide), 0));
	for (uint32_t state = 0; state < 16; state++) {
		config_put(&config, AT + 0x0c + 8, state | 1u << 31);
		cr_assert(eq(int, ide_read_block(read_array, &config, &ide, 0, &end), 0));
		cr_expect(eq(int, end.secure, state == 2), "state %u", state);
		cr_expect(end.failed);
	}
	config_put(&config, AT + 0x0c + 4, 0x05000000);
	cr_assert(eq(int, ide_read_block(read_array, &config, &ide, 0, &end), 0));
	cr_expect(not(end.enabled));
	cr_expect(eq(uint, end.stream_id, 5));
}

Test(ide, a_card_that_does_not_answer_is_neither_known_nor_secure)
{
	struct ide_capability ide = { .offset = AT, .selective_streams = 2 };
	struct config config;
	struct ide_end end = { .secure = true };

	memset(config.bytes, 0xff, sizeof(config.bytes));
	cr_assert(eq(int, ide_read_block(read_array, &config, &ide, 1, &end), 0));
	cr_expect(end.silent && !end.known && !end.secure && !end.enabled && !end.failed);
}

Test(ide, blocks_that_run_out_of_config_space_end_there)
{
	struct ide_capability ide = { .offset = AT,
				      .capability = SELECTIVE | 0xff0000,
				      .selective_streams = 255 };
	struct config config;
	struct ide_end end = { .block = 99 };

	/* All ones: every block seems to have 15 associations. */
	memset(config.bytes, 0xff, sizeof(config.bytes));
	config_put(&config, AT + 4, ide.capability);
	cr_expect(eq(int, ide_read_block(read_array, &config, &ide, 254, &end), -EBADMSG));
	cr_expect(eq(uint, end.block, 99));
	ide.offset = 0;
	cr_expect(eq(int, ide_read_block(read_array, &config, &ide, 0, &end), -ENOENT));
}

/* --- The capability whole --- */

static struct ide_registers registers;

static int decode(struct config *config)
{
	return ide_decode(read_array, config, &registers);
}

static void put_header(struct config *config, unsigned int at, unsigned int id,
		       unsigned int next)
{
	config_put(config, at, id | 1u << 16 | next << 20);
}

Test(ide_decode, every_block_is_read_with_its_associations)
{
	static const unsigned int associations[] = { 3, 0, 15 };
	struct config config = { 0 };
	unsigned int first = AT + 0x0c + 16;

	put_header(&config, 0x100, 0x0001, AT);
	put_header(&config, AT, 0x0030, 0);
	config_put(&config, AT + 4, LINK | SELECTIVE | 1u << 13 | 2u << 16);
	config_put(&config, AT + 8, 1u << 2);
	config_put(&config, AT + 0x0c + 8, 0x07000001);
	config_put(&config, AT + 0x0c + 12, 2);
	put_blocks(&config, first, associations, 3);
	config_put(&config, first + 0x0c, 0xffffu << 8);
	config_put(&config, first + 0x10, 0x01002001);
	config_put(&config, first + 0x14 + 12, 0x7ff12301);
	config_put(&config, first + 0x18 + 12, 0x7f);
	config_put(&config, first + 0x1c + 12, 0x60);

	cr_assert(eq(int, decode(&config), 0));
	cr_expect(eq(str, registers.problem, ""));
	cr_expect(eq(uint, registers.offset, AT));
	cr_expect(eq(uint, registers.version, 1));
	cr_expect(eq(uint, registers.control, 4));
	cr_assert(eq(uint, registers.n_links, 2));
	cr_expect(eq(uint, registers.links[1].control, 0x07000001));
	cr_expect(eq(uint, registers.links[1].status, 2));
	cr_assert(eq(uint, registers.n_selective, 3));
	for (unsigned int i = 0; i < 3; i++) {
		cr_expect(eq(uint, registers.selective[i].n_addresses, associations[i]));
		cr_expect(eq(uint, registers.selective[i].control >> 24, 0x10 + i));
	}
	cr_expect(eq(uint, registers.selective[0].rid_1, 0xffff00));
	cr_expect(eq(uint, registers.selective[0].rid_2, 0x01002001));
	cr_expect(ide_address_valid(&registers.selective[0].addresses[1]));
	cr_expect(
		eq(u64, ide_address_base(&registers.selective[0].addresses[1]), 0x6012300000));
	cr_expect(
		eq(u64, ide_address_limit(&registers.selective[0].addresses[1]), 0x7f7fffffff));
}

Test(ide_decode, what_has_no_such_capability_is_no_problem)
{
	struct config config = { 0 };

	cr_expect(eq(int, decode(&config), -ENOENT));
	put_header(&config, 0x100, 0x0001, 0x140);
	put_header(&config, 0x140, 0x0003, 0);
	cr_expect(eq(int, decode(&config), -ENOENT));
	cr_expect(eq(uint, registers.offset, 0));
	cr_expect(eq(str, registers.problem, ""));
}

Test(ide_decode, a_list_that_makes_no_sense_is_told)
{
	static const struct {
		unsigned int next;
		const char *problem;
	} cases[] = {
		{ 0x140, "the list of extended capabilities is a loop" },
		{ 0x100, "the list of extended capabilities is a loop" },
		{ 0x40, "the list of extended capabilities leads from 0x140 to 0x40, out of "
			"extended config space" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config config = { 0 };

		put_header(&config, 0x100, 0x0001, 0x140);
		put_header(&config, 0x140, 0x0003, cases[i].next);
		cr_expect(eq(int, decode(&config), -EBADMSG));
		cr_expect(eq(str, registers.problem, (char *)cases[i].problem));
	}
}

Test(ide_decode, a_function_that_does_not_answer_is_told)
{
	struct config config;

	memset(config.bytes, 0xff, sizeof(config.bytes));
	cr_expect(eq(int, decode(&config), -ENODEV));
	cr_expect(eq(str, registers.problem,
		     "the registers read as all ones: the function does not answer"));
}

Test(ide_decode, blocks_that_do_not_fit_are_left_out)
{
	static const unsigned int associations[] = { 1, 15, 2 };
	struct config config = { 0 };

	put_header(&config, 0x100, 0x0030, 0);
	config_put(&config, 0x104, SELECTIVE | 0xff0000);
	cr_expect(eq(int, decode(&config), -EBADMSG));
	cr_expect(eq(uint, registers.n_selective, IDE_SELECTIVE_MAX));
	cr_expect(eq(str, registers.problem,
		     "256 selective blocks are announced, but block 191 at 0xff8 runs out of "
		     "config space"));

	/* 32 + 200 + 44 bytes, up to the very end and beyond it. */
	put_header(&config, 0x100, 0x0001, 0xee0);
	put_header(&config, 0xee0, 0x0030, 0);
	config_put(&config, 0xee4, SELECTIVE | 2u << 16);
	put_blocks(&config, 0xeec, associations, 3);
	cr_expect(eq(int, decode(&config), 0), "%s", registers.problem);
	cr_expect(eq(uint, registers.n_selective, 3));
	config_put(&config, 0xeec + 232, 3);
	cr_expect(eq(int, decode(&config), -EBADMSG));
	cr_expect(eq(uint, registers.n_selective, 2));
	cr_expect(eq(str, registers.problem,
		     "3 selective blocks are announced, but block 2 at 0xfd4 runs out of "
		     "config space"));
}

Test(ide_decode, registers_that_cannot_be_read_are_told)
{
	cr_expect(eq(int, ide_decode(read_nothing, NULL, &registers), -ENODATA));
	cr_expect(eq(str, registers.problem,
		     "config space cannot be read at 0x100: No data available"));
	cr_expect(eq(uint, registers.offset, 0));
}

static const struct ide_field *field(enum ide_register which, const char *key)
{
	const struct ide_field *f = ide_fields(which);

	while (f->key && strcmp(f->key, key) != 0)
		f++;
	return f;
}

Test(ide_decode, fields_have_their_values)
{
	static const struct {
		enum ide_register which;
		const char *key;
		uint32_t raw, value;
	} cases[] = {
		{ IDE_CAPABILITY, "selectiveStreams", 0x00ff0000, 256 },
		{ IDE_CAPABILITY, "linkTcs", 0xe000, 8 },
		{ IDE_CAPABILITY, "xt", 1u << 25, 1 },
		{ IDE_SELECTIVE_CONTROL, "npr", 3u << 2, 8 },
		{ IDE_SELECTIVE_CONTROL, "pr", 1u << 4, 2 },
		{ IDE_SELECTIVE_CONTROL, "cpl", 0x3f, 0 },
		{ IDE_SELECTIVE_CONTROL, "streamId", 0xff000000, 255 },
		{ IDE_SELECTIVE_CONTROL, "tc", 7u << 19, 7 },
		{ IDE_STATUS, "failReceived", 1u << 31, 1 },
		{ IDE_RID_2, "base", 0xff123401, 0x1234 },
		{ IDE_RID_2, "segment", 0xff123401, 0xff },
	};
	char buf[24];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct ide_field *f = field(cases[i].which, cases[i].key);

		cr_assert(ne(ptr, (void *)f->key, NULL), "%s", cases[i].key);
		cr_expect(eq(uint, ide_value(f, cases[i].raw), cases[i].value), "%s",
			  cases[i].key);
	}
	cr_expect(eq(str, (char *)ide_word(IDE_STATE, 2, buf), "secure"));
	cr_expect(eq(str, (char *)ide_word(IDE_STATE, 1, buf), "reserved (1)"));
	cr_expect(eq(str, (char *)ide_word(IDE_HEADER, 4, buf), "41:2"));
	cr_expect(eq(str, (char *)ide_word(IDE_ALGORITHM, 31, buf), "reserved (31)"));
}

/* --- The kernel's names --- */

Test(ide, a_streams_name_is_three_numbers)
{
	static const char *const bad[] = {
		"",
		"stream",
		"stream0",
		"stream0.1",
		"stream0.1.",
		"stream.1.2",
		"stream0.1.2.3",
		"stream0.1.2x",
		"stream-1.0.0",
		"stream0.1.+2",
		"stream 0.1.2",
		"xstream0.1.2",
		"stream0.256.0",
		"stream65536.0.0",
		"stream0.0.256",
		"available_secure_streams",
		"stream99999999999999999999.0.0",
	};
	struct ide_stream stream = { 0 };

	cr_assert(eq(int, ide_parse_stream("stream300.12.255", &stream), 0));
	cr_expect(stream.present);
	cr_expect(eq(uint, stream.host_bridge_index, 300));
	cr_expect(eq(uint, stream.root_port_block, 12));
	cr_expect(eq(uint, stream.endpoint_block, 255));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		cr_expect(eq(int, ide_parse_stream(bad[i], &stream), -EINVAL), "%s", bad[i]);
}

/* --- Streams in a host bridge's folder --- */

#define BRIDGE "sys/devices/pci0000:e0"
#define PORT   "0000:e0:01.1"
#define GPU    "0000:e1:00.0"

static struct function gpu(void)
{
	struct function f = { .bdf = address(GPU), .root_port = address(PORT) };

	f.ide = (struct ide_capability){ AT, SELECTIVE, 1, false, false };
	f.root_port_ide = (struct ide_capability){ AT, SELECTIVE | 1u << 16, 2, false, false };
	return f;
}

static void both_ends(void)
{
	static const unsigned int two[] = { 2, 0 };
	struct config config = { 0 };

	tree_function("pci0000:e0/" PORT, 0x102214ab, 0x060400);
	tree_function("pci0000:e0/" PORT "/" GPU, 0x10de2901, 0x030200);
	config_put(&config, AT + 4, SELECTIVE | 1u << 16);
	put_blocks(&config, AT + 0x0c, two, 2);
	tree_config(PORT, &config, sizeof(config.bytes));
	tree_config(GPU, &config, sizeof(config.bytes));
}

Test(ide_stream, both_ends_of_a_stream_are_read)
{
	struct function f = gpu();

	both_ends();
	tree_put("254\n", BRIDGE "/available_secure_streams");
	tree_link("0000:e0:01.1/0000:e1:00.1", BRIDGE "/stream0.0.0");
	tree_link("0000:e0:01.1/" GPU, BRIDGE "/stream1.1.0");
	tree_link("0000:e0:01.1/" GPU, BRIDGE "/stream7.junk.0");
	ide_read_stream(tree.host.sys_fd, "devices/pci0000:e0", &f);
	cr_assert(f.stream.present);
	cr_expect(eq(uint, f.stream.host_bridge_index, 1));
	cr_expect(f.stream.endpoint.known && f.stream.endpoint.secure);
	cr_expect(eq(uint, f.stream.endpoint.stream_id, 0x10));
	cr_expect(f.stream.root_port.known && f.stream.root_port.secure);
	cr_expect(eq(uint, f.stream.root_port.block, 1));
	cr_expect(eq(uint, f.stream.root_port.stream_id, 0x11));
}

Test(ide_stream, an_end_that_cannot_be_read_is_not_secure)
{
	struct function f = gpu();
	struct config config = { 0 };

	both_ends();
	tree_link("0000:e0:01.1/" GPU, BRIDGE "/stream0.0.0");
	/* Without CAP_SYS_ADMIN the kernel shows 64 bytes. */
	tree_config(GPU, &config, 64);
	tree_remove("sys/bus/pci/devices/" PORT "/config");
	ide_read_stream(tree.host.sys_fd, "devices/pci0000:e0", &f);
	cr_expect(f.stream.present);
	cr_expect(not(f.stream.endpoint.known || f.stream.endpoint.secure));
	cr_expect(not(f.stream.root_port.known || f.stream.root_port.secure));
}

Test(ide_stream, no_link_is_no_stream)
{
	struct function f = gpu();

	f.stream.present = true;
	both_ends();
	ide_read_stream(tree.host.sys_fd, "devices/pci0000:e0", &f);
	cr_expect(not(f.stream.present));
	f.stream.present = true;
	ide_read_stream(tree.host.sys_fd, "devices/pci0000:ff", &f);
	cr_expect(not(f.stream.present));
}
