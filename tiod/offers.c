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
#include "timer.h"
#include "views.h"
#include "worker.h"

#define LIMIT_MS   20000 /* unless StepTimeout= says otherwise */
#define RETRY_USEC (30 * 1000000ull)
#define EXACT_USEC 50000

static const struct {
	size_t path; /* in struct config */
	char *(*text)(const struct offer *offer, bool *empty);
} kinds[OFFERS_FILES] = {
	{ offsetof(struct config, cdi_file), cdi_text },
	{ offsetof(struct config, nfd_file), nfd_text },
};

/* --- In the worker --- */

static void write_file(struct channel *channel, void *arg, struct result *ret)
{
	const struct offered *file = arg;
	struct tio_error err = TIO_ERROR_NONE;

	/* What cannot be removed there is no reason not to write here. */
	if (file->former[0] && publish_remove(file->former, &err) < 0)
		error_wrap(&err, err.code, "tiod.conf named this file before");
	if (file->path[0] && file->text)
		ret->code = publish_file(file->path, file->text, &ret->error);
	else if (file->path[0])
		ret->code = publish_remove(file->path, &ret->error);
	if (ret->code == 0 && err.code < 0) {
		ret->error = err;
		ret->code = err.code;
	}
}

/* --- Its end --- */

/* One line a failure, not one for each try of it. */
static void note(struct offered *file, int code, const struct tio_error *err)
{
	if (code < 0 && code != file->code)
		log_error("%s (CdiFile= and NfdFile= of tiod.conf name such files)", err->text);
	else if (code == 0 && file->code < 0)
		log_info("%s can be written again", file->path[0] ? file->path : file->former);
	file->code = code;
}

static void on_late(void *arg)
{
	struct offered *file = arg;

	file->late = true;
	worker_kill(file->worker);
}

static unsigned limit_ms(const struct offered *file)
{
	return file->daemon->config.step_ms ?: LIMIT_MS;
}

static void say_late(const struct offered *file, struct tio_error *err)
{
	error_set(err, -ETIMEDOUT, "write %s: it did not end within %g s",
		  file->path[0] ? file->path : file->former, limit_ms(file) / 1000.0);
}

/* Nobody else writes there until it goes: the file stays as it is. */
static void on_stuck(void *arg)
{
	struct offered *file = arg;
	struct tio_error err = TIO_ERROR_NONE;

	say_late(file, &err);
	text_append(err.text, sizeof(err.text), ", and its process hangs in the kernel");
	note(file, err.code, &err);
}

static void retry_later(struct daemon *daemon)
{
	sd_event_source *retry = daemon->offers.retry;

	(void)timer_set(retry, RETRY_USEC);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	offers_touch(userdata);
	return 0;
}

static void on_ended(void *arg, const struct result *result, const struct tio_error *why)
{
	struct offered *file = arg;
	struct tio_error err = result ? result->error : *why;

	file->worker = NULL;
	if (!result && file->late)
		say_late(file, &err);
	note(file, result ? result->code : err.code, &err);
	file->known = result && result->code == 0;
	if (file->known)
		file->former[0] = '\0';
	else
		retry_later(file->daemon);
	if (file->again)
		offers_touch(file->daemon);
	daemon_offer_written(file->daemon);
}

static const struct worker_ops ops = {
	.late = on_late,
	.stuck = on_stuck,
	.ended = on_ended,
};

/* --- Its begin --- */

/* @text is taken over; NULL: the file goes. */
static void put(struct offered *file, char *text)
{
	struct tio_error err = TIO_ERROR_NONE;
	const int none[] = { -1 };

	free(file->text);
	file->text = text;
	file->late = file->again = false;
	if (worker_start(&file->worker, file->daemon->event, write_file, file, none, &ops, file,
			 &err) < 0) {
		file->known = false;
		note(file, err.code, &err);
		retry_later(file->daemon);
		return;
	}
	(void)worker_arm(file->worker, limit_ms(file));
}

/* The file at the former path would stay as it is for ever. */
static void move(struct offered *file, const char *path)
{
	text_copy(file->former, sizeof(file->former), file->path);
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

	if (file->worker) {
		file->again = true;
		return;
	}
	if (strcmp(path, file->path) != 0)
		move(file, path);
	if (!path[0]) {
		if (file->former[0])
			put(file, NULL);
		return;
	}
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

bool offers_busy(const struct daemon *daemon)
{
	for (size_t i = 0; i < OFFERS_FILES; i++)
		if (daemon->offers.files[i].worker)
			return true;
	return false;
}

int offers_init(struct daemon *daemon, struct tio_error *err)
{
	int r;

	for (size_t i = 0; i < OFFERS_FILES; i++)
		daemon->offers.files[i].daemon = daemon;
	r = sd_event_add_defer(daemon->event, &daemon->offers.flush, on_flush, daemon);

	if (r >= 0)
		r = sd_event_source_set_enabled(daemon->offers.flush, SD_EVENT_OFF);
	if (r >= 0)
		r = timer_new(daemon->event, &daemon->offers.retry, EXACT_USEC, on_retry,
			      daemon);
	return r < 0 ? error_set(err, r, "prepare the files for others: %s", strerror(-r)) : 0;
}

/* The files stay: what is attached stays attached. */
void offers_finish(struct daemon *daemon)
{
	for (size_t i = 0; i < OFFERS_FILES; i++) {
		worker_free(daemon->offers.files[i].worker);
		free(daemon->offers.files[i].text);
	}
	daemon->offers.flush = sd_event_source_disable_unref(daemon->offers.flush);
	daemon->offers.retry = sd_event_source_disable_unref(daemon->offers.retry);
}
