/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The files in rules.d: one rule each, in the order of their names.  Used by config.c.
 */

#include "config.h"

/*
 * Reads them into config->rules.  A file with a mistake leaves the rule that was read of it
 * before in force.  0, -ENOMEM, or -EINVAL after at least one note.
 */
int config_read_rules(struct config *config, const char *dirs);

/* "ignore", "report" or "connect" for cards that no rule fits.  0 or -EINVAL. */
int config_policy(const char *text, enum rule_action *ret);
