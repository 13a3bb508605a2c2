/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Pools of huge pages, of the whole host and of each NUMA node.
 */

#include "core/snapshot.h"

/* Fills snap->pools, the host's first.  Kernels without huge pages have none. */
void hugepages_read(int root, struct snapshot *snap);
