/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The two things that tiod keeps in files: a journal for each family, below the runtime
 * folder, and the assignments, below the state folder.  The rest of this door is in
 * host.h.
 */

#include "core/assignments.h"
#include "host/host.h"

/* NULL: the journal goes.  The caller holds the family's lock (host_journal_open). */
int state_write_journal(struct host *host, struct bdf family, const char *json,
			struct tio_error *err);

/* Read, changed and replaced with the file's lock held. */
int state_assign(struct host *host, const struct assignment *one, struct tio_error *err);
int state_release(struct host *host, struct bdf function, struct tio_error *err);
