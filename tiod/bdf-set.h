/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * A sorted list of functions, each once: what is to be read again, what has changed.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/bdf.h"

struct bdf_set {
	struct bdf *list; /* owned */
	size_t n, space;
};

/* 0 or -ENOMEM. */
int bdf_set_add(struct bdf_set *set, struct bdf bdf);
int bdf_set_add_all(struct bdf_set *set, const struct bdf_set *other);
bool bdf_set_has(const struct bdf_set *set, struct bdf bdf);
void bdf_set_finish(struct bdf_set *set);
