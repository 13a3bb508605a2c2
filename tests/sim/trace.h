/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The list of all operations that change something, in order, for tests that count or
 * compare them.  Kept by faults.c; off until asked for.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

bool trace_is_on(void);
void trace_add(const char *op, const char *path, const char *value, size_t size, ssize_t result,
	       pid_t pid);
/* {"do": "trace", "mode": "on"|"off"|"show"|"clear"}: on starts afresh. */
json_t *trace_command(const json_t *command);
void trace_free(void);
