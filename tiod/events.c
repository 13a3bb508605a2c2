/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/groups.h"
#include "daemon.h"
#include "views.h"

struct monitor {
	struct monitor *next;
	struct daemon *daemon; /* borrowed */
	struct call *call;     /* owned */
	struct bdf told;       /* while not live: functions up to here were told */
	bool live;             /* "ready" was sent */
	bool gone;             /* to be freed when nobody walks the list */
};

/* --- One subscriber --- */

/* False when it is full or gone. */
static bool send_to(struct monitor *monitor, json_t *event)
{
	if (!event || monitor->gone) {
		json_decref(event);
		return !monitor->gone;
	}
	call_continue(monitor->call, event);
	return !monitor->gone && !call_is_full(monitor->call);
}

static json_t *function_event(const struct daemon *daemon, struct bdf bdf,
			      const struct groups *groups)
{
	return json_pack("{ss so}", "event", "function", "function",
			 view_one_of_all(daemon, bdf, groups));
}

/* Sends functions until there are no more or the queue is full. */
static void dump(struct monitor *monitor)
{
	const struct cache *cache = &monitor->daemon->cache;
	struct groups groups;
	bool room = true;

	/* When memory is short they are empty. */
	(void)groups_init(&groups, &cache->snap);
	for (size_t i = 0; room && i < cache->snap.n_functions; i++) {
		const struct function *f = &cache->snap.functions[i];

		if (bdf_compare(f->bdf, monitor->told) <= 0 || !function_is_tdisp(f))
			continue;
		monitor->told = f->bdf;
		room = send_to(monitor, function_event(monitor->daemon, f->bdf, &groups));
	}
	groups_finish(&groups);
	if (!room)
		return;
	monitor->live = true;
	send_to(monitor, json_pack("{ss}", "event", "ready"));
}

/* Frees those that went away while the list was walked. */
static void sweep(struct events *events)
{
	struct monitor **at = &events->monitors;

	while (*at) {
		struct monitor *monitor = *at;

		if (!monitor->gone) {
			at = &monitor->next;
			continue;
		}
		*at = monitor->next;
		call_drop(monitor->call);
		free(monitor);
	}
}

static void on_gone(void *arg)
{
	struct monitor *monitor = arg;

	monitor->gone = true;
	sd_event_source_set_enabled(monitor->daemon->events.flush, SD_EVENT_ONESHOT);
}

static void on_drained(void *arg)
{
	struct monitor *monitor = arg;

	if (!monitor->live)
		dump(monitor);
}

/* Takes @event over. */
static void send_live(struct daemon *daemon, json_t *event)
{
	for (struct monitor *m = daemon->events.monitors; event && m; m = m->next) {
		if (!m->live || m->gone)
			continue;
		if (!call_is_full(m->call)) {
			send_to(m, json_incref(event));
			continue;
		}
		/* It gets everything anew once it has read what there is. */
		m->live = false;
		m->told = BDF_NONE;
		send_to(m, json_pack("{ss}", "event", "resync"));
	}
	json_decref(event);
}

void events_subscribe(struct daemon *daemon, struct call *call)
{
	struct monitor *monitor = calloc(1, sizeof(*monitor));

	if (!monitor) {
		call_error(call, "io.tiod.Busy", NULL);
		return;
	}
	*monitor = (struct monitor){ .daemon = daemon, .call = call };
	monitor->next = daemon->events.monitors;
	daemon->events.monitors = monitor;
	call->gone = on_gone;
	call->drained = on_drained;
	call->arg = monitor;
	dump(monitor);
}

/* --- What happened --- */

static void wake(struct daemon *daemon)
{
	if (daemon->events.monitors)
		sd_event_source_set_enabled(daemon->events.flush, SD_EVENT_ONESHOT);
}

void events_changed(struct daemon *daemon, struct bdf bdf)
{
	offers_touch(daemon);
	if (daemon->events.monitors && bdf_set_add(&daemon->events.changed, bdf) == 0)
		wake(daemon);
}

void events_removed(struct daemon *daemon, struct bdf bdf)
{
	offers_touch(daemon);
	if (daemon->events.monitors && bdf_set_add(&daemon->events.removed, bdf) == 0)
		wake(daemon);
}

static bool is_shown(const struct daemon *daemon, struct bdf bdf)
{
	const struct function *f = snapshot_find(&daemon->cache.snap, bdf);

	return (f && function_is_tdisp(f)) || assignments_find(&daemon->cache.all, bdf);
}

static int on_flush(sd_event_source *source, void *userdata)
{
	struct daemon *daemon = userdata;
	struct events *events = &daemon->events;
	char name[BDF_STRLEN];
	struct groups groups;

	for (size_t i = 0; i < events->removed.n; i++)
		if (!snapshot_find(&daemon->cache.snap, events->removed.list[i]))
			send_live(daemon, json_pack("{ss ss}", "event", "removed", "address",
						    bdf_format(events->removed.list[i], name)));
	(void)groups_init(&groups, &daemon->cache.snap);
	for (size_t i = 0; i < events->changed.n; i++)
		if (is_shown(daemon, events->changed.list[i]))
			send_live(daemon,
				  function_event(daemon, events->changed.list[i], &groups));
	groups_finish(&groups);
	events->removed.n = events->changed.n = 0;
	sweep(events);
	return 0;
}

void events_progress(struct daemon *daemon, const struct job *job,
		     const struct progress *progress)
{
	if (daemon->events.monitors)
		send_live(daemon, json_pack("{ss so}", "event", "progress", "progress",
					    view_progress(job, progress)));
}

void events_job(struct daemon *daemon, const struct job *job, const char *state)
{
	json_t *report;

	offers_touch(daemon);
	if (!daemon->events.monitors || job_only_looks(job))
		return;
	report = job_report(job);
	json_object_set_new(report, "state", json_string(state));
	send_live(daemon, json_pack("{ss so}", "event", "job", "job", report));
}

void events_tsm(struct daemon *daemon, const char *tsm, const char *action)
{
	offers_touch(daemon);
	if (daemon->events.monitors)
		send_live(daemon, json_pack("{ss so}", "event", "tsm", "text",
					    json_sprintf("%s: %s", tsm, action)));
}

void events_link(struct daemon *daemon, const struct link *link)
{
	bool fine = link->state.trouble == LINK_FINE;
	char name[BDF_STRLEN];

	offers_touch(daemon);
	if (daemon->events.monitors)
		send_live(daemon, json_pack("{ss ss ss}", "event", "link", "address",
					    bdf_format(link->family, name), "text",
					    fine ? "secure again" : link->state.text));
}

int events_init(struct daemon *daemon, struct tio_error *err)
{
	int r = sd_event_add_defer(daemon->event, &daemon->events.flush, on_flush, daemon);

	if (r >= 0)
		r = sd_event_source_set_enabled(daemon->events.flush, SD_EVENT_OFF);
	return r < 0 ? error_set(err, r, "prepare events: %s", strerror(-r)) : 0;
}

/* After server_finish(): all calls are unheard by then. */
void events_finish(struct daemon *daemon)
{
	for (struct monitor *m = daemon->events.monitors; m; m = m->next)
		m->gone = true;
	sweep(&daemon->events);
	bdf_set_finish(&daemon->events.changed);
	bdf_set_finish(&daemon->events.removed);
	daemon->events.flush = sd_event_source_disable_unref(daemon->events.flush);
}
