/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The program behind a connection, for the log: what it calls itself and the unit that it
 * runs in.  Never for a decision: a process may call itself anything.
 */

#include "core/rights.h"
#include "host/host.h"

/* Fills comm and unit; both stay empty when the process has gone, or is another by now. */
void peer_describe(const struct host *host, struct peer *who);
