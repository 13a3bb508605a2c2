/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Loading plugins, in workers only: what a plugin breaks, it breaks there.
 */

#include "core/plugins.h"
#include "host/host.h"

/*
 * Loads every *.so of the plugin folder, in the order of their names.  They stay loaded
 * until the process ends; each call fills @ret anew.
 *
 * 0: all were taken; no folder is no plugins.  Positive: that many were refused, and
 * @err says which and why (it is for the log, not a failure).  Negative: the folder
 * itself cannot be trusted or read, and nothing was loaded.
 */
int host_plugins_load(const struct host *host, struct plugins *ret, struct tio_error *err);
