/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What tiod offers to other managers, as the files of cdi.c and nfd.c tell it: pure, made from
 * the last known state.  A function is offered while it is attached: on a VFIO node, over a
 * link that is secure.
 */

#include <string.h>

#include "core/assignments.h"
#include "core/snapshot.h"

struct offer {
	const struct snapshot *snap;
	const struct assignments *all;

	/* The word of io.tiod.Function for one that is there, or is only assigned. */
	const char *(*state)(void *arg, struct bdf function);
	void *arg;
};

/* Attached, with a node of its own, as is the one that it came along with; NULL: not. */
static inline const struct function *offer_ready(const struct offer *offer,
						 const struct assignment *one)
{
	const struct function *f = snapshot_find(offer->snap, one->function);

	if (!f || !f->cdev[0] || strcmp(offer->state(offer->arg, f->bdf), "attached") != 0)
		return NULL;
	/* Only that one's state tells of the link. */
	return strcmp(offer->state(offer->arg, one->lead), "attached") == 0 ? f : NULL;
}
