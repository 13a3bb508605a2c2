/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A folder of files that is written as a whole or not at all: each file under another name
 * first, and all renamed when the last is on the disk.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define SAVE_FILES_MAX 160
#define SAVE_NAME_MAX  32

struct save {
	const char *path; /* borrowed */
	int dir;          /* owned */
	bool made;        /* the folder was not there before */
	char names[SAVE_FILES_MAX][SAVE_NAME_MAX];
	size_t n_names;
};

/*
 * 0 also when there is no such folder; -EEXIST: there is something in it already.  One that is
 * a symbolic link, another's, or for others to write to is refused (-ELOOP, -EPERM).
 */
int save_check(const char *path, bool overwrite, struct tio_error *err);

/* Makes the folder (0700) unless it is there.  Ended by save_commit() or save_abort(). */
int save_begin(struct save *save, const char *path, bool overwrite, struct tio_error *err);

int save_file(struct save *save, const char *name, const void *data, size_t size,
	      struct tio_error *err);

/* The file that was given last gets its name last.  On failure as save_abort(). */
int save_commit(struct save *save, struct tio_error *err);

/* Takes away what was written. */
void save_abort(struct save *save);
