/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The IDE extended capability (PCIe 6.0 section 7.9.26), decoded: capability, control,
 * link and selective blocks with their associations.
 *
 * Registers are read through a callback, so that libpci, a config file and a recorded image
 * serve alike.  Scans read the few that struct function keeps; all of them are read when
 * somebody asks.  Nothing is believed: lists may loop, blocks may run out of config space.
 */

#include "core/function.h"

/* Reads the 32 bits at @offset, which is aligned.  0 or a negative errno. */
typedef int (*ide_read_fn)(void *arg, unsigned int offset, uint32_t *ret);

/* What the capability at @offset can do.  0 or what @read says; -EINVAL for a bad offset. */
int ide_read_capability(ide_read_fn read, void *arg, uint16_t offset,
			struct ide_capability *ret);

/*
 * Selective block @block of the capability @ide.  Blocks have sizes of their own, so all
 * before it are read too.  -ENOENT: there is no such block; -EBADMSG: the blocks run out
 * of config space.
 */
int ide_read_block(ide_read_fn read, void *arg, const struct ide_capability *ide,
		   unsigned int block, struct ide_end *ret);

/* --- All of it --- */

#define IDE_LINKS_MAX     8
#define IDE_SELECTIVE_MAX 191 /* what fits behind the smallest capability */
#define IDE_ADDRESSES_MAX 15

struct ide_link_block {
	uint16_t offset;
	uint32_t control, status;
};

struct ide_address_block {
	uint32_t bounds, limit_upper, base_upper; /* in the order of the registers */
};

struct ide_selective_block {
	uint16_t offset;
	uint32_t capability, control, status, rid_1, rid_2;
	unsigned int n_addresses;
	struct ide_address_block addresses[IDE_ADDRESSES_MAX];
};

/* About 39 KiB: not kept, and not for a small stack. */
struct ide_registers {
	uint16_t offset; /* 0: no such capability */
	uint8_t version;
	uint32_t capability, control;
	unsigned int n_links, n_selective; /* that could be read, not those announced */
	struct ide_link_block links[IDE_LINKS_MAX];
	struct ide_selective_block selective[IDE_SELECTIVE_MAX];
	char problem[160]; /* a sentence on what is wrong with them, "" */
};

/*
 * Finds the capability and reads everything.  0, -ENOENT when there is none, -EBADMSG when
 * it makes no sense, or what @read says; @ret then holds what came before, and why.
 */
int ide_decode(ide_read_fn read, void *arg, struct ide_registers *ret);

/* --- Fields --- */

enum ide_register {
	IDE_CAPABILITY,
	IDE_CONTROL,
	IDE_LINK_CONTROL,
	IDE_SELECTIVE_CAPABILITY,
	IDE_SELECTIVE_CONTROL,
	IDE_STATUS, /* of a link block and of a selective one */
	IDE_RID_1,
	IDE_RID_2,
	IDE_REGISTER_COUNT
};

enum ide_form {
	IDE_FLAG,
	IDE_NUMBER,
	IDE_COUNT,       /* one more than the field says */
	IDE_AGGREGATION, /* in how many TLPs, 0: none */
	IDE_HEADER,      /* the words of these three: ide_word() */
	IDE_ALGORITHM,
	IDE_STATE,
};

struct ide_field {
	const char *key;
	unsigned int shift, width; /* bits */
	enum ide_form form;
};

/* Ended by a NULL key. */
const struct ide_field *ide_fields(enum ide_register which);
uint32_t ide_value(const struct ide_field *field, uint32_t value);
const char *ide_word(enum ide_form form, uint32_t value, char buf[static 24]);

/* The first and the last byte that an address association covers. */
uint64_t ide_address_base(const struct ide_address_block *block);
uint64_t ide_address_limit(const struct ide_address_block *block);
bool ide_address_valid(const struct ide_address_block *block);
