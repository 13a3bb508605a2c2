/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * One client: its buffers, the call that it waits for, and its end.  Used by server.c;
 * everybody else sees a struct call.
 */

#include "server.h"

/* A reply, or what is left of it. */
struct chunk {
	struct chunk *next;
	char *data; /* owned */
	size_t size, sent;
	int *fds; /* owned; go out with the first byte */
	size_t n_fds;
};

struct connection {
	struct server *server; /* borrowed */
	struct connection *next;
	struct peer peer;
	int fd;                      /* owned */
	bool stranger;               /* may do nothing here, and not stay without asking */
	bool clean;                  /* no descriptors can be waiting in it */
	sd_event_source *io, *stall; /* owned */

	char *in;                           /* owned */
	size_t in_start, in_size, in_space; /* what is unread begins at in_start */
	size_t in_seen;                     /* of the unread, by wire_next() */
	struct chunk *out, **out_end;       /* owned */
	size_t out_size, out_fds;           /* bytes, and descriptors, that wait to go out */

	struct call *call; /* being answered; borrowed from whoever ends it */
	bool eof, hung_up, dead;
	bool again;      /* there may be a whole message left */
	bool processing; /* process() is further down the stack */
};

/* Takes @fd over, also on failure; @clean: as aside_refuse() says. */
int connection_new(struct server *server, int fd, bool clean, const struct peer *peer,
		   bool stranger);

/* It stays in memory until the loop comes round, for those further down the stack. */
void connection_close(struct connection *c);
void connection_reap(struct server *server);
