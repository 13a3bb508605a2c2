/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/ide.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/aer.h"
#include "host/sysfs.h"

/* One decimal number of at most @max, followed by @end; moves behind that. */
static bool take_number(const char **p, uint16_t max, char end, uint16_t *ret)
{
	unsigned long value;
	char *stop;

	if (!isdigit((unsigned char)**p))
		return false;
	value = strtoul(*p, &stop, 10);
	if (value > max || *stop != end)
		return false;
	*p = stop + (end != '\0');
	*ret = (uint16_t)value;
	return true;
}

int ide_parse_stream(const char *name, struct ide_stream *ret)
{
	struct ide_stream stream = { .present = true };
	const char *p = name + 6;

	if (strncmp(name, "stream", 6) != 0 ||
	    !take_number(&p, UINT16_MAX, '.', &stream.host_bridge_index) ||
	    !take_number(&p, UINT8_MAX, '.', &stream.root_port_block) ||
	    !take_number(&p, UINT8_MAX, '\0', &stream.endpoint_block))
		return -EINVAL;
	*ret = stream;
	return 0;
}

static int read_config(void *arg, unsigned int offset, uint32_t *ret)
{
	uint32_t value;
	ssize_t n = pread(*(int *)arg, &value, sizeof(value), (off_t)offset);

	if (n < 0)
		return -errno;
	if (n != sizeof(value))
		return -ENODATA;
	*ret = le32toh(value);
	return 0;
}

static void read_end(int root, struct bdf bdf, const struct ide_capability *ide,
		     unsigned int block, struct ide_end *ret)
{
	struct attr config = attr_of_function(bdf, "config");
	auto_close int fd = -1;

	*ret = (struct ide_end){ .block = (uint8_t)block };
	fd = openat(root, config.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	/* What could not be read stays unknown, and never counts as secure. */
	(void)ide_read_block(read_config, &fd, ide, block, ret);
	aer_read(root, bdf, &ret->errors);
}

static bool find_stream(int root, const char *bridge_path, struct bdf bdf,
			struct ide_stream *ret)
{
	auto_closedir DIR *folder = attr_open_folder(root, bridge_path);
	char target[64];
	struct ide_stream stream;
	bool found = false;
	struct bdf other;
	const char *name;

	while (folder && (name = attr_next_entry(folder))) {
		if (ide_parse_stream(name, &stream) < 0 ||
		    attr_read_link_name(dirfd(folder), name, target, sizeof(target)) < 0 ||
		    bdf_parse(target, &other) < 0 || !bdf_equal(other, bdf))
			continue;
		/* Folders have no order; the answer has one. */
		if (!found || stream.host_bridge_index < ret->host_bridge_index)
			*ret = stream;
		found = true;
	}
	return found;
}

void ide_read_stream(int root, const char *bridge_path, struct function *f)
{
	struct ide_stream *stream = &f->stream;

	*stream = (struct ide_stream){ 0 };
	if (!find_stream(root, bridge_path, f->bdf, stream))
		return;
	read_end(root, f->bdf, &f->ide, stream->endpoint_block, &stream->endpoint);
	if (f->root_port.valid)
		read_end(root, f->root_port, &f->root_port_ide, stream->root_port_block,
			 &stream->root_port);
}

void ide_read_registers(int root, struct bdf bdf, struct ide_registers *ret)
{
	struct attr config = attr_of_function(bdf, "config");
	auto_close int fd = openat(root, config.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	/* -1 is no file to read from either: the reason comes out at the first register. */
	(void)ide_decode(read_config, &fd, ret);
}
