/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The plugins as JSON, type Plugin of io.tiod.varlink: made in a worker, since only there
 * they are loaded.
 */

#include <jansson.h>

#include "core/plugins.h"
#include "core/snapshot.h"

/* NULL when memory is short. */
json_t *report_plugins(const struct plugins *plugins, const struct snapshot *snap);
