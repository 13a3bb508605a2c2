/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The keys of the configuration files and what may be written behind them.  Used by
 * config.c only.
 */

#include <stdbool.h>
#include <stddef.h>

struct config_key {
	const char *name;

	/*
	 * Puts @value into the field at @offset of @object.  0, or -EINVAL with @expected
	 * saying what belongs there.
	 */
	int (*set)(const char *value, size_t offset, void *object, const char **expected);
	size_t offset;
	bool asks; /* for users, which may take for ever */
};

/* Each ended by a NULL name; of a struct config and of a struct vm. */
extern const struct config_key config_daemon_keys[];
extern const struct config_key config_vm_keys[];
/* Of a struct vm, too: what its network VFs are set to. */
extern const struct config_key config_network_keys[];
