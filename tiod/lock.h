/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The lock of the runtime folder: one tiod a folder, for two would undo each other's changes.
 * Used by main.c, and by presence.c when the folder was cleared.
 */

#include <stdbool.h>

#include "base/error.h"

/*
 * Makes the folder @dir and takes its lock; the descriptor in @ret keeps it.  The file says who
 * has it.  @patient: a tiod that is just dying is waited for, up to a second.  -EWOULDBLOCK:
 * another one has it, and the error names that.
 */
int lock_take(const char *dir, bool patient, int *ret, struct tio_error *err);

/* Is it still the lock of @dir? */
bool lock_is_there(const char *dir, int fd);
