/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Fields of an object below each other, a "label  value" line each, in groups: what show
 * and status DEV print.  A field that is not known has no line.
 */

#include <jansson.h>

#include "tioctl/render.h"

enum shape {
	SHAPE_TEXT,
	SHAPE_BOOL,
	SHAPE_NUMBER,
	SHAPE_HEX,
	SHAPE_BYTES,
	SHAPE_NAMES,
	SHAPE_SECONDS,
};

void rows_field(const struct screen *screen, const char *label, const json_t *object,
		const char *key, enum shape shape);

/* On a terminal only: in a pipe the labels must do. */
void rows_group(const struct screen *screen, const char *group);
