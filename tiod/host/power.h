/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The door to a function's power and reset attributes (kernel: drivers/pci/pci-sysfs.c,
 * drivers/pci/pci.c, drivers/base/power/sysfs.c).  Reading wakes nothing; writing
 * power/control waits until the function is awake.
 */

#include "core/host.h"

/* @dir is the function's folder.  What this kernel does not have is unknown. */
void power_read(int dir, struct power *ret);

/* Writes @value and makes sure that the attribute then holds it. */
int power_set(int root, struct bdf bdf, enum power_attribute which, const char *value,
	      struct tio_error *err);
