/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The functions that are ready for a guest as a file of the Container Device Interface, by
 * which container engines and Kata find the nodes that a device needs.
 *
 * cdiVersion 0.6.0 is the lowest that has what is used here (annotations; a dot in the kind);
 * a newer one would shut older engines out.
 */

#include "handoff/offer.h"

#define CDI_KIND "tiod.io/tdi"

/* Owned by the caller; NULL and *@empty: nothing is offered; NULL alone: memory is short. */
char *cdi_text(const struct offer *offer, bool *empty);
