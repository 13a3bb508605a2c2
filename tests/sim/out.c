/* SPDX-License-Identifier: GPL-2.0-or-later */

#define FUSE_USE_VERSION 312

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "alloc.h"
#include "node.h"
#include "out.h"

enum item_kind { ITEM_ENTRY, ITEM_INODE, ITEM_UEVENT };

struct item {
	struct item *next;
	enum item_kind kind;
	fuse_ino_t ino;
	char *bytes; /* owned */
	size_t size;
};

static struct {
	struct item *first, **last; /* guarded by the big lock */
	struct fuse_session *session;
	int netlink_fd;
	pthread_mutex_t sending; /* taken before the big lock, never under it */
} out = { .last = &out.first, .netlink_fd = -1, .sending = PTHREAD_MUTEX_INITIALIZER };

void out_start(struct fuse_session *session, int netlink_fd)
{
	pthread_mutex_lock(&out.sending);
	sim_lock();
	out.session = session;
	out.netlink_fd = netlink_fd;
	sim_unlock();
	pthread_mutex_unlock(&out.sending);
}

static void item_free(struct item *item)
{
	free(item->bytes);
	free(item);
}

void out_stop(void)
{
	struct item *next;

	out.session = NULL;
	out.netlink_fd = -1;
	for (struct item *item = out.first; item; item = next) {
		next = item->next;
		item_free(item);
	}
	out.first = NULL;
	out.last = &out.first;
}

static void queue(enum item_kind kind, fuse_ino_t ino, char *bytes, size_t size)
{
	struct item *item;

	if (!out.session) {
		free(bytes);
		return;
	}
	item = sim_alloc(sizeof(*item));
	*item = (struct item){ .kind = kind, .ino = ino, .bytes = bytes, .size = size };
	*out.last = item;
	out.last = &item->next;
}

void out_entry_gone(const struct node *parent, const char *name)
{
	fuse_ino_t ino = parent->parent ? (fuse_ino_t)parent : FUSE_ROOT_ID;

	queue(ITEM_ENTRY, ino, sim_strdup(name), strlen(name));
}

void out_inode_changed(const struct node *node)
{
	queue(ITEM_INODE, (fuse_ino_t)node, NULL, 0);
}

void out_uevent(char *message, size_t size)
{
	queue(ITEM_UEVENT, 0, message, size);
}

bool out_pending(void)
{
	return out.first;
}

/* Nothing here can fail in a way that matters: the name may be unknown, nobody may listen. */
static void send_item(const struct item *item)
{
	switch (item->kind) {
	case ITEM_ENTRY:
		fuse_lowlevel_notify_inval_entry(out.session, item->ino, item->bytes,
						 item->size);
		break;
	case ITEM_INODE:
		fuse_lowlevel_notify_inval_inode(out.session, item->ino, -1, 0);
		break;
	case ITEM_UEVENT:
		if (out.netlink_fd >= 0)
			(void)!send(out.netlink_fd, item->bytes, item->size, 0);
		break;
	}
}

void out_flush(void)
{
	struct item *item, *next;

	pthread_mutex_lock(&out.sending);
	sim_lock();
	item = out.first;
	out.first = NULL;
	out.last = &out.first;
	sim_unlock();
	for (; item; item = next) {
		next = item->next;
		send_item(item);
		item_free(item);
	}
	pthread_mutex_unlock(&out.sending);
}
