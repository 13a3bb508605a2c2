/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One question to the kernel by netlink and its answer, for netlink.c (links) and devlink.c.
 * Each question has a socket of its own: forked workers must not share one.  Waits for the
 * kernel, as long as that takes.
 */

#include <stddef.h>

struct nl_msg;
struct nl_sock;

/* A new socket of @protocol (NETLINK_ROUTE, …) that is told the kernel's reasons; or NULL. */
struct nl_sock *nl_talk_open(int protocol);

/*
 * Sends @msg (which stays the caller's) and waits for the acknowledgement; @on_reply, unless
 * NULL, is called with each message that comes before.  Returns 0 or the kernel's negative
 * errno; @why then holds the driver's own words, or "".
 */
int nl_talk(struct nl_sock *sock, struct nl_msg *msg,
	    void (*on_reply)(struct nl_msg *msg, void *arg), void *arg, char *why, size_t size);
