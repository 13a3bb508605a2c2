/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The files that tell other managers what tiod has ready: CdiFile= and NfdFile= of tiod.conf.
 * Written when what they say has changed, removed when there is nothing to say.
 */

#include <stdbool.h>
#include <systemd/sd-event.h>

struct daemon;
struct tio_error;

#define OFFERS_FILES 2

/* One file as it was written last. */
struct offered {
	char path[256]; /* "": none */
	char *text;     /* owned; NULL: removed */
	bool known;     /* the file is as it was written last */
	int code;       /* how the last try ended */
};

struct offers {
	struct offered files[OFFERS_FILES];
	sd_event_source *flush; /* owned */
};

int offers_init(struct daemon *daemon, struct tio_error *err);
void offers_finish(struct daemon *daemon);

/* Something may have changed: looked at once when the loop comes round. */
void offers_touch(struct daemon *daemon);
