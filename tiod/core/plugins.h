/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Which plugin speaks for which function.  host/loader.c fills the list from
 * shared objects, in workers only; tests fill it with constants.
 */

#include <stddef.h>

#include "core/function.h"
#include "tio-plugin.h"

#define PLUGINS_MAX 32

struct plugins {
	const struct tio_plugin *list[PLUGINS_MAX]; /* borrowed from the loader */
	size_t n;
};

/* The plugin with the narrowest match (device before class before any); NULL if none. */
const struct tio_plugin *plugins_find(const struct plugins *plugins, const struct function *f);

/* True when the lead's plugin says that @sibling goes along with it. */
bool plugins_is_companion(const struct plugins *plugins, const struct function *lead,
			  const struct function *sibling);

/* What a plugin is shown of a function. */
struct tio_function plugins_view(const struct function *f);
