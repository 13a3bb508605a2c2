/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Any device that has no plugin of its own.  A start for those that will have one.
 */

#include "tio-plugin.h"

#define CLASS_DISPLAY 0x03   /* base class */
#define CLASS_AUDIO   0x0403 /* HD audio: base class and subclass */

/* The sound of a graphics card's outputs is of no use without the card, and vice versa. */
static bool is_companion(const struct tio_function *lead, const struct tio_function *sibling)
{
	return lead->class >> 16 == CLASS_DISPLAY && sibling->class >> 8 == CLASS_AUDIO &&
	       lead->same_card == sibling->same_card && !lead->is_vf && !sibling->is_vf;
}

static const struct tio_match any[] = { { 0 } };

TIO_EXPORT const struct tio_plugin tio_plugin = {
	TIO_PLUGIN_HEAD,
	.name = "generic",
	.match = any,
	.n_match = sizeof(any) / sizeof(any[0]),
	.is_companion = is_companion,
};
