/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "daemon.h"
#include "methods.h"
#include "regrant.h"
#include "timer.h"
#include "worker.h"

#define LIMIT_MS   20000 /* unless StepTimeout= says otherwise */
#define RETRY_USEC (30 * 1000000ull)
#define EXACT_USEC 50000

#define FIX "see whether that file system, or who nsswitch.conf asks for users, answers; then "

struct reload_waiter {
	struct reload_waiter *next;
	struct reload *reload; /* borrowed; the lists that it may be on */
	struct call *call;     /* owned */
};

/* --- In the worker --- */

static void tell(void *arg, const char *what)
{
	struct progress progress = { .kind = PROGRESS_NOTE };

	text_copy(progress.text, sizeof(progress.text), what);
	channel_progress(arg, &progress);
}

/* Nothing is freed: it writes its result and exits. */
static void read_config(struct channel *channel, void *arg, struct result *ret)
{
	const struct daemon *daemon = arg;
	struct config config = daemon->config;
	void *packed;

	if (!daemon->reload.known)
		config = (struct config){ 0 };
	config.tell = tell;
	config.tell_arg = channel;
	ret->code = config_load(daemon->options->config_dir, &config);
	if (ret->code == -ENOMEM || config_pack(&config, &packed, &ret->text_size) < 0) {
		ret->code = error_set(&ret->error, -ENOMEM, "memory is short");
		return;
	}
	ret->text = packed;
	ret->code = 0;
}

/* --- Who waits --- */

static bool take_off(struct reload_waiter **list, const struct reload_waiter *waiter)
{
	for (; *list; list = &(*list)->next) {
		if (*list != waiter)
			continue;
		*list = waiter->next;
		return true;
	}
	return false;
}

/* Clients that ask and hang up would pile up while a reading hangs. */
static void on_gone(void *arg)
{
	struct reload_waiter *waiter = arg;
	struct reload *reload = waiter->reload;

	if (!take_off(&reload->now, waiter))
		(void)take_off(&reload->next, waiter);
	call_drop(waiter->call);
	free(waiter);
}

/* NULL when memory is short. */
static struct reload_waiter *wait_for(struct reload *reload, struct call *call,
				      struct reload_waiter *next)
{
	struct reload_waiter *waiter = calloc(1, sizeof(*waiter));

	if (!waiter)
		return NULL;
	*waiter = (struct reload_waiter){ .next = next, .reload = reload, .call = call };
	call->gone = on_gone;
	call->arg = waiter;
	return waiter;
}

static json_t *warnings(const struct config *config)
{
	json_t *list = json_array();

	for (size_t i = 0; i < config->n_notes; i++)
		json_array_append_new(list, json_string(config->notes[i].text));
	return json_pack("{so}", "warnings", list);
}

/* @err with code 0: it is in force. */
static void answer(struct daemon *daemon, struct reload_waiter **list,
		   const struct tio_error *err)
{
	struct reload_waiter *waiter;

	while ((waiter = *list)) {
		*list = waiter->next;
		if (err->code < 0)
			methods_fail(waiter->call, err);
		else
			methods_reply(waiter->call, warnings(&daemon->config));
		free(waiter);
	}
}

/* --- Its end --- */

static void begin(struct daemon *daemon);

static void retry_later(struct daemon *daemon)
{
	struct reload *reload = &daemon->reload;

	if (reload->known || daemon->phase == DAEMON_STOPPING)
		return;
	(void)timer_set(reload->retry, RETRY_USEC);
}

/* What is in force stays so; only what is known to be wrong with it is another thing now. */
static void fail(struct daemon *daemon, const struct tio_error *why)
{
	struct reload *reload = &daemon->reload;

	config_forget_notes(&daemon->config);
	config_note(&daemon->config, true, "%s", why->text);
	log_event(LOG_LEVEL_ERROR, LOG_EVENT_CONFIG, NULL, 0, "%s (%s)", why->text, why->fix);
	answer(daemon, &reload->now, why);
	retry_later(daemon);
	daemon_config_read(daemon, false);
}

static void succeed(struct daemon *daemon, const struct result *result)
{
	struct reload *reload = &daemon->reload;
	struct tio_error err = TIO_ERROR_NONE;
	struct config fresh, before = daemon->config;

	if (config_unpack(result->text, result->text_size, &fresh) < 0) {
		error_kind_set(&err, ERROR_BUSY, -ENOMEM,
			       "memory is short: the configuration stays as it was");
		fail(daemon, &err);
		return;
	}
	daemon->config = fresh;
	regrant_note_orphans(daemon, &before);
	reload->known = true;
	(void)sd_event_source_set_enabled(reload->retry, SD_EVENT_OFF);
	daemon_config_read(daemon, true);
	if (daemon->phase == DAEMON_READY)
		regrant(daemon, &before);
	config_finish(&before);
	answer(daemon, &reload->now, &err);
}

static void go_on(struct daemon *daemon)
{
	struct reload *reload = &daemon->reload;

	if (!reload->again || daemon->phase == DAEMON_STOPPING)
		return;
	reload->again = false;
	reload->now = reload->next;
	reload->next = NULL;
	begin(daemon);
}

static unsigned limit_ms(const struct daemon *daemon)
{
	return daemon->config.step_ms ?: LIMIT_MS;
}

static void say_late(const struct daemon *daemon, struct tio_error *err)
{
	const struct reload *reload = &daemon->reload;

	error_kind_set(err, ERROR_TIMEOUT, -ETIMEDOUT,
		       "the configuration was not read within %g s: tiod waits for %s; %s",
		       limit_ms(daemon) / 1000.0,
		       *reload->doing ? reload->doing : "its worker process",
		       reload->known ? "what was read before stays in force"
				     : "it knows no VMs and no rules yet");
	error_fix(err, FIX "%s",
		  reload->known ? "`tioctl reload`" : "tiod tries again twice a minute");
}

static void on_progress(void *arg, const struct progress *progress)
{
	struct daemon *daemon = arg;

	text_copy(daemon->reload.doing, sizeof(daemon->reload.doing), progress->text);
}

static void on_late(void *arg)
{
	struct daemon *daemon = arg;
	struct tio_error why = TIO_ERROR_NONE;

	say_late(daemon, &why);
	daemon->reload.late = true;
	worker_kill(daemon->reload.worker);
	fail(daemon, &why);
}

/* It cannot be killed: nothing is read until it goes, and nobody is kept waiting for that. */
static void on_stuck(void *arg)
{
	struct daemon *daemon = arg;
	struct tio_error why = TIO_ERROR_NONE;

	daemon->reload.stuck = true;
	say_late(daemon, &why);
	answer(daemon, &daemon->reload.next, &why);
}

static void on_ended(void *arg, const struct result *result, const struct tio_error *why)
{
	struct daemon *daemon = arg;
	struct reload *reload = &daemon->reload;
	struct tio_error err = *why;

	reload->worker = NULL;
	if (reload->late) {
		log_info("the reading of the configuration that hung has ended");
	} else if (result && result->code == 0) {
		succeed(daemon, result);
	} else {
		if (result)
			err = result->error;
		error_wrap(&err, err.code, "read the configuration");
		text_append(err.text, sizeof(err.text), "; what was in force stays");
		error_fix(&err, "`tioctl reload` tries again");
		fail(daemon, &err);
	}
	go_on(daemon);
}

static const struct worker_ops ops = {
	.progress = on_progress,
	.late = on_late,
	.stuck = on_stuck,
	.ended = on_ended,
};

/* --- Its begin --- */

static void begin(struct daemon *daemon)
{
	struct reload *reload = &daemon->reload;
	struct tio_error err = TIO_ERROR_NONE;
	const int none[] = { -1 };

	reload->late = reload->stuck = false;
	reload->doing[0] = '\0';
	if (worker_start(&reload->worker, daemon->event, read_config, daemon, none, &ops,
			 daemon, &err) < 0) {
		error_fix(&err, "`tioctl reload` tries again");
		fail(daemon, &err);
		return;
	}
	(void)worker_arm(reload->worker, limit_ms(daemon));
}

void reload_start(struct daemon *daemon, struct call *call)
{
	struct reload *reload = &daemon->reload;
	struct reload_waiter **list = reload->worker ? &reload->next : &reload->now;
	struct reload_waiter *waiter = NULL;

	/* Whoever waits for no answer must not be kept: there may be any number of them. */
	if (call && call->connection)
		waiter = wait_for(reload, call, *list);
	if (waiter)
		*list = waiter;
	else if (call)
		methods_reply(call, NULL);
	if (!reload->worker) {
		begin(daemon);
		return;
	}
	reload->again = true;
	if (reload->stuck)
		on_stuck(daemon);
}

void reload_cancel(struct daemon *daemon)
{
	struct tio_error why = TIO_ERROR_NONE;

	error_kind_set(&why, ERROR_BUSY, -ESHUTDOWN,
		       "tiod is being stopped; the next one reads the configuration anyway");
	answer(daemon, &daemon->reload.now, &why);
	answer(daemon, &daemon->reload.next, &why);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *daemon = userdata;

	if (daemon->reload.worker)
		retry_later(daemon);
	else
		reload_start(daemon, NULL);
	return 0;
}

int reload_init(struct daemon *daemon, struct tio_error *err)
{
	int r = timer_new(daemon->event, &daemon->reload.retry, EXACT_USEC, on_retry, daemon);

	return r < 0 ? error_set(err, r, "prepare to read the configuration: %s", strerror(-r))
		     : 0;
}

static void forget(struct reload_waiter *list)
{
	while (list) {
		struct reload_waiter *next = list->next;

		call_drop(list->call);
		free(list);
		list = next;
	}
}

/* Called when all connections are closed, so that nobody waits for what is dropped here. */
void reload_finish(struct daemon *daemon)
{
	struct reload *reload = &daemon->reload;

	worker_free(reload->worker);
	forget(reload->now);
	forget(reload->next);
	sd_event_source_disable_unref(reload->retry);
	*reload = (struct reload){ 0 };
}
