/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The bytes of ordinary files below "store", where a program keeps its state.
 * For fuse-file.c and snapshot.c; the lock is held.
 */

#include "node.h"

ssize_t store_read(const struct node *node, char *buf, size_t size, off_t off);
ssize_t store_write(struct node *node, const char *buf, size_t size, off_t off);
int store_truncate(struct node *node, off_t size);
