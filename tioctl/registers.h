/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The IDE registers of one end, a line a register, in the words of lspci 3.13 and later where
 * those are right: used by tioctl ide.
 */

#include <jansson.h>

#include "tioctl/render.h"

/* @registers is an io.tiod.IdeRegisters; @used is the block that @stream has, -1 for none. */
void registers_print(const struct screen *screen, const json_t *registers, long long used,
		     const char *stream);
