/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "attr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXT_CAP_IDE 0x30
#define CHAIN_MAX   96

static uint8_t config[4096];

static uint32_t at(unsigned int where)
{
	uint32_t value = 0;

	if (where + 4 <= sizeof(config))
		memcpy(&value, config + where, 4);
	return value;
}

static unsigned int find_ide(void)
{
	unsigned int where = 0x100;

	for (int left = CHAIN_MAX; left > 0 && where >= 0x100; left--) {
		if ((at(where) & 0xffff) == EXT_CAP_IDE)
			return where;
		where = at(where) >> 20;
	}
	return 0;
}

static const char *state(uint32_t status)
{
	switch (status & 15) {
	case 0:
		return "insecure";
	case 2:
		return "secure";
	}
	return "reserved";
}

static void tell_block(unsigned int block)
{
	uint32_t control = at(block + 4), status = at(block + 8);

	printf(" [%s id %u %s%s%s rid %x-%x%s]", control & 1 ? "enabled" : "off", control >> 24,
	       state(status), status >> 31 ? " failed" : "",
	       control & 1 << 22 ? " default" : "", at(block + 16) >> 8 & 0xffff,
	       at(block + 12) >> 8 & 0xffff, at(block + 16) & 1 ? "" : " invalid");
}

int attr_ide(char **args)
{
	int fd = open(args[0], O_RDONLY | O_CLOEXEC);
	unsigned int ide, block, selective;

	if (fd < 0 || read(fd, config, sizeof(config)) < 0) {
		puts(strerrorname_np(errno));
		return 0;
	}
	ide = find_ide();
	if (!ide) {
		puts("no IDE");
		return 0;
	}
	selective = at(ide + 4) & 2 ? (at(ide + 4) >> 16 & 0xff) + 1 : 0;
	block = ide + 12;
	if (at(ide + 4) & 1)
		block += 8 * ((at(ide + 4) >> 13 & 7) + 1);
	printf("%u selective:", selective);
	for (; selective > 0; selective--) {
		tell_block(block);
		block += 20 + 12 * (at(block) & 15);
	}
	putchar('\n');
	return 0;
}
