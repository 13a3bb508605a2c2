/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Text of strangers (names of processes, devices, files) for a line that somebody trusts: what
 * ends lines, moves the cursor or is no UTF-8 must not come through.  Used by the log, the
 * audit lines and the reports.
 */

#include <stddef.h>

/*
 * How many bytes the character at @text has; 0 when it is no well-formed UTF-8 or one that
 * controls how others are shown (C0, C1, line ends, directions of writing; Unicode 15,
 * chapter 23).
 */
size_t escape_harmless(const char *text);

/* Everything else becomes '?', byte by byte, in place. */
void escape_blot(char *text);

/*
 * Copies @from, with '"' and '\\' behind a backslash and every byte that is not harmless as
 * "\x1b".  What does not fit is left out from a whole character on.  Returns @to.
 */
const char *escape_copy(char *to, size_t size, const char *from);
