/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Config spaces in, what tiod makes of their IDE registers out: for test_lspci.py.
 *
 * stdin: one after the other a length of 4 bytes, little-endian, and as many bytes of config
 * space.  stdout: a line of JSON for each, null where there is no IDE capability.
 */

#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/report.h"

struct space {
	uint8_t bytes[4096];
	uint32_t size;
};

static int read_space(void *arg, unsigned int offset, uint32_t *ret)
{
	const struct space *space = arg;
	uint32_t value;

	if (offset + 4 > space->size)
		return -ENODATA;
	memcpy(&value, space->bytes + offset, 4);
	*ret = le32toh(value);
	return 0;
}

/* False at the end; a cut record is no end. */
static bool next_space(struct space *space)
{
	if (fread(&space->size, 4, 1, stdin) != 1)
		return false;
	space->size = le32toh(space->size);
	if (space->size > sizeof(space->bytes) ||
	    fread(space->bytes, 1, space->size, stdin) != space->size) {
		fputs("ide-dump: that is no config space\n", stderr);
		exit(1);
	}
	return true;
}

int main(void)
{
	static struct ide_registers registers;
	struct space space;
	json_t *json;
	char *text;

	while (next_space(&space)) {
		(void)ide_decode(read_space, &space, &registers);
		json = report_ide_registers(BDF_NONE, &registers);
		text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
		puts(text);
		free(text);
		json_decref(json);
	}
	return 0;
}
