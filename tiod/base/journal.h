/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Log entries with fields, for the journal of systemd.  Used by log.c only.
 *
 * The native protocol is a datagram with a line a field.  It is written here and not by
 * libsystemd, whose sender waits when the journal does not read: nobody waits for a log.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/log.h"

struct log_entry {
	enum log_level level;
	enum log_event event;
	const struct log_field *fields;
	size_t n_fields;
	const struct log_place *place;
	const char *message; /* one line, nothing in it that is no text */
};

/* Is standard error the journal, as systemd says in $JOURNAL_STREAM? */
bool journal_is_there(void);

/* False: the journal did not take it. */
bool journal_send(const struct log_entry *entry);
