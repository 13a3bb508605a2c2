/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scans.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon.h"
#include "scan-events.h"
#include "scan-links.h"
#include "timer.h"

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

	if (!scans->enabled || scans->now)
		return;
	(void)sd_event_source_get_enabled(scans->timer, &on);
	if (on != SD_EVENT_OFF)
		return;
	(void)timer_set(scans->timer, usec);
}

static bool has_work(const struct scans *scans)
{
	return scans->dirty.n || scans->gone.n || scans->everything;
}

static bool has_any(const struct scans *scans)
{
	return has_work(scans) || scans->watched.n;
}

bool scans_has_work(const struct daemon *daemon)
{
	return has_work(&daemon->scans);
}

void scans_because(struct daemon *daemon, enum scan_reason reason)
{
	if (daemon->scans.reason < reason)
		daemon->scans.reason = reason;
}

void scans_mark(struct daemon *daemon, struct bdf bdf)
{
	scans_because(daemon, SCAN_DOUBT);
	if (bdf_set_add(&daemon->scans.dirty, bdf) < 0)
		daemon->scans.everything = true;
	plan_next(daemon, SCAN_GATHER_USEC);
}

void scans_mark_everything(struct daemon *daemon)
{
	daemon->scans.everything = true;
	plan_next(daemon, SCAN_GATHER_USEC);
}

static bool hangs_at(const struct scans *scans, struct bdf bdf)
{
	for (size_t i = 0; i < scans->n_hung; i++)
		if (bdf_set_has(&scans->hung[i]->held, bdf))
			return true;
	return false;
}

void scans_watch(struct daemon *daemon, struct bdf bdf)
{
	/* What hangs there is noticed by that already. */
	if (!hangs_at(&daemon->scans, bdf) && bdf_set_add(&daemon->scans.watched, bdf) < 0)
		log_error("memory is short: a link is not looked at");
	plan_next(daemon, 0);
}

void scans_look(struct daemon *daemon)
{
	scans_because(daemon, SCAN_DOUBT);
	daemon->scans.look = true;
}

void scans_hurry(struct daemon *daemon, uint64_t usec)
{
	struct scans *scans = &daemon->scans;

	if (usec == 0)
		scans->last_event = 0;
	if (usec == 0 && scans->enabled && !scans->now)
		(void)sd_event_source_set_enabled(scans->timer, SD_EVENT_OFF);
	plan_next(daemon, usec);
}

uint64_t scans_next(const struct daemon *daemon)
{
	return daemon->scans.started + 1;
}

uint64_t scans_with_news(const struct daemon *daemon, struct bdf bdf)
{
	const struct scans *scans = &daemon->scans;
	const struct scan *now = scans->now;

	if (hangs_at(scans, bdf))
		return 0;
	if (scans->from_nothing || bdf_set_has(&scans->gone, bdf))
		return scans_next(daemon);
	if (now && (now->work.from_nothing || bdf_set_has(&now->gone, bdf)))
		return scans->started;
	return 0;
}

/* --- One scan --- */

static void swap(struct bdf_set *a, struct bdf_set *b)
{
	struct bdf_set c = *a;

	*a = *b;
	*b = c;
}

static void scan_free(struct scan *scan)
{
	if (!scan)
		return;
	worker_free(scan->worker);
	bdf_set_finish(&scan->dirty);
	bdf_set_finish(&scan->gone);
	bdf_set_finish(&scan->held);
	free(scan);
}

static void take_all_as_dirty(struct daemon *daemon, struct scan *scan)
{
	for (size_t i = 0; i < daemon->cache.snap.n_functions; i++)
		if (bdf_set_add(&scan->dirty, daemon->cache.snap.functions[i].bdf) < 0)
			scan->work.from_nothing = true;
}

/* Where one hangs already the next would, too. */
static void hold_back(struct scans *scans, struct scan *scan)
{
	struct bdf_set free_ones = { 0 };

	if (!scans->n_hung)
		return;
	for (size_t i = 0; i < scan->dirty.n; i++) {
		struct bdf bdf = scan->dirty.list[i];

		if (bdf_set_add(hangs_at(scans, bdf) ? &scans->held : &free_ones, bdf) < 0)
			scans->everything = true;
	}
	swap(&scan->dirty, &free_ones);
	bdf_set_finish(&free_ones);
}

/* They cost nothing more where there is a scan to come along with. */
static void take_watched(struct scans *scans, struct scan *scan)
{
	scan->watch = !scan->work.from_nothing && !scan->dirty.n && !scan->gone.n &&
		      scans->watched.n;
	scan->work.links = scan->work.links && !scan->watch;
	if (bdf_set_add_all(&scan->dirty, &scans->watched) < 0)
		log_error("memory is short: links are not looked at");
	scans->watched.n = 0;
}

static uint64_t time_for(const struct work *work)
{
	if (work->from_nothing)
		return FIRST_MS;
	if (work->links)
		return LINKS_MS + LINKS_PER_MS * work->n_dirty;
	return PLAIN_MS + PLAIN_PER_MS * work->n_dirty;
}

/* Its time is for what one reading takes, not for all that a slow host has. */
static void on_progress(void *arg, const struct progress *progress)
{
	struct scan *scan = arg;

	(void)worker_arm(scan->worker, time_for(&scan->work));
}

static void on_late(void *arg)
{
	struct scan *scan = arg;

	scan->late = true;
	if (scan->work.links)
		log_debug("reading the TSM links waits for a connect; trying without");
	else
		log_warning("reading the host took too long; its worker is stopped");
	scan->daemon->metrics.kills++;
	worker_kill(scan->worker);
}

static void on_stuck(void *arg);
static void on_ended(void *arg, const struct result *result, const struct tio_error *why);

static const struct worker_ops ops = {
	.progress = on_progress,
	.late = on_late,
	.stuck = on_stuck,
	.ended = on_ended,
};

static void launch(struct scan *scan)
{
	struct tio_error why = TIO_ERROR_NONE;
	struct daemon *daemon = scan->daemon;
	int keep[6], r;

	scan->late = false;
	scan->since = daemon->cache.stamp;
	scan->work.kind = WORK_SCAN;
	scan->work.host = &daemon->host;
	scan->work.known = &daemon->cache.snap;
	scan->work.all = &daemon->cache.all;
	scan->work.dirty = scan->dirty.list;
	scan->work.n_dirty = scan->dirty.n;
	scan->work.gone = scan->gone.list;
	scan->work.n_gone = scan->gone.n;
	daemon_worker_fds(daemon, keep);
	r = worker_start(&scan->worker, daemon->event, work_run, &scan->work, keep, &ops, scan,
			 &why);
	if (r < 0) {
		on_ended(scan, NULL, &why);
		return;
	}
	(void)worker_arm(scan->worker, time_for(&scan->work));
}

void scans_start(struct daemon *daemon, bool first, bool links)
{
	struct scans *scans = &daemon->scans;
	bool from_nothing = first || (scans->from_nothing && !scans->n_hung);
	struct scan *scan = calloc(1, sizeof(*scan));

	if (!scan) {
		log_error("memory is short: the host is not read");
		return;
	}
	scan->daemon = daemon;
	swap(&scans->dirty, &scan->dirty);
	swap(&scans->gone, &scan->gone);
	scan->work = (struct work){ .first = first,
				    .links = links,
				    .from_nothing = from_nothing };
	if ((scans->everything || scans->from_nothing) && !from_nothing)
		take_all_as_dirty(daemon, scan);
	scans->everything = scans->from_nothing = scans->look = false;
	daemon->metrics.scans[first ? SCAN_START : scans->reason]++;
	scans->reason = SCAN_WATCH;
	take_watched(scans, scan);
	hold_back(scans, scan);
	scans->now = scan;
	scans->started++;
	launch(scan);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *daemon = userdata;
	uint64_t more = daemon->scans.now ? 0 : scan_events_wait(daemon);

	if (more)
		plan_next(daemon, more);
	else if (!daemon->scans.now && (has_any(&daemon->scans) || daemon->scans.look))
		scans_start(daemon, false, !turns_any(&daemon->turns));
	return 0;
}

/* What @scan should have done is to be done by the next. */
static void put_back(struct scans *scans, const struct scan *scan)
{
	if (bdf_set_add_all(&scans->dirty, &scan->dirty) < 0 ||
	    bdf_set_add_all(&scans->gone, &scan->gone) < 0 || scan->work.from_nothing)
		scans->everything = scans->from_nothing = true;
	if (scans->reason < SCAN_RETRY)
		scans->reason = SCAN_RETRY;
}

static void take_result(struct daemon *daemon, const struct scan *scan,
			const struct result *result)
{
	struct cache_watch watch = daemon_watch(daemon);
	struct scans *scans = &daemon->scans;

	scans->failures = 0;
	if (cache_merge_scan(&daemon->cache, result, scan->since, now_usec(), &watch) < 0)
		log_error("memory is short: what was read of the host is lost");
	cache_was_read(&daemon->cache, scan->dirty.list, scan->dirty.n, now_usec());
	if (!scan->work.links && !scan->work.first && !scan->watch &&
	    bdf_set_add_all(&scans->missed, &scan->dirty) < 0)
		scans->everything = true;
	scan_links_later(daemon);
}

static void go_on(struct daemon *daemon)
{
	if (has_any(&daemon->scans))
		plan_next(daemon, SCAN_GATHER_USEC);
}

/* --- What hangs --- */

/*
 * The function whose attribute the worker has open, or else all that it was to read.  The
 * first reading has to be waited for: without it there is nothing to show.
 */
static void on_stuck(void *arg)
{
	struct scan *scan = arg;
	struct daemon *daemon = scan->daemon;
	struct scans *scans = &daemon->scans;
	const struct host_roots *roots = &daemon->options->roots;
	struct tio_error why = TIO_ERROR_NONE;
	struct bdf bdf;
	char name[BDF_STRLEN] = "the host";

	worker_attribute(scan->worker, roots->proc, roots->sys, scan->attribute,
			 sizeof(scan->attribute));
	bdf = worker_function(scan->worker, roots->proc, roots->sys);
	scan->hung_since = now_usec();
	error_set(&why, -EIO, "reading %s hangs inside the kernel%s%s",
		  bdf.valid ? bdf_format(bdf, name) : name, *scan->attribute ? ": " : "",
		  scan->attribute);
	log_error("%s; what is shown of it is old until that returns", why.text);
	if (scan->work.first || scans->n_hung == SCANS_HUNG_MAX)
		return;
	scan->hung = true;
	if ((bdf.valid ? bdf_set_add(&scan->held, bdf)
		       : bdf_set_add_all(&scan->held, &scan->dirty)) < 0)
		log_error("memory is short: what hangs may be read again");
	scans->hung[scans->n_hung++] = scan;
	scans->now = NULL;
	scans->ended++;
	put_back(scans, scan);
	daemon_scan_ended(daemon, NULL, &why);
	go_on(daemon);
}

/* It has come back, or has died: what it was about is read again. */
static void end_hung(struct scan *scan)
{
	struct daemon *daemon = scan->daemon;
	struct scans *scans = &daemon->scans;
	size_t i = 0;

	while (scans->hung[i] != scan)
		i++;
	scans->hung[i] = scans->hung[--scans->n_hung];
	log_info("the kernel has come back to a reading that hung");
	if (bdf_set_add_all(&scans->dirty, &scan->held) < 0 ||
	    bdf_set_add_all(&scans->dirty, &scans->held) < 0)
		scans->everything = true;
	scans->held.n = 0;
	scan_free(scan);
	go_on(daemon);
}

static void on_ended(void *arg, const struct result *result, const struct tio_error *why)
{
	struct scan *scan = arg;
	struct daemon *daemon = scan->daemon;
	struct scans *scans = &daemon->scans;
	const struct tio_error *failure = result ? &result->error : why;

	scan->worker = NULL;
	if (scan->hung) {
		end_hung(scan);
		return;
	}
	if (scan->late && scan->work.links && !result) {
		scan->work.links = false;
		launch(scan);
		return;
	}
	scans->now = NULL;
	scans->ended++;
	if (result && result->code == 0) {
		take_result(daemon, scan, result);
		scan_free(scan);
		daemon_scan_ended(daemon, result, NULL);
		go_on(daemon);
		return;
	}
	scans->failures++;
	log_warning("the host could not be read: %s", failure->text);
	put_back(scans, scan);
	scan_free(scan);
	daemon_scan_ended(daemon, NULL, failure);
	if (scans->failures < FAILURES_MAX)
		plan_next(daemon, RETRY_USEC);
	else
		log_error(
			"the host could not be read %d times in a row: waiting for the next event",
			FAILURES_MAX);
}

static void report_hung(const struct scan *scan, json_t *list)
{
	char name[BDF_STRLEN] = "what has changed";
	bool one = scan->held.n == 1;

	json_array_append_new(
		list,
		json_sprintf("reading %s hangs inside the kernel%s%s; what is shown of it is "
			     "at least %.0f s old (see the kernel's log, dmesg)",
			     one ? bdf_format(scan->held.list[0], name) : name,
			     *scan->attribute ? ": " : "", scan->attribute,
			     (double)(now_usec() - scan->hung_since) / 1e6));
}

void scans_report(const struct daemon *daemon, json_t *list)
{
	const struct scans *scans = &daemon->scans;

	for (size_t i = 0; i < scans->n_hung; i++)
		report_hung(scans->hung[i], list);
	if (scans->now && scans->now->hung_since)
		report_hung(scans->now, list);
}

void scans_enable(struct daemon *daemon)
{
	daemon->scans.enabled = true;
	if (has_work(&daemon->scans))
		plan_next(daemon, SCAN_GATHER_USEC);
}

int scans_init(struct daemon *daemon, struct tio_error *err)
{
	struct scans *scans = &daemon->scans;
	int r;

	r = scan_events_init(daemon, err);
	if (r < 0)
		return r;
	r = scan_links_init(daemon, err);
	if (r < 0)
		return r;
	r = timer_new(daemon->event, &scans->timer, EXACT_USEC, on_timer, daemon);
	return r < 0 ? error_set(err, r, "watch the kernel's events: %s", strerror(-r)) : 0;
}

void scans_finish(struct daemon *daemon)
{
	struct scans *scans = &daemon->scans;

	scan_free(scans->now);
	for (size_t i = 0; i < scans->n_hung; i++)
		scan_free(scans->hung[i]);
	scan_events_finish(daemon);
	scan_links_finish(daemon);
	sd_event_source_disable_unref(scans->timer);
	bdf_set_finish(&scans->dirty);
	bdf_set_finish(&scans->gone);
	bdf_set_finish(&scans->missed);
	bdf_set_finish(&scans->watched);
	bdf_set_finish(&scans->held);
}
