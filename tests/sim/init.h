/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * PID 1 of the simulation: builds the root, starts udevd and the command, reaps.
 *
 * It talks to the server over a socket of packets, one byte each of enum init_message,
 * with a status or a file descriptor beside it.
 */

#include "run.h"

/* Paths below the server's own tmpfs on /run, before the root is changed. */
#define PLACE_TREE "/run/tree"  /* the file system of fuse.c */
#define PLACE_ROOT "/run/root"  /* becomes the root */
#define PLACE_RUN  "/run/inner" /* becomes /run */

struct init_message {
	enum { INIT_GO, INIT_LISTENER, INIT_EXIT } kind;
	int status;
};

/* @fd, if not -1, goes along. */
int init_send(int socket, const struct init_message *message, int fd);
/* False at the end of the conversation.  @ret_fd is -1 unless one came along. */
bool init_receive(int socket, struct init_message *message, int *ret_fd);

/* For children about to exec: the server's mask is no business of theirs. */
void init_unblock_signals(void);

_Noreturn void init_main(const struct run_options *options, int socket);
