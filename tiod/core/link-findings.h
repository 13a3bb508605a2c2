/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Which of its meanings an errno of tsm/connect has: EBUSY, EFAULT and ENXIO have several in
 * Linux 7.2, and what the host looks like afterwards tells them apart.
 *
 * Pure; host/link-facts.c looks, and host/tsm.c puts the finding into the failure.
 */

#include "core/function.h"

struct link_facts {
	struct bdf card, root_port; /* BDF_NONE: it is below none */
	char connected[TSM_NAME_MAX];
	bool tsm_there; /* the one that was asked for */
	bool doe_cma, doe_session;
	unsigned card_blocks, card_free; /* selective blocks; none: no IDE */
	unsigned port_blocks, port_free;
	int streams_left; /* available_secure_streams of the host bridge; -1: not known */
	int stray;        /* a Stream ID that is enabled for no connection; -1: none */
	struct bdf stray_at;
};

struct link_finding {
	char cause[256], fix[192];
};

/* False: the table of reasons.c says all that there is to say. */
bool link_find(int code, const struct link_facts *facts, struct link_finding *ret);
