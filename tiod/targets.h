/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * From names to the targets and families of a request, by what the cache knows.  Used by the
 * methods that start jobs and by what starts them without being asked.
 */

#include "daemon.h"

/* The family that a target belongs to, be it there or still to be made. */
struct bdf target_family(const struct daemon *daemon, const struct target *target);

/* Lists each card that @request touches: they are locked while it runs.  0 or -E2BIG. */
int targets_list_families(const struct daemon *daemon, struct request *request,
			  struct tio_error *err);
