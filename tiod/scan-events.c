/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scan-events.h"

#include <string.h>
#include <sys/inotify.h>

#include "base/log.h"
#include "daemon.h"
#include "timer.h"

#define PUT_OFF_MAX    20  /* a burst that does not end must be seen, too */
#define EVENTS_AT_ONCE 512 /* then clients get their turn */
#define RELISTEN_USEC  (10 * 1000000ull)
#define EXACT_USEC     50000

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
		scans_because(daemon, SCAN_EVENT);
		scans_mark(daemon, event->function);
		return;
	case UEVENT_REMOVED:
		scans_because(daemon, SCAN_EVENT);
		if (bdf_set_add(&scans->gone, event->function) < 0)
			scans->from_nothing = true;
		scans_mark(daemon, event->function);
		mark_pf_of(daemon, event->function);
		return;
	case UEVENT_TSM:
		/* tsm/ directories come and go without events of their own. */
		events_tsm(daemon, event->tsm, event->action);
		if (strcmp(event->action, "change") == 0) {
			links_tsm_came(daemon);
			automatic_tsm_came(daemon);
		}
		scans_because(daemon, SCAN_TSM);
		scans_mark_everything(daemon);
		return;
	case UEVENT_LOST:
		daemon->metrics.overruns++;
		scans_because(daemon, SCAN_LOST);
		log_warning("the kernel dropped events: reading the whole host again");
		scans->from_nothing = true;
		scans_mark_everything(daemon);
		return;
	case UEVENT_OTHER:
		return;
	}
}

void scan_events_take(struct daemon *daemon)
{
	struct uevent event;
	int n = 0;

	for (; n < EVENTS_AT_ONCE && uevents_next(daemon->scans.uevents, &event) > 0; n++)
		take_event(daemon, &event);
	if (n)
		daemon->scans.last_event = now_usec();
}

uint64_t scan_events_wait(struct daemon *daemon)
{
	struct scans *scans = &daemon->scans;
	uint64_t quiet;

	scan_events_take(daemon);
	quiet = now_usec() - scans->last_event;
	if (quiet >= SCAN_GATHER_USEC || scans->put_off == PUT_OFF_MAX) {
		scans->put_off = 0;
		return 0;
	}
	scans->put_off++;
	return SCAN_GATHER_USEC - quiet;
}

static int on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	scan_events_take(userdata);
	return 0;
}

static void stop_listening(struct scans *scans)
{
	scans->input = sd_event_source_disable_unref(scans->input);
	uevents_free(scans->uevents);
	scans->uevents = NULL;
}

/* The former listener stays where no new one can be had. */
static int listen_to_events(struct daemon *daemon, struct tio_error *err)
{
	struct scans *scans = &daemon->scans;
	sd_event_source *input = NULL;
	struct uevents *fresh = NULL;
	int r = uevents_new(&fresh, err);

	if (r < 0)
		return r;
	r = sd_event_add_io(daemon->event, &input, uevents_fd(fresh), EPOLLIN, on_input,
			    daemon);
	if (r < 0) {
		uevents_free(fresh);
		return error_set(err, r, "watch the kernel's events: %s", strerror(-r));
	}
	stop_listening(scans);
	scans->uevents = fresh;
	scans->input = input;
	return 0;
}

static void relisten_later(struct scans *scans, const struct tio_error *why)
{
	if (!scans->deaf)
		log_error("%s: what changes may go unnoticed; tiod tries again every %llu s "
			  "(LimitNOFILE= of tiod.service is how many files it may open)",
			  why->text, RELISTEN_USEC / 1000000);
	scans->deaf = true;
	(void)timer_set(scans->relisten, RELISTEN_USEC);
}

/* What was told between the two is told to nobody: all of the host is read again. */
static void listen_anew(struct daemon *daemon)
{
	struct tio_error why = TIO_ERROR_NONE;

	if (listen_to_events(daemon, &why) < 0) {
		relisten_later(&daemon->scans, &why);
	} else if (daemon->scans.deaf) {
		log_info("the kernel's events are heard again");
		daemon->scans.deaf = false;
		(void)sd_event_source_set_enabled(daemon->scans.relisten, SD_EVENT_OFF);
	}
	daemon->scans.from_nothing = true;
	scans_because(daemon, SCAN_LOST);
	scans_mark_everything(daemon);
}

static int on_relisten(sd_event_source *source, uint64_t usec, void *userdata)
{
	listen_anew(userdata);
	return 0;
}

static int on_udevd(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
	/* Without a name the queue of changes ran over: that may have been among them. */
	if (event->len && strcmp(event->name, UEVENTS_UDEV_SOCKET) != 0)
		return 0;
	log_info("udevd has come or gone: reading the whole host again");
	listen_anew(userdata);
	return 0;
}

/* A udevd that its service manager restarts keeps its sockets, and all that they hold. */
static void watch_udevd(struct daemon *daemon)
{
	int r = sd_event_add_inotify(daemon->event, &daemon->scans.udevd, UEVENTS_UDEV_FOLDER,
				     IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM,
				     on_udevd, daemon);

	if (r < 0)
		log_debug("restarts of udevd are not noticed: %s", strerror(-r));
}

int scan_events_init(struct daemon *daemon, struct tio_error *err)
{
	int r = timer_new(daemon->event, &daemon->scans.relisten, EXACT_USEC, on_relisten,
			  daemon);

	if (r < 0)
		return error_set(err, r, "prepare to listen anew: %s", strerror(-r));
	watch_udevd(daemon);
	return listen_to_events(daemon, err);
}

void scan_events_finish(struct daemon *daemon)
{
	daemon->scans.udevd = sd_event_source_disable_unref(daemon->scans.udevd);
	daemon->scans.relisten = sd_event_source_disable_unref(daemon->scans.relisten);
	stop_listening(&daemon->scans);
}
