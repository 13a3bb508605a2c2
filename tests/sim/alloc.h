/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Memory for a test tool: there is, or the program ends with a sentence.
 */

#include <stddef.h>

void *sim_alloc(size_t size); /* zeroed */
void *sim_realloc(void *old, size_t size);
char *sim_strdup(const char *text);
char *sim_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void sim_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
