/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Plugins for a worker: starts the process that they run in, learns what they declare, and
 * passes on questions.  What a plugin breaks, it breaks there.
 */

#include "core/plugins.h"
#include "host/host.h"

/* Loading a file, and answering a question, may take this long. */
#define PLUGIN_ANSWER_MS 5000

/*
 * 0: @ret is filled and host_plugins_stop() is due; files that are no use are in
 * ret->refused.  Negative: the folder cannot be trusted or read, or no process could be
 * started; @ret is empty.
 */
int host_plugins_start(const struct host *host, struct plugins *ret, struct tio_error *err);
void host_plugins_stop(struct plugins *plugins);
