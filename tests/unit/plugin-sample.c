/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * One plugin in many shapes, right and wrong, for test-loader.c: each is built from this
 * file with another SAMPLE_* value.
 */

#include "tio-plugin.h"

#ifndef SAMPLE_ABI
#define SAMPLE_ABI TIO_PLUGIN_ABI
#endif
#ifndef SAMPLE_SIZE
#define SAMPLE_SIZE sizeof(struct tio_plugin)
#endif
#ifndef SAMPLE_NAME
#define SAMPLE_NAME "sample"
#endif
#ifndef SAMPLE_MATCHES
#define SAMPLE_MATCHES 1
#endif
#ifndef SAMPLE_SYMBOL
#define SAMPLE_SYMBOL tio_plugin
#endif

static const struct tio_match any[] = { { 0 } };

#ifdef SAMPLE_COMPANIONS
/* All of the IOMMU group, whichever card it is of. */
static bool is_companion(const struct tio_function *lead, const struct tio_function *sibling)
{
	return true;
}
#endif

TIO_EXPORT const struct tio_plugin SAMPLE_SYMBOL = {
	.size = SAMPLE_SIZE,
	.abi = SAMPLE_ABI,
	.function_size = sizeof(struct tio_function),
	.traits_size = sizeof(struct tio_traits),
	.match_size = sizeof(struct tio_match),
	.check_size = sizeof(struct tio_check),
	.name = SAMPLE_NAME,
	.match = any,
	.n_match = SAMPLE_MATCHES,
#ifdef SAMPLE_COMPANIONS
	.is_companion = is_companion,
#endif
};
