/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The one function of a fuzz target, as libFuzzer calls it.  A target aborts when something is
 * wrong; the sanitizers see the rest.
 */

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
