/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The plugins' files: which there are, whether they can be trusted, and opening them.
 *
 * Listing is for workers; opening runs a stranger's code and is for the process that
 * host/plugins.c starts only.
 */

#include "core/plugins.h"

struct plugin_files {
	int dir; /* owned; -1: no folder */
	char names[PLUGINS_MAX][64];
	size_t n;
};

#define PLUGIN_FILES_NONE ((struct plugin_files){ .dir = -1 })

/*
 * Every *.so of @folder, in the order of their names; no folder is no files.  -errno: the
 * folder cannot be read, may be written to by others, or holds too much.
 */
int loader_list(const char *folder, struct plugin_files *ret, struct tio_error *err);
void loader_finish(struct plugin_files *files);

/* @ret stays valid until the process ends. */
int loader_open(int dir, const char *name, const struct tio_plugin **ret,
		struct tio_error *err);
