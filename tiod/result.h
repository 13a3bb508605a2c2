/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a worker process leaves behind: one header and a few arrays of plain values
 * in a memory file, which the daemon reads when the worker has exited.
 *
 * Both sides are the same program image, so nothing is converted.  A file that
 * was not written to its end is no result.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "core/assignments.h"
#include "core/engine.h"
#include "core/snapshot.h"

/* A journal that a former tiod left, and all families that its records speak of. */
struct left {
	struct bdf family;
	struct bdf families[REQUEST_FAMILIES_MAX];
	size_t n_families;
};

struct result {
	int code; /* 0 or a negative errno, said in @error */
	struct tio_error error;
	unsigned n_steps;       /* of the plan that was run */
	enum recovery recovery; /* WENT_BACK: @error says why, beside a code of 0 */
	bool whole;             /* @functions holds all that there are of the families */
	bool has_assignments;
	struct tio_error unreadable; /* why there are none; of the first scan */
	bool has_host;
	struct snapshot host; /* with has_host: TSMs, pools and flags; its lists are empty */

	/* Borrowed; after result_read() they lie in @map. */
	const struct function *functions; /* new or changed */
	size_t n_functions;
	const struct bdf *removed;
	size_t n_removed;
	const struct left *journals;
	size_t n_journals;
	const struct bdf *families; /* that it would have to lock, too: nothing was done */
	size_t n_families;
	const struct assignment *assignments;
	size_t n_assignments;
	const char *text; /* JSON of a plan or a look, or NULL */
	size_t text_size; /* with its NUL */

	void *map; /* owned after result_read() */
	size_t map_size;
};

/* Writes all of @result to the empty file @fd.  0 or a negative errno. */
int result_write(int fd, const struct result *result);

/* -ENODATA: the worker did not get to its end. */
int result_read(int fd, struct result *ret);
void result_finish(struct result *result);
