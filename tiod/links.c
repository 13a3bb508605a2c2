/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "links.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/log.h"
#include "base/text.h"
#include "core/steps.h"
#include "daemon.h"
#include "own-jobs.h"
#include "timer.h"

#define EXACT_USEC 50000

static struct link *find(const struct links *links, struct bdf family)
{
	for (size_t i = 0; i < links->n; i++)
		if (bdf_equal(links->list[i].family, family))
			return &links->list[i];
	return NULL;
}

const struct link *links_find(const struct daemon *daemon, struct bdf family)
{
	return find(&daemon->links, family);
}

const char *links_last_tsm(const struct daemon *daemon, struct bdf family)
{
	const struct link *link = find(&daemon->links, family);

	return link ? link->tsm : "";
}

/* --- Who is watched --- */

/* A function that was handed over and whose safety is the link's. */
static bool stands_on_link(const struct daemon *daemon, const struct assignment *one)
{
	const struct snapshot *snap = &daemon->cache.snap;
	const struct function *f = snapshot_find(snap, one->function);

	return f && bdf_equal(one->lead, one->function) &&
	       strcmp(f->driver, VFIO_DRIVER) == 0 && identity_may_be(&one->identity, f);
}

static bool is_needed(const struct daemon *daemon, const struct function *dsm)
{
	const struct assignments *all = &daemon->cache.all;

	for (size_t i = 0; i < all->n; i++)
		if (bdf_equal(all->list[i].family, dsm->bdf) &&
		    stands_on_link(daemon, &all->list[i]))
			return true;
	return false;
}

static bool is_watched(const struct daemon *daemon, const struct function *f)
{
	if (!bdf_equal(function_family(f), f->bdf) || !function_is_tdisp(f))
		return false;
	return f->stream.present || f->tsm[0] || is_needed(daemon, f);
}

static struct link *add(struct links *links, struct bdf family)
{
	const struct link link = { .family = family, .state = { LINK_FINE, "" } };

	if (array_add(&links->list, &links->n, &link, sizeof(link)) == 0)
		return &links->list[links->n - 1];
	log_error("memory is short: a link is not watched");
	return NULL;
}

/* --- How they stand --- */

static void tell(struct daemon *daemon, const struct link *link, enum link_trouble before)
{
	const struct snapshot *snap = &daemon->cache.snap;
	const char *text = link->state.text;
	char name[BDF_STRLEN];
	const struct log_field device = { "TIOD_DEVICE", name };

	bdf_format(link->family, name);
	daemon->metrics.falls += before == LINK_FINE;
	if (link->state.trouble == LINK_FINE)
		log_event(LOG_LEVEL_INFO, LOG_EVENT_LINK_BACK, &device, 1,
			  "%s: its link is secure again", name);
	else if (before == LINK_WITHOUT_TSM && daemon->config.reconnect)
		log_debug("%s: its TSM is back", name);
	else if (link->state.trouble == LINK_WITHOUT_TSM)
		log_event(LOG_LEVEL_WARNING, LOG_EVENT_LINK_FELL, &device, 1,
			  "%s: its link has fallen: %s", name, text);
	else
		log_event(LOG_LEVEL_WARNING, LOG_EVENT_LINK_FELL, &device, 1,
			  "%s: its link has fallen: %s (`tioctl reconnect %s` makes it anew)",
			  name, text, name);
	events_link(daemon, link);
	for (size_t i = 0; i < snap->n_functions; i++)
		if (bdf_equal(function_family(&snap->functions[i]), link->family))
			events_changed(daemon, snap->functions[i].bdf);
}

static void judge(struct daemon *daemon, struct link *link, const struct function *dsm)
{
	enum link_trouble before = link->state.trouble;

	if (dsm->tsm[0])
		text_copy(link->tsm, sizeof(link->tsm), dsm->tsm);
	if (dsm->stream.present && !link->had_stream)
		link->base = link_base_of(dsm);
	link->had_stream = dsm->stream.present;
	link->state = link_judge(&daemon->cache.snap, dsm, &link->base);
	if (link->state.trouble != before)
		tell(daemon, link, before);
}

/* The start's own baseline forgets what the registers still know: IDE_FAIL is sticky. */
static void begin(struct link *link, const struct function *dsm)
{
	link->base = link_base_of(dsm);
	link->base.endpoint_failed = link->base.root_port_failed = false;
	link->had_stream = dsm->stream.present;
}

static void look_at(struct daemon *daemon, const struct function *dsm)
{
	struct link *link = find(&daemon->links, dsm->bdf);

	/* Whoever alters it says how it ended, and then it is looked at. */
	if (jobs_altering(daemon, dsm->bdf))
		return;
	if (!link) {
		link = add(&daemon->links, dsm->bdf);
		if (!link)
			return;
		if (daemon->phase != DAEMON_READY)
			begin(link, dsm);
	}
	judge(daemon, link, dsm);
}

static void forget_others(struct daemon *daemon)
{
	struct links *links = &daemon->links;

	for (size_t i = links->n; i-- > 0;) {
		struct bdf family = links->list[i].family;
		const struct function *dsm = snapshot_find(&daemon->cache.snap, family);

		if ((!dsm || !is_watched(daemon, dsm)) && !jobs_altering(daemon, family))
			links->list[i] = links->list[--links->n];
	}
}

/* --- A TSM that came back --- */

/* A refusal, too, is what its functions wait for. */
static void on_reconnected(struct job *job, void *arg)
{
	for (size_t i = 0; job->code < 0 && i < job->request.n_targets; i++) {
		struct bdf function = job->request.targets[i].function;

		cache_set_error(&job->daemon->cache, function, &job->error);
		events_changed(job->daemon, function);
	}
}

/*
 * As if somebody had typed `tioctl reconnect`, with its refusals: a card that a process has
 * open is left alone.  The guest that may run on it has lost the device that it examined, and
 * must not find itself on another one that nobody has shown to it.
 */
static void reconnect(struct daemon *daemon, struct bdf family)
{
	const struct assignments *all = &daemon->cache.all;
	struct job *job = own_job_new(daemon, VERB_RECONNECT, family);
	struct tio_error none = TIO_ERROR_NONE;
	struct request *request;

	if (!job)
		return;
	request = &job->request;
	text_copy(request->last_tsm, sizeof(request->last_tsm), links_last_tsm(daemon, family));
	for (size_t i = 0; i < all->n && request->n_targets < REQUEST_TARGETS_MAX; i++)
		if (bdf_equal(all->list[i].family, family) &&
		    stands_on_link(daemon, &all->list[i]))
			request->targets[request->n_targets++] = target_of_assignment(
				&all->list[i]);
	job->ended = on_reconnected;
	own_job_submit(job, 0, &none);
}

/* Its jobs, if there are any, see to the link themselves. */
static bool wants_link(const struct daemon *daemon, const struct link *link)
{
	const struct function *dsm = snapshot_find(&daemon->cache.snap, link->family);

	return link->state.trouble == LINK_GONE && dsm && dsm->tsm_group && !dsm->tsm[0] &&
	       is_needed(daemon, dsm) && !cache_stuck(&daemon->cache, link->family) &&
	       !jobs_of_function(daemon, link->family);
}

void links_tsm_came(struct daemon *daemon)
{
	daemon->links.tsm_came = true;
}

void links_scanned(struct daemon *daemon)
{
	struct links *links = &daemon->links;

	links_update(daemon);
	if (!links->tsm_came || scans_has_work(daemon) || daemon->phase != DAEMON_READY)
		return;
	links->tsm_came = false;
	for (size_t i = 0; daemon->config.reconnect && i < links->n; i++)
		if (wants_link(daemon, &links->list[i]))
			reconnect(daemon, links->list[i].family);
}

/* --- When --- */

static void arm(struct daemon *daemon)
{
	struct links *links = &daemon->links;
	uint64_t usec = (uint64_t)daemon->config.watch_ms * 1000;
	int on = SD_EVENT_OFF;

	if (!links->n || !usec) {
		(void)sd_event_source_set_enabled(links->timer, SD_EVENT_OFF);
		return;
	}
	(void)sd_event_source_get_enabled(links->timer, &on);
	if (on != SD_EVENT_OFF)
		return;
	(void)timer_set(links->timer, usec);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *daemon = userdata;
	const struct links *links = &daemon->links;

	/* Where reading takes longer than the interval, others must get their turn, too. */
	for (size_t i = 0; !daemon->scans.now && i < links->n; i++)
		scans_watch(daemon, links->list[i].family);
	arm(daemon);
	return 0;
}

void links_update(struct daemon *daemon)
{
	const struct snapshot *snap = &daemon->cache.snap;

	if (daemon->phase == DAEMON_STOPPING)
		return;
	forget_others(daemon);
	for (size_t i = 0; i < snap->n_functions; i++)
		if (is_watched(daemon, &snap->functions[i]))
			look_at(daemon, &snap->functions[i]);
	arm(daemon);
}

void links_renewed(struct daemon *daemon, struct bdf family)
{
	struct link *link = find(&daemon->links, family);

	if (link)
		link->had_stream = false;
}

void links_reload(struct daemon *daemon)
{
	(void)sd_event_source_set_enabled(daemon->links.timer, SD_EVENT_OFF);
	arm(daemon);
}

int links_init(struct daemon *daemon, struct tio_error *err)
{
	struct links *links = &daemon->links;
	int r = timer_new(daemon->event, &links->timer, EXACT_USEC, on_timer, daemon);

	return r < 0 ? error_set(err, r, "watch the links: %s", strerror(-r)) : 0;
}

void links_finish(struct daemon *daemon)
{
	free(daemon->links.list);
	sd_event_source_disable_unref(daemon->links.timer);
	daemon->links = (struct links){ 0 };
}
