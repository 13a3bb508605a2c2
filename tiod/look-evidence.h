/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Evidence of a device as the replies to GetEvidence.
 *
 * A worker writes them out whole, since base64 of megabytes in the daemon's loop would hold up
 * everybody: methods-evidence.c only sends them, one after the other, as the client reads.
 */

#include "look.h"

/*
 * Within a worker, with @dsm the function 0 of @f's card, both of @known.  @ret's text is one
 * reply after the other, each with its NUL.  0 or a negative errno with a sentence in @ret.
 */
int look_at_evidence(struct host *host, const struct snapshot *known,
		     const struct function *dsm, const struct function *f,
		     const struct look *look, struct result *ret);
