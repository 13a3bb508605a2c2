/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Descriptors that clients send along with their calls.  Nobody here wants them, and the last
 * close of one may take as long as its sender likes (a TCP socket with SO_LINGER): the kernel
 * is told to let none come, and where it cannot be, they are closed in threads that do nothing
 * else, never in the main loop.  Used by server.c and connection.c.
 */

#include <stdbool.h>
#include <sys/types.h>

/*
 * Lets no more descriptors come to @socket, nor to what is connected to it from now on (since
 * Linux 6.16).  True if none can have come before, either.
 */
bool aside_refuse(int socket);

/*
 * As read(2), without waiting.  -1 with EPROTO: descriptors came along, which are closed by
 * and by.
 */
ssize_t aside_read(int socket, void *data, size_t size);

/*
 * Hangs up at once, and closes @socket by and by, with the descriptors in it that nobody has
 * read; at once if it is @clean, as aside_refuse() said.
 */
void aside_close(int socket, bool clean);
