/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Names of errors, as commands and traces spell them.
 */

int errname_parse(const char *name);  /* "EBUSY" or "16"; 0: no such error */
const char *errname_of(int positive); /* "EBUSY" */
