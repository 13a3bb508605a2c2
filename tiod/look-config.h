/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The look that CheckConfig is answered by.  Used by look.c, within a worker.
 */

#include <jansson.h>

#include "core/snapshot.h"

/* As CheckConfig replies; NULL when memory is short.  Puts nothing in force, and blocks. */
json_t *look_at_config(const struct snapshot *snap, const char *dirs);
