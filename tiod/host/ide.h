/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The IDE streams that the kernel has set up: which blocks a stream uses is told by a link
 * in its host bridge's folder, and how it stands by the registers of these blocks at both
 * ends.  What the registers mean is core/ide.h's matter; here they are only read.
 */

#include "core/ide.h"

/* "stream0.1.2", nothing before or after it.  0 or -EINVAL. */
int ide_parse_stream(const char *name, struct ide_stream *ret);

/*
 * Fills f->stream: looks for a link to @f in the folder @bridge_path, then reads the
 * blocks of both ends, as far as they can be read.  No stream is a success too.
 */
void ide_read_stream(int root, const char *bridge_path, struct function *f);

/*
 * All IDE registers of @bdf, afresh.  What is wrong with them is said in ret->problem,
 * also when config space can't be read at all.
 */
void ide_read_registers(int root, struct bdf bdf, struct ide_registers *ret);
