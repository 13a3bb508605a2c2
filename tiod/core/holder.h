/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A user of a function in words: the clause of a refusal, and what would free it.
 */

#include "core/snapshot.h"

/* "/dev/nvme0n1p2 is mounted on /data"; returns @buf. */
const char *holder_describe(const struct holder *h, char *buf, size_t size);

/* "unmount it, or choose another device". */
const char *holder_fix(const struct holder *h);
