/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A config space, whole or cut off: its IDE registers.
 */

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/report.h"
#include "fuzz.h"

struct image {
	const uint8_t *data;
	size_t size;
};

static int read_image(void *arg, unsigned int offset, uint32_t *ret)
{
	const struct image *image = arg;
	uint32_t value;

	assert(offset % 4 == 0);
	if (offset + 4 > image->size)
		return -ENODATA;
	memcpy(&value, image->data + offset, 4);
	*ret = le32toh(value);
	return 0;
}

/* The two ways to a block must lead to the same one. */
static void check_blocks(struct image *image, const struct ide_registers *registers)
{
	struct ide_capability ide;
	struct ide_end end;

	if (registers->n_selective == 0)
		return;
	assert(ide_read_capability(read_image, image, registers->offset, &ide) == 0);
	for (unsigned int i = 0; i < registers->n_selective; i++) {
		assert(ide_read_block(read_image, image, &ide, i, &end) == 0);
		assert(end.control == registers->selective[i].control);
		assert(end.status == registers->selective[i].status);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ide_registers registers;
	struct image image = { data, size };
	json_t *json;
	char *text;
	int r;

	r = ide_decode(read_image, &image, &registers);
	assert(r == 0 || r == -ENOENT || registers.problem[0]);
	assert(registers.n_links <= IDE_LINKS_MAX);
	assert(registers.n_selective <= IDE_SELECTIVE_MAX);
	check_blocks(&image, &registers);

	json = report_ide_registers(BDF_NONE, &registers);
	text = json_dumps(json, JSON_ENCODE_ANY);
	assert(text);
	free(text);
	json_decref(json);
	return 0;
}
