/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The same work on many functions at once, each in a process of its own: a write to sysfs
 * sleeps in the kernel, and 64 of them may sleep together.
 */

#include <stddef.h>

struct tio_error;

/*
 * Calls @fn with 0 to @n - 1; at most PARALLEL_MAX processes at a time, which die with this
 * one.  @errs gets an entry each: code 0, or why it failed, a process that died included.
 * Returns when all have ended.
 */
#define PARALLEL_MAX 64
void parallel_run(size_t n, int (*fn)(void *arg, size_t index, struct tio_error *err),
		  void *arg, struct tio_error *errs);
