/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The process that plugins run in, and what a worker and it say to each other.  Used by
 * host/plugin*.c only.
 *
 * Both are the same program image, so messages are plain structs; but whatever the
 * process sends may be the work of a broken plugin, and is checked before it is used.
 */

#include <sys/types.h>

#include "core/declaration.h"
#include "host/host.h"
#include "host/loader.h"

#define PLUGIN_ATTRIBUTE_MAX 4096

enum plugin_message_kind {
	/* From the process, once it has started. */
	PLUGIN_LOADING,  /* @file is about to be loaded */
	PLUGIN_DECLARED, /* @plugin */
	PLUGIN_REFUSED,  /* @why */
	PLUGIN_READY,

	/* Questions to it and its answers. */
	PLUGIN_ASK_COMPANION, /* @functions */
	PLUGIN_COMPANION,     /* @code: 0 or 1 */
	PLUGIN_ASK_CHECK,     /* @check, @functions[0] */
	PLUGIN_FINDING,       /* @finding */

	/* What it asks while it looks for an answer. */
	PLUGIN_READ,  /* @text: the attribute */
	PLUGIN_BYTES, /* @code: their number, or -errno; @text */
};

struct plugin_message {
	enum plugin_message_kind kind;
	uint32_t file, check;
	int32_t code;
	union {
		struct plugin plugin;
		struct tio_function functions[2];
		struct tio_finding finding;
		char text[PLUGIN_ATTRIBUTE_MAX];
	};
};

/* Loads the files that are not in @skip and answers questions until the socket closes. */
__attribute__((noreturn)) void plugin_process_run(const struct host *host,
						  const struct plugin_files *files,
						  const bool *skip, int socket);

/*
 * Reads an attribute of a function for a plugin into @buf, PLUGIN_ATTRIBUTE_MAX bytes: its
 * length, or -errno.  See struct tio_reader for what may be read.
 */
int plugin_attribute_read(int sys_fd, struct bdf bdf, const char *attribute, char *buf);
