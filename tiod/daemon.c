/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "base/log.h"
#include "base/text.h"
#include "interface.h"
#include "methods.h"
#include "regrant.h"
#include "timer.h"

#define GRACE_USEC (10 * 1000000ull) /* for workers when we are told to stop */
#define KILL_USEC  2500000           /* for them to die */
#define FLUSH_USEC 500000            /* and for the last replies */
#define EXACT_USEC 50000

uint64_t now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void daemon_worker_fds(const struct daemon *daemon, int ret[static 6])
{
	const struct host *host = &daemon->host;
	const int fds[] = { host->sys_fd, host->proc_fd, host->dev_fd, host->runtime_fd,
			    host->state_fd };
	int n = 0;

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			ret[n++] = fds[i];
	ret[n] = -1;
}

static void on_added(void *arg, struct bdf bdf)
{
	automatic_added(arg, bdf);
}

static void on_changed(void *arg, struct bdf bdf)
{
	events_changed(arg, bdf);
}

/* A job that takes VFs away is no accident. */
static void tell_gone(struct daemon *daemon, struct bdf bdf)
{
	const struct assignment *one = assignments_find(&daemon->cache.all, bdf);
	char name[BDF_STRLEN];

	if (one && !jobs_touch(daemon, one->family))
		log_warning("%s, which the VM \"%s\" has, is no longer in the host; it stays "
			    "reserved for it (`tioctl detach %s` gives it up)",
			    bdf_format(bdf, name), one->vm, name);
}

static void on_removed(void *arg, struct bdf bdf)
{
	tell_gone(arg, bdf);
	events_removed(arg, bdf);
}

static void on_newer(void *arg, struct bdf bdf)
{
	scans_mark(arg, bdf);
}

struct cache_watch daemon_watch(struct daemon *daemon)
{
	return (struct cache_watch){ .added = on_added,
				     .changed = on_changed,
				     .removed = on_removed,
				     .newer = on_newer,
				     .arg = daemon };
}

/* --- The start --- */

static void become_ready(struct daemon *daemon)
{
	size_t capable = 0;

	for (size_t i = 0; i < daemon->cache.snap.n_functions; i++)
		capable += function_is_tdisp(&daemon->cache.snap.functions[i]);
	daemon->phase = DAEMON_READY;
	presence_note_all(daemon);
	offers_touch(daemon);
	automatic_start(daemon);
	/* Files may have changed while tiod was away. */
	regrant(daemon, &(const struct config){ 0 });
	server_open(&daemon->server);
	scans_enable(daemon);
	log_event(LOG_LEVEL_INFO, LOG_EVENT_READY, NULL, 0,
		  "ready: %zu functions, %zu of them TDISP- or IDE-capable, %zu assigned",
		  daemon->cache.snap.n_functions, capable, daemon->cache.all.n);
	sd_notifyf(0, "READY=1\nSTATUS=%zu functions, %zu TDISP- or IDE-capable, %zu assigned",
		   daemon->cache.snap.n_functions, capable, daemon->cache.all.n);
}

/* Recovery may have changed anything; else only the links were left out so far. */
static void read_links(struct daemon *daemon)
{
	daemon->phase = DAEMON_LINKS;
	if (daemon->recovered_any)
		scans_mark_everything(daemon);
	for (size_t i = 0; i < daemon->cache.snap.n_functions; i++)
		if (daemon->cache.snap.functions[i].tsm_group)
			scans_mark(daemon, daemon->cache.snap.functions[i].bdf);
	scans_because(daemon, SCAN_START);
	if (scans_has_work(daemon))
		scans_start(daemon, false, true);
	else
		become_ready(daemon);
}

static bool still_recovering(const struct daemon *daemon)
{
	for (const struct job *job = daemon->jobs.list; job; job = job->next)
		if (job->kind == JOB_RECOVER && job->state != JOB_STUCK)
			return true;
	return false;
}

static void on_recovered(struct job *job, void *arg)
{
	struct daemon *daemon = arg;

	daemon->recovered_any |= job->changed || job->code < 0;
}

static void recover(struct daemon *daemon, const struct result *result)
{
	daemon->phase = DAEMON_RECOVERING;
	for (size_t i = 0; i < result->n_journals; i++) {
		const struct left *left = &result->journals[i];
		struct job *job = job_new(daemon, JOB_RECOVER);

		if (!job) {
			log_error("memory is short: what the last tiod left is not looked at");
			break;
		}
		job->request.family = left->family;
		job->request.n_families = left->n_families;
		memcpy(job->request.families, left->families, sizeof(left->families));
		job->ended = on_recovered;
		job->arg = daemon;
		job_submit(job);
	}
	if (daemon->phase == DAEMON_RECOVERING && !still_recovering(daemon))
		read_links(daemon);
}

/* Without knowing who has what, nobody may be given anything. */
static void keep_from_changing(struct daemon *daemon, const struct tio_error *why)
{
	if (!why->code)
		return;
	daemon->unreadable = *why;
	daemon->unreadable.kind = ERROR_NOT_READY;
	text_append(daemon->unreadable.text, sizeof(daemon->unreadable.text),
		    "; nothing can be changed until that is mended");
	log_error("%s (%s)", daemon->unreadable.text, daemon->unreadable.fix);
}

void daemon_scan_ended(struct daemon *daemon, const struct result *result,
		       const struct tio_error *why)
{
	if (result && daemon->phase != DAEMON_FIRST_SCAN)
		links_scanned(daemon);
	if (daemon->phase == DAEMON_FIRST_SCAN && !result) {
		log_error("cannot start without having read the host: %s", why->text);
		sd_event_exit(daemon->event, why->code ? why->code : -EIO);
	} else if (daemon->phase == DAEMON_FIRST_SCAN) {
		keep_from_changing(daemon, &result->unreadable);
		recover(daemon, result);
	} else if (daemon->phase == DAEMON_LINKS) {
		become_ready(daemon);
	} else if (daemon->phase == DAEMON_READY) {
		automatic_look(daemon);
	}
	waits_scan_ended(daemon);
}

/* --- The stop --- */

static void arm_grace(struct daemon *daemon, uint64_t usec)
{
	(void)timer_set(daemon->grace, usec);
}

static int on_grace(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *daemon = userdata;

	if (jobs_running(daemon) == 0 || daemon->killed_all)
		return sd_event_exit(daemon->event, 0);
	log_warning(
		"workers still run; they are stopped, and the next start puts back what they "
		"did");
	daemon->killed_all = true;
	arm_grace(daemon, KILL_USEC);
	jobs_kill_all(daemon);
	return 0;
}

/* Once nothing runs, only the last replies are waited for. */
static void finish_stopping(struct daemon *daemon)
{
	if (jobs_running(daemon) > 0 || offers_busy(daemon))
		return;
	if (!server_is_awaited(&daemon->server)) {
		sd_event_exit(daemon->event, 0);
		return;
	}
	arm_grace(daemon, FLUSH_USEC);
}

static int on_calm(sd_event_source *source, void *userdata)
{
	finish_stopping(userdata);
	return 0;
}

/* Whoever has asked before we were told to stop is answered. */
static void finish_when_calm(struct daemon *daemon)
{
	sd_event_source_set_enabled(daemon->calm, SD_EVENT_ONESHOT);
}

void daemon_job_ended(struct daemon *daemon)
{
	links_update(daemon);
	automatic_jobs_free(daemon);
	if (daemon->phase == DAEMON_RECOVERING && !still_recovering(daemon))
		read_links(daemon);
	else if (daemon->phase == DAEMON_STOPPING)
		finish_when_calm(daemon);
}

void daemon_offer_written(struct daemon *daemon)
{
	if (daemon->phase == DAEMON_STOPPING)
		finish_when_calm(daemon);
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct daemon *daemon = userdata;

	if (daemon->phase == DAEMON_STOPPING)
		return sd_event_exit(daemon->event, 0);
	log_info("stopping (%s)", strsignal((int)info->ssi_signo));
	sd_notify(0, "STOPPING=1\nSTATUS=waiting for running jobs");
	daemon->phase = DAEMON_STOPPING;
	server_close(&daemon->server);
	waits_end(daemon);
	arm_grace(daemon, GRACE_USEC);
	jobs_cancel_queued(daemon);
	reload_cancel(daemon);
	finish_when_calm(daemon);
	return 0;
}

/* --- Configuration --- */

static void say_notes(const struct config *config)
{
	for (size_t i = 0; i < config->n_notes; i++)
		log_event(config->notes[i].error ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
			  LOG_EVENT_CONFIG, NULL, 0, "%s", config->notes[i].text);
}

static void apply_config(struct daemon *daemon)
{
	const struct daemon_options *options = daemon->options;

	log_set_level(options->log_level_given ? options->log_level : daemon->config.log_level);
	daemon->server.max_connections = daemon->config.clients;
	daemon->server.readers = daemon->config.readers;
	daemon->server.changers = daemon->config.changers;
}

static void say_read(const struct daemon *daemon)
{
	const struct config *config = &daemon->config;

	if (config_is_broken(config) && daemon->phase != DAEMON_CONFIG)
		log_warning(
			"the configuration has mistakes: what was in force before stays for them");
	say_notes(config);
	log_info("configuration read: %zu VMs, %zu rules", config->n_vms, config->n_rules);
}

void daemon_config_read(struct daemon *daemon, bool fresh)
{
	if (fresh) {
		apply_config(daemon);
		say_read(daemon);
	}
	if (daemon->phase == DAEMON_CONFIG) {
		daemon->phase = DAEMON_FIRST_SCAN;
		scans_start(daemon, true, false);
	} else if (fresh && daemon->phase != DAEMON_STOPPING) {
		links_reload(daemon);
		offers_touch(daemon);
		automatic_retry(daemon);
		jobs_pump(daemon);
	}
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info,
		     void *userdata)
{
	struct daemon *daemon = userdata;

	reload_start(daemon, NULL);
	return 0;
}

/* --- The process --- */

static int watch_signals(struct daemon *daemon)
{
	int r;

	r = sd_event_add_signal(daemon->event, NULL, SIGTERM, on_stop, daemon);
	if (r >= 0)
		r = sd_event_add_signal(daemon->event, NULL, SIGINT, on_stop, daemon);
	if (r >= 0)
		r = sd_event_add_signal(daemon->event, NULL, SIGHUP, on_reload, daemon);
	if (r >= 0)
		r = timer_new(daemon->event, &daemon->grace, EXACT_USEC, on_grace, daemon);
	if (r >= 0)
		r = sd_event_add_defer(daemon->event, &daemon->calm, on_calm, daemon);
	if (r >= 0)
		r = sd_event_source_set_priority(daemon->calm, SD_EVENT_PRIORITY_IDLE);
	if (r >= 0)
		r = sd_event_source_set_enabled(daemon->calm, SD_EVENT_OFF);
	return r;
}

static int block_signals(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&set, signals[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	/* Whoever read the log may go away. */
	return signal(SIGPIPE, SIG_IGN) == SIG_ERR ? -errno : 0;
}

static int set_up(struct daemon *daemon, struct tio_error *err)
{
	int r;

	r = block_signals();
	if (r >= 0)
		r = sd_event_new(&daemon->event);
	if (r >= 0)
		r = sd_event_set_watchdog(daemon->event, true);
	if (r >= 0)
		r = watch_signals(daemon);
	if (r < 0)
		return error_set(err, r, "prepare the event loop: %s", strerror(-r));
	r = idl_parse(interface_org_varlink_service, &daemon->idl[0], err);
	if (r == 0)
		r = idl_parse(interface_io_tiod, &daemon->idl[1], err);
	if (r == 0)
		r = idl_parse(interface_io_systemd_Metrics, &daemon->idl[2], err);
	if (r == 0)
		r = host_init(&daemon->host, &daemon->options->roots, err);
	if (r == 0)
		r = events_init(daemon, err);
	if (r == 0)
		r = offers_init(daemon, err);
	if (r == 0)
		r = links_init(daemon, err);
	if (r == 0)
		r = reload_init(daemon, err);
	/* Listen first, read afterwards: nothing is lost between the two. */
	if (r == 0)
		r = scans_init(daemon, err);
	if (r == 0)
		r = waits_init(daemon, err);
	if (r == 0)
		r = server_init(&daemon->server, daemon->event, daemon->options->socket, err);
	if (r == 0)
		presence_init(daemon);
	return r;
}

static void tear_down(struct daemon *daemon)
{
	presence_finish(daemon);
	server_finish(&daemon->server);
	events_finish(daemon);
	offers_finish(daemon);
	links_finish(daemon);
	reload_finish(daemon);
	jobs_finish(daemon);
	scans_finish(daemon);
	waits_finish(daemon);
	turns_finish(&daemon->turns);
	automatic_finish(&daemon->automatic);
	cache_finish(&daemon->cache);
	for (size_t i = 0; i < DAEMON_INTERFACES; i++)
		idl_finish(&daemon->idl[i]);
	host_finish(&daemon->host);
	sd_event_source_disable_unref(daemon->grace);
	sd_event_source_disable_unref(daemon->calm);
	sd_event_unref(daemon->event);
	config_finish(&daemon->config);
}

static bool knows(void *arg, const struct peer *peer)
{
	const struct daemon *daemon = arg;

	return peer->may_read || rights_own_any(peer, daemon->config.vms, daemon->config.n_vms);
}

int daemon_run(const struct daemon_options *options, struct tio_error *err)
{
	struct daemon daemon = { .options = options,
				 .host = { -1, -1, -1, -1, -1 },
				 .presence = { .lock = -1 } };
	int r;

	config_presets(&daemon.config);
	daemon.server.handle = methods_call;
	daemon.server.knows = knows;
	daemon.server.arg = &daemon;
	r = set_up(&daemon, err);
	if (r == 0) {
		apply_config(&daemon);
		reload_start(&daemon, NULL);
		r = sd_event_loop(daemon.event);
		if (r < 0)
			error_set(err, r, "tiod ended early: %s", strerror(-r));
	}
	tear_down(&daemon);
	return r < 0 ? r : 0;
}
