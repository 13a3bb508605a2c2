/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The commands of attr that have a file of their own.  Each prints its result, and returns the
 * exit status: 0 also when the kernel refused, as that is a result.
 */

#include <stddef.h>

void attr_quote(const char *text, size_t size);

/* What the IDE capability in the config file args[0] says about each Selective block. */
int attr_ide(char **args);

/* Runs a command and tells which uevents there were meanwhile. */
int attr_events(char **args);

/* Lets the kernel hear of the uncorrectable errors args[1] (a mask) of the function args[0]. */
int attr_aer_inject(char **args);

/* From now on this process gets signals that it heeds and that do not end it. */
void attr_signals(void);
