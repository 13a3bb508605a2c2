/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The canonical dump of the tree: two states are equal if their dumps are.
 *
 * One line for each node, sorted: "path type mode uid:gid value".  Times are not in it.
 */

#include <stdbool.h>

/* The text, for free().  Lock held; waits for nothing. */
char *snapshot_take(bool with_store);
