/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The files that tell other managers what tiod has ready: CdiFile= and NfdFile= of tiod.conf.
 * Written when what they say has changed, removed when there is nothing to say; each in a
 * worker, since an admin may have put them where writing waits.
 */

#include <stdbool.h>
#include <systemd/sd-event.h>

struct daemon;
struct tio_error;
struct worker;

#define OFFERS_FILES 2

/* One file as it was written last. */
struct offered {
	struct daemon *daemon; /* borrowed */
	char path[256];        /* "": none */
	char *text;            /* owned; NULL: removed */
	bool known;            /* the file is as it was written last */
	int code;              /* how the last try ended */

	/* While it is being written. */
	struct worker *worker; /* owned */
	char former[256];      /* removed on the way; "": none */
	bool late, again;      /* took too long; there is something newer to write */
};

struct offers {
	struct offered files[OFFERS_FILES];
	sd_event_source *flush; /* owned */
	sd_event_source *retry; /* owned; what could not be written is tried again */
};

int offers_init(struct daemon *daemon, struct tio_error *err);
void offers_finish(struct daemon *daemon);

/* True while one is being written. */
bool offers_busy(const struct daemon *daemon);

/* Something may have changed: looked at once when the loop comes round. */
void offers_touch(struct daemon *daemon);
