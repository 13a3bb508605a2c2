/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Changes that nobody asked for: by rule, for what is reserved, and of a link that fell.  They
 * pass the same checks as those that somebody waits for.
 */

#include "daemon.h"

/* A change by tiod itself, to be filled; NULL, which is logged, when memory is short. */
struct job *own_job_new(struct daemon *daemon, enum verb verb, struct bdf family);

/*
 * Takes @job over.  With @r below 0 it failed already, and @err says why.  What cannot be begun
 * is logged and ends at once: job->ended() has to be set.
 */
void own_job_submit(struct job *job, int r, const struct tio_error *err);
