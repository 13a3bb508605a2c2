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
#include "host/sysfs.h"

/* PCIe 6.0, 7.9.26; in bytes from the capability, or from the block. */
#define TIO_IDE_CAPABILITY   0x04
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

#define TIO_EXTENDED_START 0x100
#define TIO_CONFIG_SIZE    0x1000

int ide_read_capability(ide_read_fn read, void *arg, uint16_t offset,
			struct ide_capability *ret)
{
	uint32_t cap, streams;
	int r;

	if (offset < TIO_EXTENDED_START || offset + TIO_IDE_BLOCKS > TIO_CONFIG_SIZE)
		return -EINVAL;
	r = read(arg, offset + TIO_IDE_CAPABILITY, &cap);
	if (r < 0)
		return r;

	streams = (cap & TIO_IDE_CAP_SELECTIVE) ? ((cap >> 16) & 0xff) + 1 : 0;
	*ret = (struct ide_capability){
		.offset = offset,
		.capability = cap,
		.selective_streams = (uint8_t)(streams > UINT8_MAX ? UINT8_MAX : streams),
		.ide_km = cap & TIO_IDE_CAP_KM,
		.tee_limited = cap & TIO_IDE_CAP_TEE_LIMITED,
	};
	return 0;
}

/* Where the selective blocks begin: behind the link blocks, of which there may be none. */
static unsigned int first_selective(const struct ide_capability *ide)
{
	unsigned int links = 0;

	if (ide->capability & TIO_IDE_CAP_LINK)
		links = ((ide->capability >> 13) & 0x7) + 1;
	return ide->offset + TIO_IDE_BLOCKS + links * TIO_IDE_LINK_SIZE;
}

static int find_block(ide_read_fn read, void *arg, const struct ide_capability *ide,
		      unsigned int block, unsigned int *ret)
{
	unsigned int pos = first_selective(ide);
	uint32_t cap;
	int r;

	for (unsigned int i = 0; i < block; i++) {
		if (pos + TIO_IDE_SEL_SIZE > TIO_CONFIG_SIZE)
			return -EBADMSG;
		r = read(arg, pos, &cap);
		if (r < 0)
			return r;
		pos += TIO_IDE_SEL_SIZE + (cap & 0xf) * TIO_IDE_ADDRESS_SIZE;
	}
	if (pos + TIO_IDE_SEL_SIZE > TIO_CONFIG_SIZE)
		return -EBADMSG;
	*ret = pos;
	return 0;
}

int ide_read_block(ide_read_fn read, void *arg, const struct ide_capability *ide,
		   unsigned int block, struct ide_end *ret)
{
	uint32_t control, status;
	unsigned int pos;
	int r;

	if (ide->offset == 0 || block >= ide->selective_streams)
		return -ENOENT;
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
