/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The IDE extended capability and the streams that the kernel has set up: which blocks
 * a stream uses is told by a link in its host bridge's folder, and how it stands by the
 * registers of these blocks at both ends.
 *
 * The register walk reads through a callback, so that libpci, a config file and a test's
 * array serve alike.
 */

#include "core/function.h"

/* Reads the 32 bits at @offset.  0 or a negative errno. */
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

/* "stream0.1.2", nothing before or after it.  0 or -EINVAL. */
int ide_parse_stream(const char *name, struct ide_stream *ret);

/*
 * Fills f->stream: looks for a link to @f in the folder @bridge_path, then reads the
 * blocks of both ends, as far as they can be read.  No stream is a success too.
 */
void ide_read_stream(int root, const char *bridge_path, struct function *f);
