/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * How the encrypted link of a card stands once it was made.
 *
 * No kernel tells when a link falls: its registers say so, at both ends, and the counters of
 * AER.  The daemon has them read at intervals and asks here what they mean.  Pure.
 */

#include <stdbool.h>

#include "core/snapshot.h"

/* The worst of all that is wrong, worst first. */
enum link_trouble {
	LINK_SILENT,      /* an end's config space reads as all ones */
	LINK_WITHOUT_TSM, /* its security manager is gone, and took the link along */
	LINK_GONE,        /* there is no stream any more */
	LINK_UNREADABLE,
	LINK_DISABLED,
	LINK_INSECURE,
	LINK_MISMATCHED, /* the ends have different Stream IDs */
	LINK_FAILED,     /* an end was told of a failed integrity check (IDE_FAIL) */
	LINK_COUNTED,    /* AER counted errors of IDE */
	LINK_FINE,
	LINK_TROUBLE_COUNT
};

/* What the ends had to say already when the link was made: only more than that is news. */
struct link_base {
	struct ide_errors endpoint, root_port;
	bool endpoint_failed, root_port_failed;
};

struct link_state {
	enum link_trouble trouble;
	char text[200]; /* what is wrong and where, as a clause; "" when it is fine */
};

/* A base for the link that @dsm has at this moment. */
struct link_base link_base_of(const struct function *dsm);

/* @dsm: function 0 of a card that is to have a link. */
struct link_state link_judge(const struct snapshot *snap, const struct function *dsm,
			     const struct link_base *base);

/* "silent", "without-tsm", …; never NULL. */
const char *link_trouble_to_string(enum link_trouble trouble);
