/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Answers to commands: {"ok": true, …} or {"ok": false, "error": "sentence"}.
 */

#include <jansson.h>

json_t *reply_ok(void);
json_t *reply_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
