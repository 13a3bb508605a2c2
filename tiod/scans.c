/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scans.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "daemon.h"

#define GATHER_USEC  50000 /* events come in bursts: one scan for all of them */
#define RETRY_USEC   500000
#define EXACT_USEC   5000
#define FAILURES_MAX 5
#define FIRST_MS     120000
#define PLAIN_MS     10000
#define PLAIN_PER_MS 20 /* beside it, for each function */
#define LINKS_MS     2000
#define LINKS_PER_MS 5

static void plan_next(struct daemon *daemon, uint64_t usec)
{
	struct scans *scans = &daemon->scans;
	int on = SD_EVENT_OFF;

	if (!scans->enabled || scans->worker)
		return;
	(void)sd_event_source_get_enabled(scans->timer, &on);
	if (on != SD_EVENT_OFF)
		return;
	sd_event_source_set_time_relative(scans->timer, usec);
	sd_event_source_set_enabled(scans->timer, SD_EVENT_ONESHOT);
}

static bool has_work(const struct scans *scans)
{
	return scans->dirty.n || scans->gone.n || scans->everything;
}

bool scans_has_work(const struct daemon *daemon)
{
	return has_work(&daemon->scans);
}

void scans_mark(struct daemon *daemon, struct bdf bdf)
{
	if (bdf_set_add(&daemon->scans.dirty, bdf) < 0)
		daemon->scans.everything = true;
	plan_next(daemon, GATHER_USEC);
}

void scans_mark_everything(struct daemon *daemon)
{
	daemon->scans.everything = true;
	plan_next(daemon, GATHER_USEC);
}

void scans_links_free(struct daemon *daemon)
{
	struct scans *scans = &daemon->scans;

	if (!scans->missed.n)
		return;
	if (bdf_set_add_all(&scans->dirty, &scans->missed) < 0)
		scans->everything = true;
	scans->missed.n = 0;
	plan_next(daemon, GATHER_USEC);
}

/* --- Events --- */

/* The kernel tells of each VF that goes, but not that its PF has fewer of them now. */
static void mark_pf_of(struct daemon *daemon, struct bdf vf)
{
	const struct function *f = snapshot_find(&daemon->cache.snap, vf);

	if (f && f->physfn.valid)
		scans_mark(daemon, f->physfn);
}

static void take_event(struct daemon *daemon, const struct uevent *event)
{
	struct scans *scans = &daemon->scans;

	switch (event->kind) {
	case UEVENT_FUNCTION:
		scans_mark(daemon, event->function);
		return;
	case UEVENT_REMOVED:
		if (bdf_set_add(&scans->gone, event->function) < 0)
			scans->from_nothing = true;
		scans_mark(daemon, event->function);
		mark_pf_of(daemon, event->function);
		return;
	case UEVENT_TSM:
		/* tsm/ directories come and go without events of their own. */
		events_tsm(daemon, event->tsm, event->action);
		scans_mark_everything(daemon);
		return;
	case UEVENT_LOST:
		log_warning("the kernel dropped events: reading the whole host again");
		scans->from_nothing = true;
		scans_mark_everything(daemon);
		return;
	case UEVENT_OTHER:
		return;
	}
}

static int on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct daemon *daemon = userdata;
	struct uevent event;

	while (uevents_next(daemon->scans.uevents, &event) > 0)
		take_event(daemon, &event);
	return 0;
}

/* --- One scan --- */

static void swap(struct bdf_set *a, struct bdf_set *b)
{
	struct bdf_set c = *a;

	*a = *b;
	*b = c;
}

static void take_all_as_dirty(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->cache.snap.n_functions; i++)
		if (bdf_set_add(&daemon->scans.now_dirty, daemon->cache.snap.functions[i].bdf) <
		    0)
			daemon->scans.work.from_nothing = true;
}

static uint64_t time_for(const struct daemon *daemon)
{
	const struct work *work = &daemon->scans.work;

	if (work->from_nothing)
		return FIRST_MS;
	if (work->links)
		return LINKS_MS + LINKS_PER_MS * work->n_dirty;
	return PLAIN_MS + PLAIN_PER_MS * work->n_dirty;
}

static void on_ended(void *arg, const struct result *result, const struct tio_error *why);

static void on_progress(void *arg, const struct progress *progress)
{
}

static void on_takes(void *arg, const char *tsm)
{
}

static void on_gives(void *arg)
{
}

static void on_late(void *arg)
{
	struct daemon *daemon = arg;
	struct scans *scans = &daemon->scans;

	scans->late = true;
	if (scans->work.links)
		log_debug("reading the TSM links waits for a connect; trying without");
	else
		log_warning("reading the host took too long; its worker is stopped");
	worker_kill(scans->worker);
}

static void on_stuck(void *arg)
{
	log_error("reading the host hangs inside the kernel; what is shown of it is old until "
		  "that returns");
}

static const struct worker_ops ops = {
	.progress = on_progress,
	.takes = on_takes,
	.gives = on_gives,
	.late = on_late,
	.stuck = on_stuck,
	.ended = on_ended,
};

static void launch(struct daemon *daemon)
{
	struct tio_error why = TIO_ERROR_NONE;
	struct scans *scans = &daemon->scans;
	int keep[6], r;

	scans->late = false;
	scans->since = daemon->cache.stamp;
	scans->work.kind = WORK_SCAN;
	scans->work.host = &daemon->host;
	scans->work.known = &daemon->cache.snap;
	scans->work.all = &daemon->cache.all;
	scans->work.dirty = scans->now_dirty.list;
	scans->work.n_dirty = scans->now_dirty.n;
	scans->work.gone = scans->now_gone.list;
	scans->work.n_gone = scans->now_gone.n;
	daemon_worker_fds(daemon, keep);
	r = worker_start(&scans->worker, daemon->event, work_run, &scans->work, keep, &ops,
			 daemon, &why);
	if (r < 0) {
		on_ended(daemon, NULL, &why);
		return;
	}
	(void)worker_arm(scans->worker, time_for(daemon));
}

void scans_start(struct daemon *daemon, bool first, bool links)
{
	struct scans *scans = &daemon->scans;

	scans->now_dirty.n = scans->now_gone.n = 0;
	swap(&scans->dirty, &scans->now_dirty);
	swap(&scans->gone, &scans->now_gone);
	scans->work = (struct work){ .first = first,
				     .links = links,
				     .from_nothing = first || scans->from_nothing };
	if (scans->everything && !scans->work.from_nothing)
		take_all_as_dirty(daemon);
	scans->everything = scans->from_nothing = false;
	launch(daemon);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *daemon = userdata;

	if (!daemon->scans.worker && has_work(&daemon->scans))
		scans_start(daemon, false, !turns_any(&daemon->turns));
	return 0;
}

/* What this scan should have done is to be done by the next. */
static void put_back(struct scans *scans)
{
	if (bdf_set_add_all(&scans->dirty, &scans->now_dirty) < 0 ||
	    bdf_set_add_all(&scans->gone, &scans->now_gone) < 0 || scans->work.from_nothing)
		scans->everything = scans->from_nothing = true;
}

static void take_result(struct daemon *daemon, const struct result *result)
{
	struct cache_watch watch = daemon_watch(daemon);
	struct scans *scans = &daemon->scans;

	scans->failures = 0;
	if (cache_merge_scan(&daemon->cache, result, scans->since, now_usec(), &watch) < 0)
		log_error("memory is short: what was read of the host is lost");
	cache_was_read(&daemon->cache, scans->now_dirty.list, scans->now_dirty.n, now_usec());
	if (!scans->work.links && !scans->work.first &&
	    bdf_set_add_all(&scans->missed, &scans->now_dirty) < 0)
		scans->everything = true;
}

static void on_ended(void *arg, const struct result *result, const struct tio_error *why)
{
	struct daemon *daemon = arg;
	struct scans *scans = &daemon->scans;
	const struct tio_error *failure = result ? &result->error : why;

	scans->worker = NULL;
	if (scans->late && scans->work.links && !result) {
		scans->work.links = false;
		launch(daemon);
		return;
	}
	if (result && result->code == 0) {
		take_result(daemon, result);
		daemon_scan_ended(daemon, result, NULL);
		if (has_work(scans))
			plan_next(daemon, GATHER_USEC);
		return;
	}
	scans->failures++;
	log_warning("the host could not be read: %s", failure->text);
	put_back(scans);
	daemon_scan_ended(daemon, NULL, failure);
	if (scans->failures < FAILURES_MAX)
		plan_next(daemon, RETRY_USEC);
	else
		log_error(
			"the host could not be read %d times in a row: waiting for the next event",
			FAILURES_MAX);
}

void scans_enable(struct daemon *daemon)
{
	daemon->scans.enabled = true;
	if (has_work(&daemon->scans))
		plan_next(daemon, GATHER_USEC);
}

int scans_init(struct daemon *daemon, struct tio_error *err)
{
	struct scans *scans = &daemon->scans;
	int r;

	r = uevents_new(&scans->uevents, err);
	if (r < 0)
		return r;
	r = sd_event_add_io(daemon->event, &scans->input, uevents_fd(scans->uevents), EPOLLIN,
			    on_input, daemon);
	if (r >= 0)
		r = sd_event_add_time(daemon->event, &scans->timer, CLOCK_MONOTONIC, UINT64_MAX,
				      EXACT_USEC, on_timer, daemon);
	if (r >= 0)
		r = sd_event_source_set_enabled(scans->timer, SD_EVENT_OFF);
	return r < 0 ? error_set(err, r, "watch the kernel's events: %s", strerror(-r)) : 0;
}

void scans_finish(struct daemon *daemon)
{
	struct scans *scans = &daemon->scans;

	worker_free(scans->worker);
	sd_event_source_disable_unref(scans->input);
	sd_event_source_disable_unref(scans->timer);
	if (scans->uevents)
		uevents_free(scans->uevents);
	bdf_set_finish(&scans->dirty);
	bdf_set_finish(&scans->gone);
	bdf_set_finish(&scans->missed);
	bdf_set_finish(&scans->now_dirty);
	bdf_set_finish(&scans->now_gone);
}
