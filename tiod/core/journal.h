/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What was found before each step of a family, so that it can be put back: by
 * the undo of a failed change, by detach, and by recovery after a crash.
 *
 * One journal a family, kept as /run/tiod/journal/<function 0>.json, written and
 * synced before the kernel is.  It is gone after a reboot, as what it describes is.
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/request.h"

/* Values that a step is about to change; each row uses its own few. */
struct before {
	char driver[DRIVER_NAME_MAX];
	char override[DRIVER_NAME_MAX];
	unsigned vfs;
	bool autoprobe;
	char tsm[TSM_NAME_MAX];
	bool assigned;         /* reserve: it was this VM's already */
	struct vf_settings vf; /* reserve: kept with it; configure-vf: in force */
	struct power power;
	struct node_access node;
};

enum record_state {
	RECORD_BEGUN,   /* the step's writes may have happened */
	RECORD_LEAVING, /* to be undone by the change in flight; not begun */
	RECORD_UNDOING, /* its undo may have happened */
};

struct record {
	char step[24]; /* row of the step table, by name */
	struct bdf function;
	enum record_state state;
	struct before before;

	/* The card that it was: another one in its place is none of the record's business. */
	struct identity identity;

	/* It was not found so by this step: a failed detach or disconnect forgets it again. */
	bool synthetic;

	/* The driver when its undo began: a failed detach goes back to that, not further. */
	char left_driver[DRIVER_NAME_MAX];

	/* What the step was to reach, so that a failed detach can go back to it. */
	unsigned wanted_vfs;
	char wanted_tsm[TSM_NAME_MAX];
	struct vf_settings wanted_vf;
	unsigned wanted_pins; /* PIN_… */
	struct node_access wanted_node;
};

#define BOOT_ID_MAX 40

struct journal {
	struct bdf family;

	/* The boot that it speaks of, "" if unknown; what another one did is gone. */
	char boot[BOOT_ID_MAX];
	bool of_another_boot; /* it was, and has been dropped; not written */

	struct record *records; /* owned, in the order they were begun */
	size_t n_records;

	/* The change in flight; an idle journal only keeps what detach will need. */
	bool in_flight;
	enum verb verb;
	size_t mark; /* records from here on belong to an attach in flight */
	char vm[VM_NAME_MAX];
};

void journal_finish(struct journal *journal);

/* Appends; 0 or -ENOMEM. */
int journal_add(struct journal *journal, const struct record *record);
void journal_drop(struct journal *journal, size_t index);

/* Nothing in flight and nothing to remember: the file may go. */
bool journal_is_empty(const struct journal *journal);

/* As assignments_to_json() and assignments_from_json(). */
int journal_to_json(const struct journal *journal, char **ret, struct tio_error *err);
int journal_from_json(const char *text, size_t size, struct journal *ret,
		      struct tio_error *err);
