/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Advanced error reporting: the kernel counts each uncorrectable error of a function by name,
 * non-fatal and fatal ones apart (drivers/pci/pcie/aer.c, aer_dev_nonfatal and aer_dev_fatal).
 * Never waits for the card: the counters are the kernel's own.
 */

#include "core/function.h"

/* Both kinds added up; ret->known is false where the kernel keeps no such counters. */
void aer_read(int root, struct bdf bdf, struct ide_errors *ret);
