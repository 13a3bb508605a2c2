/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * From the constant that a plugin exports to plain values.
 *
 * Used in the process that plugins run in, because reading a plugin's pointers may crash,
 * and by tests.  The worker, which trusts that process no further, passes what it got
 * through declaration_check().
 */

#include "core/plugins.h"

/*
 * Fills @ret from @plugin.  -ENOEXEC with a sentence that begins with @file: it was built for
 * another interface, or says nonsense.
 */
int declaration_read(const struct tio_plugin *plugin, const char *file, struct plugin *ret,
		     struct tio_error *err);

/* 0, or -EBADMSG when counts or strings are not within their bounds. */
int declaration_check(const struct plugin *plugin);

/* The same for an answer, whose text is made printable as well. */
int declaration_check_finding(struct tio_finding *finding);

/* Copies at most @size - 1 characters of @from, which may be NULL, endless or binary. */
void declaration_text(char *to, size_t size, const char *from);
