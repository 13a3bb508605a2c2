/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the host can, as a feature file of Kubernetes' Node Feature Discovery: a line for each
 * label that the node is given.
 */

#include "handoff/offer.h"

/* Owned by the caller; NULL and *@empty: nothing to tell; NULL alone: memory is short. */
char *nfd_text(const struct offer *offer, bool *empty);
