/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The sockets at which clients are waited for: made here, or passed by the service manager.
 * Used by server.c.
 */

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "base/error.h"

struct listening {
	int fd;                  /* owned */
	sd_event_source *source; /* owned */
	char path[108];          /* "": it has none in the file system */
	dev_t dev;               /* and @ino: what was at @path when it was the socket's */
	ino_t ino;
	bool ours; /* made here: its path goes with it */
};

/* Takes over a descriptor that was passed; its path may be gone, or another's. */
int listening_take(struct listening *ret, int fd, struct tio_error *err);

/*
 * Makes a socket at @path.  What a process that is gone has left there makes room; anything
 * else is refused.  @patient: a process that is just dying is waited for, up to a second.
 */
int listening_make(struct listening *ret, const char *path, bool patient,
		   struct tio_error *err);

/* Does its path still lead to it?  True when it has none. */
bool listening_is_there(const struct listening *socket);

void listening_close(struct listening *socket);
