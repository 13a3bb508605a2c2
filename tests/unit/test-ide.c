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

Test(ide, blocks_that_run_out_of_config_space_end_there)
{
	struct ide_capability ide = { .offset = AT,
				      .capability = SELECTIVE | 0xff0000,
				      .selective_streams = 255 };
	struct config config;
	struct ide_end end = { .block = 99 };

	/* All ones: every block seems to have 15 associations. */
	memset(config.bytes, 0xff, sizeof(config.bytes));
	cr_expect(eq(int, ide_read_block(read_array, &config, &ide, 254, &end), -EBADMSG));
	cr_expect(eq(uint, end.block, 99));
	ide.offset = 0;
	cr_expect(eq(int, ide_read_block(read_array, &config, &ide, 0, &end), -ENOENT));
}

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
