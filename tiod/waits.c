/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "waits.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/request.h"
#include "daemon.h"
#include "methods.h"
#include "scan-events.h"
#include "timer.h"

#define EXACT_USEC 50000

struct wait {
	struct wait *next;
	struct daemon *daemon; /* borrowed */
	struct call *call;     /* owned */
	enum waits_for what;
	uint64_t scan;  /* whose end is awaited */
	uint64_t until; /* usec, monotonic */
	bool gone;      /* the client */
};

/* --- Who has to wait --- */

enum waits_for waits_of_name(const struct daemon *daemon, const char *name, uint64_t *ret_scan)
{
	struct target target = { .vf_index = -1 };
	struct tio_error why = TIO_ERROR_NONE;
	int r = request_resolve(&daemon->cache.snap, name, &target, &why);

	if (r < 0 && why.kind == ERROR_NO_FUNCTION) {
		*ret_scan = scans_next(daemon);
		return WAITS_FOR_LOOK;
	}
	*ret_scan = r < 0 ? 0 : scans_with_news(daemon, target.function);
	if (r == 0 && !*ret_scan && target.physfn.valid)
		*ret_scan = scans_with_news(daemon, target.physfn);
	return *ret_scan ? WAITS_FOR_NEWS : WAITS_FOR_NOTHING;
}

/* The most that any of its names asks for.  Longer lists than are allowed are refused later. */
static enum waits_for waits_of_call(const struct daemon *daemon, const struct call *call,
				    uint64_t *ret_scan)
{
	const json_t *names = json_object_get(call->wire.parameters, "functions"), *name;
	enum waits_for what = WAITS_FOR_NOTHING;
	uint64_t scan;
	size_t i;

	*ret_scan = 0;
	if (!names)
		return waits_of_name(daemon, methods_text(call, "function"), ret_scan);
	if (json_array_size(names) > REQUEST_TARGETS_MAX)
		return what;
	json_array_foreach(names, i, name)
	{
		enum waits_for one = waits_of_name(daemon, json_string_value(name), &scan);

		if (one > what)
			what = one;
		if (scan > *ret_scan)
			*ret_scan = scan;
	}
	return what;
}

static bool has_room(const struct waits *waits, uid_t uid)
{
	size_t same = 0;

	for (const struct wait *wait = waits->list; wait; wait = wait->next)
		same += wait->call->who.uid == uid;
	return waits->n < WAITS_MAX && same < WAITS_PER_UID;
}

/* --- The list --- */

static void wake(struct daemon *daemon)
{
	(void)sd_event_source_set_enabled(daemon->waits.wake, SD_EVENT_ONESHOT);
}

static void on_gone(void *arg)
{
	struct wait *wait = arg;

	wait->gone = true;
	wake(wait->daemon);
}

/* Until the first has waited too long. */
static void arm(struct waits *waits)
{
	if (waits->list)
		(void)sd_event_source_set_time(waits->timer, waits->list->until);
	(void)sd_event_source_set_enabled(waits->timer,
					  waits->list ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

/* Has the next reading begin as soon as may be, if somebody waits for one. */
static void hurry(struct daemon *daemon)
{
	const struct waits *waits = &daemon->waits;
	uint64_t now = now_usec(), at = waits->in_vain + WAITS_IN_VAIN_USEC;
	bool look = false, news = false;

	for (const struct wait *wait = waits->list; wait; wait = wait->next) {
		look |= wait->what == WAITS_FOR_LOOK && wait->scan > daemon->scans.ended;
		news |= wait->what == WAITS_FOR_NEWS && wait->scan > daemon->scans.ended;
	}
	if (look)
		scans_look(daemon);
	if (news || (look && at <= now))
		scans_hurry(daemon, 0);
	else if (look)
		scans_hurry(daemon, at - now);
}

static bool is_over(const struct wait *wait)
{
	const struct daemon *daemon = wait->daemon;

	return wait->gone || daemon->phase == DAEMON_STOPPING ||
	       wait->scan <= daemon->scans.ended || wait->until <= now_usec();
}

/* Takes the first out that waits no longer; NULL: there is none. */
static struct wait *take_over(struct waits *waits)
{
	for (struct wait **at = &waits->list; *at; at = &(*at)->next) {
		struct wait *wait = *at;

		if (!is_over(wait))
			continue;
		*at = wait->next;
		waits->n--;
		return wait;
	}
	return NULL;
}

/* The reading that it waited for has not made anything known. */
static bool was_in_vain(const struct wait *wait)
{
	uint64_t ignored;

	return wait->what == WAITS_FOR_LOOK &&
	       waits_of_call(wait->daemon, wait->call, &ignored) == WAITS_FOR_LOOK;
}

static void go_on(struct wait *wait)
{
	struct daemon *daemon = wait->daemon;
	struct call *call = wait->call;

	if (wait->scan > daemon->scans.ended)
		log_debug("%s goes on without what was to be read for it", call->wire.method);
	if (was_in_vain(wait))
		daemon->waits.in_vain = now_usec();
	call->gone = NULL;
	call->arg = NULL;
	free(wait);
	methods_resume(daemon, call);
}

/* Whoever comes meanwhile waits for a later reading, so this ends. */
static int on_wake(sd_event_source *source, void *userdata)
{
	struct daemon *daemon = userdata;
	struct wait *wait;

	while ((wait = take_over(&daemon->waits))) {
		if (!wait->gone) {
			go_on(wait);
			continue;
		}
		call_drop(wait->call);
		free(wait);
	}
	arm(&daemon->waits);
	hurry(daemon);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	return on_wake(NULL, userdata);
}

bool waits_take(struct daemon *daemon, struct call *call)
{
	struct waits *waits = &daemon->waits;
	struct wait **end = &waits->list, *wait;
	enum waits_for what;
	uint64_t scan;

	if (daemon->phase != DAEMON_READY)
		return false;
	scan_events_take(daemon);
	what = waits_of_call(daemon, call, &scan);
	if (what == WAITS_FOR_NOTHING || !has_room(waits, call->who.uid))
		return false;
	wait = calloc(1, sizeof(*wait));
	if (!wait)
		return false;
	*wait = (struct wait){ .daemon = daemon,
			       .call = call,
			       .what = what,
			       .scan = scan,
			       .until = now_usec() + WAITS_USEC };
	call->gone = on_gone;
	call->arg = wait;
	while (*end)
		end = &(*end)->next;
	*end = wait;
	waits->n++;
	arm(waits);
	hurry(daemon);
	return true;
}

void waits_scan_ended(struct daemon *daemon)
{
	if (daemon->waits.list)
		wake(daemon);
}

void waits_end(struct daemon *daemon)
{
	waits_scan_ended(daemon);
}

int waits_init(struct daemon *daemon, struct tio_error *err)
{
	struct waits *waits = &daemon->waits;
	int r = sd_event_add_defer(daemon->event, &waits->wake, on_wake, daemon);

	if (r >= 0)
		r = sd_event_source_set_enabled(waits->wake, SD_EVENT_OFF);
	if (r >= 0)
		r = timer_new(daemon->event, &waits->timer, EXACT_USEC, on_timer, daemon);
	return r < 0 ? error_set(err, r, "prepare for calls that wait: %s", strerror(-r)) : 0;
}

/* After server_finish(): all calls are unheard by then. */
void waits_finish(struct daemon *daemon)
{
	struct waits *waits = &daemon->waits;

	while (waits->list) {
		struct wait *wait = waits->list;

		waits->list = wait->next;
		call_drop(wait->call);
		free(wait);
	}
	waits->wake = sd_event_source_disable_unref(waits->wake);
	waits->timer = sd_event_source_disable_unref(waits->timer);
}
