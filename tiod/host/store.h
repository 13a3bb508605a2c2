/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Small files that must survive a crash: each is replaced as a whole, so a reader finds
 * the old text or the new one, and it is on disk when the call returns.
 *
 * Two writers of one file must hold its lock: they share the name of the unfinished file.
 */

#include <stddef.h>

struct tio_error;

#define STORE_FILE_MAX (16 * 1024 * 1024)

/*
 * The file's text, terminated (free() it); NULL and 0 bytes if there is no such file.
 * -EFBIG: more than STORE_FILE_MAX.
 */
int store_read(int dir, const char *name, char **ret, size_t *ret_size, struct tio_error *err);

int store_replace(int dir, const char *name, const char *text, size_t size,
		  struct tio_error *err);

/* No such file is a success. */
int store_remove(int dir, const char *name, struct tio_error *err);

/* Waits for an exclusive lock.  @ret is its file: closing it, or dying, lets go of it. */
int store_lock(int dir, const char *name, int *ret, struct tio_error *err);
