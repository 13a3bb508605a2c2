/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One INI file in systemd's style, and the folders that such files lie in.  Used by config.c
 * and config-rules.c: they say which keys there are, this says where a mistake is.
 *
 * Folders are a search path, "/etc/tiod:/run/tiod:/usr/lib/tiod": a file in an earlier one
 * hides the file of that name in later ones, and an empty file or a link to /dev/null hides
 * them all (UAPI.6, Configuration Files Specification).
 */

#include "base/text.h"
#include "config-keys.h"
#include "config.h"

/* A section and its keys. */
struct config_section {
	const char *name;
	const struct config_key *keys; /* ended by a NULL name */
	bool strict;                   /* of the first: what is not known is a mistake */
};

/* What is begun now, printf-wise: see struct config. */
void config_tell(const struct config *config, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Hands each value of the file at @path to its key, for @object.  @sections ends with a NULL
 * name.  0, -ENOENT, or -EINVAL after at least one note.
 */
int config_read_file(struct config *config, const char *path,
		     const struct config_section *sections, void *object);

/* @name is the file's name in its folder. */
typedef int (*config_file_fn)(struct config *config, const char *path, const char *name,
			      void *arg);

/*
 * Calls @fn for every *.conf in @folder of each of @dirs that isn't hidden, in the order of
 * their names; no folder is no files.  The last failure of @fn, but -ENOMEM before all.  -EIO:
 * a folder cannot be read, and none was called; what was read before should stay.
 */
int config_each_file(struct config *config, const char *dirs, const char *folder,
		     config_file_fn fn, void *arg);

/* The first of @dirs that has a file @name, as a path in @ret.  0, -ENOENT or -ENOMEM. */
int config_find_file(const char *dirs, const char *name, struct text *ret);

/* The first of @dirs, where an admin writes; cut off at @size.  Returns @buf. */
const char *config_first_dir(const char *dirs, char *buf, size_t size);

/* The file's name without ".conf", which becomes a name elsewhere.  0, or -EINVAL and a note.
 */
int config_name_of(struct config *config, const char *path, const char *file, const char *what,
		   char *buf, size_t size);
