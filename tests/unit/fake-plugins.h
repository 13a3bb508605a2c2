/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Plugins that are constants of a test: core asks them directly, without a process.
 */

#include "core/plugins.h"

#define FAKE_PLUGINS_MAX 8

struct fake_plugins {
	struct plugins plugins;
	struct plugin list[FAKE_PLUGINS_MAX];
	struct plugin_refused refused[1];
	const struct tio_plugin *constants[FAKE_PLUGINS_MAX];
	bool broken; /* no question is answered */

	/* What the attribute reader knows: pairs of name and value, ended by NULL. */
	const char *const *attributes;
};

void fake_plugins_init(struct fake_plugins *fake);

/* Aborts when the constant is no proper plugin. */
void fake_plugins_add(struct fake_plugins *fake, const struct tio_plugin *constant);
