/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the host looks like after tsm/connect has failed.  For tsm.c.
 */

#include "core/link-findings.h"

/* Takes the lock that tsm/connect takes, for a moment.  What can't be read is left empty. */
void link_facts_read(int root, struct bdf card, const char *tsm, struct link_facts *ret);
