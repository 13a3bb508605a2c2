/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Which driver runs a function.  Each call is one kernel write and reads back what came
 * of it; asked twice, the second time changes nothing.
 *
 * unbind may block without limit while somebody has a VFIO device open, and probe and
 * bind as long as the driver likes.
 */

#include "base/error.h"

/* "" clears it. */
int driver_set_override(int root, struct bdf bdf, const char *driver, struct tio_error *err);

int driver_unbind(int root, struct bdf bdf, struct tio_error *err);

/* -ENOENT: no such driver is registered. */
int driver_bind(int root, struct bdf bdf, const char *driver, struct tio_error *err);

/* Lets the kernel look for a driver.  Success says only that it has looked. */
int driver_probe(int root, struct bdf bdf, struct tio_error *err);
