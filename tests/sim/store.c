/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <errno.h>
#include <string.h>

#include "alloc.h"
#include "store.h"

/* State and journals are small; a program that writes without end finds a full disk. */
#define STORE_FILE_MAX (64u << 20)

ssize_t store_read(const struct node *node, char *buf, size_t size, off_t off)
{
	if (off < 0 || (size_t)off >= node->size)
		return 0;
	if (size > node->size - off)
		size = node->size - off;
	memcpy(buf, node->data + off, size);
	return size;
}

static int make_room(struct node *node, size_t size)
{
	size_t room = node->room ? node->room : 256;

	if (size > STORE_FILE_MAX)
		return -ENOSPC;
	if (size <= node->room)
		return 0;
	while (room < size)
		room *= 2;
	node->data = sim_realloc(node->data, room);
	node->room = room;
	return 0;
}

int store_truncate(struct node *node, off_t size)
{
	int r = size < 0 ? -EINVAL : make_room(node, size);

	if (r < 0)
		return r;
	if ((size_t)size > node->size)
		memset(node->data + node->size, 0, size - node->size);
	node->size = size;
	clock_gettime(CLOCK_REALTIME, &node->mtime);
	return 0;
}

ssize_t store_write(struct node *node, const char *buf, size_t size, off_t off)
{
	int r = 0;

	if (off < 0 || (size_t)off + size > STORE_FILE_MAX)
		return -ENOSPC;
	if (off + size > node->size)
		r = store_truncate(node, off + size);
	if (r < 0)
		return r;
	memcpy(node->data + off, buf, size);
	clock_gettime(CLOCK_REALTIME, &node->mtime);
	return size;
}
