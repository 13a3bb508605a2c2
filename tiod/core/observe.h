/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the engine looks at before it plans: the request's families, the IOMMU groups of
 * its targets, the TSM link and who uses the devices, all read afresh.
 */

#include "core/engine.h"

/*
 * Brings engine->snap up to date for @request and completes the request: companions, the
 * only TSM.  Functions that have gone leave the snapshot.  0 or a negative errno.
 */
int observe_for_request(struct engine *engine, struct request *request, struct tio_error *err);
