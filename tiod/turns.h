/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Whose turn it is at each TSM.  The kernel lets one connect run at a time and makes
 * even readers wait for it, so jobs ask here first, and the first that asked goes first.
 * A turn ends when its job gives it back or its worker process is truly gone.
 */

#include <stdbool.h>
#include <stddef.h>

#include "core/function.h"

struct job;

struct turn {
	char tsm[TSM_NAME_MAX];
	struct job *job; /* borrowed */
};

struct turns {
	struct turn *list; /* owned; in the order they asked: the first of a TSM has it */
	size_t n;
};

/* NULL: @job has the turn now.  Else who has it, and @job waits. */
const struct job *turns_ask(struct turns *turns, struct job *job, const char *tsm);

/*
 * @job gives its turn back, or does not want it any more.  Returns the job whose turn it
 * is now by that, or NULL.
 */
struct job *turns_leave(struct turns *turns, const struct job *job);

/* Does anybody have a turn? */
bool turns_any(const struct turns *turns);
void turns_finish(struct turns *turns);
