/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "offers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon.h"
#include "handoff/cdi.h"
#include "handoff/nfd.h"
#include "host/publish.h"
#include "views.h"

static const struct {
	size_t path; /* in struct config */
	char *(*text)(const struct offer *offer, bool *empty);
} kinds[OFFERS_FILES] = {
	{ offsetof(struct config, cdi_file), cdi_text },
	{ offsetof(struct config, nfd_file), nfd_text },
};

/* One line a failure, not one for each try of it. */
static void note(struct offered *file, int code, const struct tio_error *err)
{
	if (code < 0 && code != file->code)
		log_error("%s (CdiFile= and NfdFile= of tiod.conf name such files)", err->text);
	else if (code == 0 && file->code < 0)
		log_info("%s can be written again", file->path);
	file->code = code;
}

/* @text is taken over; NULL: the file goes. */
static void put(struct offered *file, char *text)
{
	struct tio_error err = TIO_ERROR_NONE;
	int r = text ? publish_file(file->path, text, &err) : publish_remove(file->path, &err);

	note(file, r, &err);
	free(file->text);
	file->text = text;
	file->known = r == 0;
}

/* The file at the former path would stay as it is for ever. */
static void move(struct offered *file, const char *path)
{
	if (file->path[0])
		put(file, NULL);
	text_copy(file->path, sizeof(file->path), path);
	file->code = 0;
	file->known = false; /* a former tiod may have left something there */
}

static const char *state_of(void *arg, struct bdf bdf)
{
	return view_state(arg, bdf);
}

static void update(struct daemon *daemon, size_t i)
{
	const struct offer offer = { .snap = &daemon->cache.snap,
				     .all = &daemon->cache.all,
				     .state = state_of,
				     .arg = daemon };
	const char *path = (const char *)&daemon->config + kinds[i].path;
	struct offered *file = &daemon->offers.files[i];
	bool empty = false;
	char *text;

	if (strcmp(path, file->path) != 0)
		move(file, path);
	if (!path[0])
		return;
	text = kinds[i].text(&offer, &empty);
	if (!text && !empty)
		log_error("memory is short: %s stays as it is", path);
	else if (!file->known || !text != !file->text ||
		 (text && strcmp(text, file->text) != 0))
		put(file, take_ptr(text));
	free(text);
}

static int on_flush(sd_event_source *source, void *userdata)
{
	struct daemon *daemon = userdata;

	if (daemon->phase < DAEMON_READY)
		return 0;
	for (size_t i = 0; i < OFFERS_FILES; i++)
		update(daemon, i);
	return 0;
}

void offers_touch(struct daemon *daemon)
{
	if (daemon->offers.flush)
		sd_event_source_set_enabled(daemon->offers.flush, SD_EVENT_ONESHOT);
}

int offers_init(struct daemon *daemon, struct tio_error *err)
{
	int r = sd_event_add_defer(daemon->event, &daemon->offers.flush, on_flush, daemon);

	if (r >= 0)
		r = sd_event_source_set_enabled(daemon->offers.flush, SD_EVENT_OFF);
	return r < 0 ? error_set(err, r, "prepare the files for others: %s", strerror(-r)) : 0;
}

/* The files stay: what is attached stays attached. */
void offers_finish(struct daemon *daemon)
{
	for (size_t i = 0; i < OFFERS_FILES; i++)
		free(daemon->offers.files[i].text);
	daemon->offers.flush = sd_event_source_disable_unref(daemon->offers.flush);
}
