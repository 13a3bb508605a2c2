/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What must be made known outside once the big lock is let go: names that the
 * kernel may have cached and that are gone, and uevents.
 *
 * The kernel takes directory locks for the former, and whoever holds those may be
 * waiting for the big lock: nothing of this can be sent with it held.  One queue for
 * both keeps their order, so that a listener never finds the tree older than the event.
 */

#include <stdbool.h>
#include <stddef.h>

struct fuse_session;
struct node;

/* From now on invalidations go to @session, and uevents to the socket @netlink_fd. */
void out_start(struct fuse_session *session, int netlink_fd);
void out_stop(void);

void out_entry_gone(const struct node *parent, const char *name); /* lock held */
void out_inode_changed(const struct node *node);                  /* lock held */
void out_uevent(char *message, size_t size); /* takes @message; lock held */

/*
 * Sends what is queued, in order; what was queued before the call has been sent when it
 * returns.  Lock NOT held.
 */
void out_flush(void);
bool out_pending(void); /* lock held */
