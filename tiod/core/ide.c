/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/ide.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* In bytes from the capability, or from the block. */
#define TIO_IDE_CAPABILITY   0x04
#define TIO_IDE_CONTROL      0x08
#define TIO_IDE_BLOCKS       0x0c
#define TIO_IDE_LINK_SIZE    8
#define TIO_IDE_SEL_CONTROL  0x04
#define TIO_IDE_SEL_STATUS   0x08
#define TIO_IDE_SEL_SIZE     20
#define TIO_IDE_ADDRESS_SIZE 12

#define TIO_IDE_CAP_LINK        (1u << 0)
#define TIO_IDE_CAP_SELECTIVE   (1u << 1)
#define TIO_IDE_CAP_KM          (1u << 6)
#define TIO_IDE_CAP_TEE_LIMITED (1u << 24)
#define TIO_IDE_STATE_SECURE    2
#define TIO_IDE_STATUS_FAILED   (1u << 31)

#define TIO_EXT_IDE        0x0030
#define TIO_EXTENDED_START 0x100
#define TIO_CONFIG_SIZE    0x1000

static unsigned int link_blocks(uint32_t capability)
{
	return capability & TIO_IDE_CAP_LINK ? ((capability >> 13) & 0x7) + 1 : 0;
}

static unsigned int selective_blocks(uint32_t capability)
{
	return capability & TIO_IDE_CAP_SELECTIVE ? ((capability >> 16) & 0xff) + 1 : 0;
}

static unsigned int selective_size(uint32_t block_capability)
{
	return TIO_IDE_SEL_SIZE + (block_capability & 0xf) * TIO_IDE_ADDRESS_SIZE;
}

/* --- The few registers that are kept --- */

int ide_read_capability(ide_read_fn read, void *arg, uint16_t offset,
			struct ide_capability *ret)
{
	unsigned int streams;
	uint32_t cap;
	int r;

	if (offset < TIO_EXTENDED_START || offset + TIO_IDE_BLOCKS > TIO_CONFIG_SIZE)
		return -EINVAL;
	r = read(arg, offset + TIO_IDE_CAPABILITY, &cap);
	if (r < 0)
		return r;

	streams = selective_blocks(cap);
	*ret = (struct ide_capability){
		.offset = offset,
		.capability = cap,
		.selective_streams = (uint8_t)(streams > UINT8_MAX ? UINT8_MAX : streams),
		.ide_km = cap & TIO_IDE_CAP_KM,
		.tee_limited = cap & TIO_IDE_CAP_TEE_LIMITED,
	};
	return 0;
}

static int find_block(ide_read_fn read, void *arg, const struct ide_capability *ide,
		      unsigned int block, unsigned int *ret)
{
	unsigned int pos = ide->offset + TIO_IDE_BLOCKS +
			   link_blocks(ide->capability) * TIO_IDE_LINK_SIZE;
	uint32_t cap;
	int r;

	for (unsigned int i = 0; i < block; i++) {
		if (pos + TIO_IDE_SEL_SIZE > TIO_CONFIG_SIZE)
			return -EBADMSG;
		r = read(arg, pos, &cap);
		if (r < 0)
			return r;
		pos += selective_size(cap);
	}
	if (pos + TIO_IDE_SEL_SIZE > TIO_CONFIG_SIZE)
		return -EBADMSG;
	*ret = pos;
	return 0;
}

int ide_read_block(ide_read_fn read, void *arg, const struct ide_capability *ide,
		   unsigned int block, struct ide_end *ret)
{
	uint32_t capability, control, status;
	unsigned int pos;
	int r;

	if (ide->offset == 0 || block >= ide->selective_streams)
		return -ENOENT;
	r = read(arg, ide->offset + TIO_IDE_CAPABILITY, &capability);
	if (r < 0)
		return r;
	if (capability == UINT32_MAX) {
		*ret = (struct ide_end){ .silent = true, .block = (uint8_t)block };
		return 0;
	}
	r = find_block(read, arg, ide, block, &pos);
	if (r < 0)
		return r;
	r = read(arg, pos + TIO_IDE_SEL_CONTROL, &control);
	if (r < 0)
		return r;
	r = read(arg, pos + TIO_IDE_SEL_STATUS, &status);
	if (r < 0)
		return r;

	*ret = (struct ide_end){
		.known = true,
		.block = (uint8_t)block,
		.stream_id = (uint8_t)(control >> 24),
		.enabled = control & 1,
		.secure = (status & 0xf) == TIO_IDE_STATE_SECURE,
		.failed = status & TIO_IDE_STATUS_FAILED,
		.control = control,
		.status = status,
	};
	return 0;
}

/* --- All of them --- */

/* A walk through config space that goes forward only, except along the list. */
struct walk {
	ide_read_fn read;
	void *arg;
	unsigned int at; /* the register that is read next */
	struct ide_registers *ret;
};

static int __attribute__((format(printf, 3, 4)))
complain(struct walk *walk, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(walk->ret->problem, sizeof(walk->ret->problem), fmt, args);
	va_end(args);
	return code;
}

static int take(struct walk *walk, uint32_t *ret)
{
	int r;

	if (walk->at + 4 > TIO_CONFIG_SIZE)
		return complain(walk, -EBADMSG, "the registers run out of config space");
	r = walk->read(walk->arg, walk->at, ret);
	if (r < 0)
		return complain(walk, r, "config space cannot be read at %#x: %s", walk->at,
				strerror(-r));
	walk->at += 4;
	return 0;
}

/* Reads @n registers, each into its own place; a NULL ends nothing and is no place. */
static int take_all(struct walk *walk, uint32_t *const *places, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = take(walk, places[i]);
	return r;
}

/* No more capabilities than fit: a list that is longer has been here before. */
static int find(struct walk *walk)
{
	unsigned int at = TIO_EXTENDED_START, next;
	uint32_t header;
	int r;

	for (int left = (TIO_CONFIG_SIZE - TIO_EXTENDED_START) / 4; left > 0; left--) {
		walk->at = at;
		r = take(walk, &header);
		if (r < 0)
			return r;
		if (header == UINT32_MAX)
			return complain(walk, -ENODEV,
					"the registers read as all ones: the function does not "
					"answer");
		if ((header & 0xffff) == TIO_EXT_IDE) {
			walk->ret->offset = (uint16_t)at;
			walk->ret->version = (header >> 16) & 0xf;
			return 0;
		}
		next = (header >> 20) & ~3u;
		if (next == 0)
			return -ENOENT;
		if (next < TIO_EXTENDED_START)
			return complain(walk, -EBADMSG,
					"the list of extended capabilities leads from %#x to "
					"%#x, out of extended config space",
					at, next);
		at = next;
	}
	return complain(walk, -EBADMSG, "the list of extended capabilities is a loop");
}

static int take_links(struct walk *walk)
{
	struct ide_registers *ret = walk->ret;
	unsigned int n = link_blocks(ret->capability);
	int r;

	for (unsigned int i = 0; i < n; i++) {
		struct ide_link_block *block = &ret->links[i];
		uint32_t *const places[] = { &block->control, &block->status };

		block->offset = (uint16_t)walk->at;
		r = take_all(walk, places, ARRAY_SIZE(places));
		if (r < 0)
			return r;
		ret->n_links++;
	}
	return 0;
}

static int take_addresses(struct walk *walk, struct ide_selective_block *block)
{
	int r;

	for (unsigned int i = 0; i < (block->capability & 0xf); i++) {
		struct ide_address_block *address = &block->addresses[i];
		uint32_t *const places[] = { &address->bounds, &address->limit_upper,
					     &address->base_upper };

		r = take_all(walk, places, ARRAY_SIZE(places));
		if (r < 0)
			return r;
		block->n_addresses++;
	}
	return 0;
}

static int take_selective(struct walk *walk, struct ide_selective_block *block)
{
	uint32_t *const places[] = { &block->capability, &block->control, &block->status,
				     &block->rid_1, &block->rid_2 };
	int r;

	block->offset = (uint16_t)walk->at;
	r = take_all(walk, places, ARRAY_SIZE(places));
	return r < 0 ? r : take_addresses(walk, block);
}

static int take_blocks(struct walk *walk)
{
	struct ide_registers *ret = walk->ret;
	unsigned int n = selective_blocks(ret->capability), at;
	int r;

	for (unsigned int i = 0; i < n; i++) {
		at = walk->at;
		if (i == IDE_SELECTIVE_MAX)
			r = -EBADMSG;
		else
			r = take_selective(walk, &ret->selective[i]);
		if (r == -EBADMSG)
			return complain(walk, r,
					"%u selective blocks are announced, but block %u at "
					"%#x runs out of config space",
					n, i, at);
		if (r < 0)
			return r;
		ret->n_selective++;
	}
	return 0;
}

int ide_decode(ide_read_fn read, void *arg, struct ide_registers *ret)
{
	struct walk walk = { .read = read, .arg = arg, .ret = ret };
	uint32_t *const places[] = { &ret->capability, &ret->control };
	int r;

	memset(ret, 0, sizeof(*ret));
	r = find(&walk);
	if (r < 0)
		return r;
	walk.at = ret->offset + TIO_IDE_CAPABILITY;
	r = take_all(&walk, places, ARRAY_SIZE(places));
	if (r == 0)
		r = take_links(&walk);
	return r < 0 ? r : take_blocks(&walk);
}

/* --- Fields --- */

/* clang-format off */
#define STREAM_FIELDS							\
	{ "enabled",		0,  1, IDE_FLAG },			\
	{ "xt",			1,  1, IDE_FLAG },			\
	{ "npr",		2,  2, IDE_AGGREGATION },		\
	{ "pr",			4,  2, IDE_AGGREGATION },		\
	{ "cpl",		6,  2, IDE_AGGREGATION },		\
	{ "pcrc",		8,  1, IDE_FLAG },			\
	{ "partialHeader",	10, 4, IDE_HEADER },			\
	{ "algorithm",		14, 5, IDE_ALGORITHM },			\
	{ "tc",			19, 3, IDE_NUMBER },			\
	{ "streamId",		24, 8, IDE_NUMBER }

static const struct ide_field fields[IDE_REGISTER_COUNT][15] = {
	[IDE_CAPABILITY] = {
		{ "link",		0,  1, IDE_FLAG },
		{ "selective",		1,  1, IDE_FLAG },
		{ "flowThrough",	2,  1, IDE_FLAG },
		{ "partialHeader",	3,  1, IDE_FLAG },
		{ "aggregation",	4,  1, IDE_FLAG },
		{ "pcrc",		5,  1, IDE_FLAG },
		{ "ideKm",		6,  1, IDE_FLAG },
		{ "selectiveConfig",	7,  1, IDE_FLAG },
		{ "algorithm",		8,  5, IDE_ALGORITHM },
		{ "linkTcs",		13, 3, IDE_COUNT },
		{ "selectiveStreams",	16, 8, IDE_COUNT },
		{ "teeLimited",		24, 1, IDE_FLAG },
		{ "xt",			25, 1, IDE_FLAG },
	},
	[IDE_CONTROL] = {
		{ "flowThrough",	2,  1, IDE_FLAG },
	},
	[IDE_LINK_CONTROL] = {
		STREAM_FIELDS,
	},
	[IDE_SELECTIVE_CAPABILITY] = {
		{ "addressAssociations", 0, 4, IDE_NUMBER },
	},
	[IDE_SELECTIVE_CONTROL] = {
		STREAM_FIELDS,
		{ "config",		9,  1, IDE_FLAG },
		{ "default",		22, 1, IDE_FLAG },
		{ "teeLimited",		23, 1, IDE_FLAG },
	},
	[IDE_STATUS] = {
		{ "state",		0,  4, IDE_STATE },
		{ "failReceived",	31, 1, IDE_FLAG },
	},
	[IDE_RID_1] = {
		{ "limit",		8, 16, IDE_NUMBER },
	},
	[IDE_RID_2] = {
		{ "valid",		0,  1, IDE_FLAG },
		{ "base",		8, 16, IDE_NUMBER },
		{ "segment",		24, 8, IDE_NUMBER },
	},
};
/* clang-format on */

const struct ide_field *ide_fields(enum ide_register which)
{
	return fields[which];
}

uint32_t ide_value(const struct ide_field *field, uint32_t value)
{
	uint32_t bits = (value >> field->shift) & ((1u << field->width) - 1);

	if (field->form == IDE_COUNT)
		return bits + 1;
	if (field->form == IDE_AGGREGATION)
		return bits ? 1u << bits : 0;
	return bits;
}

const char *ide_word(enum ide_form form, uint32_t value, char buf[static 24])
{
	static const char *const headers[] = { "no", "17:2", "25:2", "33:2", "41:2" };
	static const char *const algorithms[] = { "AES-GCM-256-96b" };
	static const char *const states[] = { "insecure", NULL, "secure" };
	const struct {
		const char *const *words;
		size_t n;
	} tables[] = {
		[IDE_HEADER] = { headers, ARRAY_SIZE(headers) },
		[IDE_ALGORITHM] = { algorithms, ARRAY_SIZE(algorithms) },
		[IDE_STATE] = { states, ARRAY_SIZE(states) },
	};

	if (form < ARRAY_SIZE(tables) && value < tables[form].n && tables[form].words[value])
		return tables[form].words[value];
	snprintf(buf, 24, "reserved (%u)", value);
	return buf;
}

bool ide_address_valid(const struct ide_address_block *block)
{
	return block->bounds & 1;
}

uint64_t ide_address_base(const struct ide_address_block *block)
{
	return (uint64_t)block->base_upper << 32 | (block->bounds >> 8 & 0xfff) << 20;
}

uint64_t ide_address_limit(const struct ide_address_block *block)
{
	return (uint64_t)block->limit_upper << 32 | (block->bounds & 0xfff00000) | 0xfffff;
}
