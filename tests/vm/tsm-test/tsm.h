/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The test's TSM: a link TSM that has no firmware behind it.  Streams are the real ones of
 * drivers/pci/ide.c; only the keys are missing.  main.c makes it arrive, and knobs.c lets it
 * leave and return.
 */

#include <linux/types.h>

int tsm_start(void);
void tsm_stop(void);

int tsm_arrive(void);
int tsm_leave(void);
bool tsm_present(void);

/* Binds the function of that name as a TDI of no VM, which nothing in Linux 7.2 does. */
int tsm_bind(const char *name);
int tsm_unbind(const char *name);
