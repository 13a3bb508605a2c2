/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Watches the links of the cards that have one or need one: has their registers and error
 * counters read at the configured interval, by one scan worker for all of them, and says once
 * when a link falls and once when it is well again.  Nothing to watch: no timer.
 */

#include <systemd/sd-event.h>

#include "base/error.h"
#include "core/link.h"

struct daemon;

/* A card that is watched. */
struct link {
	struct bdf family;
	char tsm[TSM_NAME_MAX]; /* the last that it was connected to */
	bool had_stream;        /* when it was last looked at: @base is of that */
	struct link_base base;
	struct link_state state;
};

struct links {
	struct link *list; /* owned */
	size_t n;
	sd_event_source *timer; /* owned */
	bool tsm_came;          /* one came, and the host was not read since */
};

int links_init(struct daemon *daemon, struct tio_error *err);
void links_finish(struct daemon *daemon);

/* After each change of the cache: judges all of them anew. */
void links_update(struct daemon *daemon);

/* The host was read; with a TSM that came, links that went with theirs are made anew. */
void links_scanned(struct daemon *daemon);

/* A TSM is there to be used. */
void links_tsm_came(struct daemon *daemon);

/* The link of @family was made anew: what was counted before is forgotten. */
void links_renewed(struct daemon *daemon, struct bdf family);

/* The configuration was read again. */
void links_reload(struct daemon *daemon);

/* The last TSM that @family was seen connected to, "" if it never was. */
const char *links_last_tsm(const struct daemon *daemon, struct bdf family);

/* NULL for a card that is not watched. */
const struct link *links_find(const struct daemon *daemon, struct bdf family);
