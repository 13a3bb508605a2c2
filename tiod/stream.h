/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Replies that are ready, sent as fast as the client takes them: for methods that answer with
 * a stream of a known length.
 */

#include <stddef.h>

struct call;

/*
 * @text: replies that each end in NUL, @size of them with the last one's; it is taken over.
 * The last reply ends the call.
 */
void stream_send(struct call *call, char *text, size_t size);
