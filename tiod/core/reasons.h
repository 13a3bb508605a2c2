/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What an errno of a kernel attribute means, and what mends it: a bare errno helps
 * nobody.  One table; a row for each (attribute, errno) that Linux 7.2 can answer.
 */

struct tio_error;

/*
 * Adds the errno's name and its cause to a recorded failure of err->attribute, and its fix
 * unless one is known already.  A pair that is in no row only gets the errno's name.  Text that
 * says " (ENAME): " was explained by who looked into it, and is left alone.
 */
void reasons_explain(struct tio_error *err);

/* The cause for a pair, or NULL; @code is a negative errno.  For tests and documentation. */
const char *reasons_cause(const char *attribute, int code);
