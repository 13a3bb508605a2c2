/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "presence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon.h"
#include "lock.h"
#include "timer.h"

/* Who clears a folder goes from one file to the next. */
#define SETTLE_USEC 200000
#define RETRY_USEC  5000000
#define EXACT_USEC  50000
#define WATCHED     (IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_DONT_FOLLOW)
#define WATCHED_IN  (WATCHED | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR)

static int on_change(sd_event_source *source, const struct inotify_event *event,
		     void *userdata);

static void look_again(struct daemon *daemon, uint64_t usec)
{
	if (!daemon->presence.timer)
		return;
	(void)timer_set(daemon->presence.timer, usec);
}

void presence_note(struct daemon *daemon, struct bdf family)
{
	if (!kept_note(daemon, family))
		look_again(daemon, SETTLE_USEC);
}

void presence_note_all(struct daemon *daemon)
{
	const struct assignments *all = &daemon->cache.all;

	for (size_t i = 0; i < all->n; i++)
		presence_note(daemon, cache_family(&daemon->cache, all->list[i].function));
}

/* --- Watching --- */

static void watch(struct daemon *daemon, sd_event_source **source, const char *path,
		  uint32_t mask)
{
	int r;

	*source = sd_event_source_disable_unref(*source);
	r = sd_event_add_inotify(daemon->event, source, path, mask, on_change, daemon);
	if (r < 0)
		log_warning("%s is not watched: should it be deleted, that is not noticed (%s)",
			    path, strerror(-r));
}

static void watch_lock(struct daemon *daemon)
{
	auto_text struct text path = { 0 };

	if (text_add(&path, "%s/lock", daemon->options->roots.runtime) == 0)
		watch(daemon, &daemon->presence.lock_watch, path.data, WATCHED);
}

/* A worker may have made the folder again, too. */
static bool watch_journals(struct daemon *daemon)
{
	struct presence *presence = &daemon->presence;
	auto_text struct text path = { 0 };
	struct stat st;

	if (fstatat(daemon->host.runtime_fd, "journal", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    st.st_ino == presence->journal_ino ||
	    text_add(&path, "%s/journal", daemon->options->roots.runtime) < 0)
		return false;
	presence->journal_ino = st.st_ino;
	watch(daemon, &presence->journal_watch, path.data, WATCHED_IN);
	return true;
}

static void watch_socket(struct daemon *daemon, unsigned i)
{
	const struct listening *socket = &daemon->server.sockets[i];

	if (socket->path[0])
		watch(daemon, &daemon->presence.watches[i], socket->path, WATCHED);
}

/* --- Making it again --- */

static bool has_lock(const struct daemon *daemon)
{
	const struct presence *presence = &daemon->presence;
	int lock = presence->lock >= 0 ? presence->lock : daemon->options->lock;

	return lock_is_there(daemon->options->roots.runtime, lock);
}

static int retake_lock(struct daemon *daemon, struct tio_error *err)
{
	struct presence *presence = &daemon->presence;
	int r, lock = -1;

	if (has_lock(daemon))
		return 0;
	presence->cleared = true;
	r = lock_take(daemon->options->roots.runtime, false, &lock, err);
	if (r < 0)
		return r;
	cleanup_close(&presence->lock);
	presence->lock = lock;
	watch_lock(daemon);
	return 0;
}

/* What may have failed at first is taken up again where it was left. */
static int restore_folder(struct daemon *daemon, struct tio_error *err)
{
	struct presence *presence = &daemon->presence;
	int r;

	r = retake_lock(daemon, err);
	if (r == 0 && !host_runtime_is_there(&daemon->host))
		r = host_reopen_runtime(&daemon->host, err);
	return r < 0 ? r : kept_restore(daemon, &presence->restored, err);
}

static void say_restored(struct daemon *daemon)
{
	struct presence *presence = &daemon->presence;
	const char *folder = daemon->options->roots.runtime;

	if (presence->cleared) {
		automatic_restamp(daemon);
		log_warning("somebody has cleared %s: its lock and %zu journals are there "
			    "again",
			    folder, presence->restored);
	} else if (presence->restored) {
		log_warning("somebody has deleted %zu journals in %s/journal: they are there "
			    "again",
			    presence->restored, folder);
	}
	presence->cleared = false;
	presence->restored = 0;
}

static int restore_sockets(struct daemon *daemon, struct tio_error *err)
{
	struct server *server = &daemon->server;
	int r = 0;

	for (unsigned i = 0; i < server->n_sockets; i++) {
		if (listening_is_there(&server->sockets[i]))
			continue;
		r = server_make_again(server, i, err);
		if (r < 0)
			return r;
		watch_socket(daemon, i);
		log_warning("the socket %s was deleted and has been made again",
			    server->sockets[i].path);
	}
	return 0;
}

/* Until the journals are somewhere, their only copies are in this process. */
static const char *advice(struct daemon *daemon)
{
	struct tio_error why = TIO_ERROR_NONE;

	if (kept_missing(daemon) == 0)
		return "or `systemctl restart tiod.socket tiod`";
	if (kept_save(daemon, &why) == 0)
		return "or `systemctl restart tiod`, which finds the journals in its state folder";
	log_debug("%s", why.text);
	return "do not stop tiod before: nothing else knows any more what the cards had";
}

/* Once for each sentence, however often it is tried. */
static void say_failed(struct daemon *daemon, const struct tio_error *why)
{
	struct presence *presence = &daemon->presence;
	const char *hint = advice(daemon);

	if (strcmp(presence->said, why->text) == 0)
		return;
	(void)text_copy(presence->said, sizeof(presence->said), why->text);
	log_error("what was deleted cannot be made again: %s%s%s (this is tried again; %s)",
		  why->text, why->fix[0] ? "; " : "", why->fix, hint);
}

/* Whoever clears a folder may not be through with it. */
static void say_done(struct daemon *daemon)
{
	struct presence *presence = &daemon->presence;
	bool some = presence->cleared || presence->restored;

	if (watch_journals(daemon) || some)
		look_again(daemon, SETTLE_USEC);
	say_restored(daemon);
	presence->said[0] = '\0';
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *daemon = userdata;
	struct tio_error why = TIO_ERROR_NONE, other = TIO_ERROR_NONE;
	int r, sockets;

	if (daemon->phase == DAEMON_STOPPING)
		return 0;
	r = restore_folder(daemon, &why);
	if (r == -EWOULDBLOCK) {
		/* Two would undo each other's changes, and the other one has the folder. */
		log_error("the runtime folder was cleared, and %s: giving way to it", why.text);
		return sd_event_exit(daemon->event, r);
	}
	sockets = restore_sockets(daemon, r < 0 ? &other : &why);
	if (r == 0 && sockets == 0) {
		say_done(daemon);
		return 0;
	}
	say_failed(daemon, &why);
	look_again(daemon, RETRY_USEC);
	return 0;
}

/* Other changes of a file's attributes are told in the same way. */
static int on_change(sd_event_source *source, const struct inotify_event *event, void *userdata)
{
	int on = SD_EVENT_OFF;
	struct daemon *daemon = userdata;

	(void)sd_event_source_get_enabled(daemon->presence.timer, &on);
	if (on == SD_EVENT_OFF)
		look_again(daemon, SETTLE_USEC);
	return 0;
}

int presence_check(struct daemon *daemon, const struct request *request, struct tio_error *err)
{
	struct tio_error why = TIO_ERROR_NONE;
	char name[BDF_STRLEN];
	int r;

	if (!kept_lacks(daemon, request))
		return 0;
	r = restore_folder(daemon, &why);
	if (!kept_lacks(daemon, request)) {
		look_again(daemon, 0);
		return 0;
	}
	look_again(daemon, SETTLE_USEC);
	error_kind_set(err, ERROR_NOT_READY, r < 0 ? r : -EBUSY,
		       "the journal of %s, which says what it had before, was deleted from "
		       "%s/journal, and cannot be written again: %s",
		       bdf_format(request->family, name), daemon->options->roots.runtime,
		       r < 0 ? why.text : "it went once more");
	error_fix(err, "make it possible (`df -h %s` tells of a full disk), then try again; %s",
		  daemon->options->roots.runtime, advice(daemon));
	return err->code;
}

/* --- From the start to the end --- */

static void bring_back(struct daemon *daemon)
{
	struct tio_error why = TIO_ERROR_NONE;
	size_t n = 0;

	if (host_journals_bring_back(&daemon->host, &n, &why) < 0)
		log_error("journals that were saved cannot be brought back: %s", why.text);
	else if (n)
		log_warning("%zu journals that the last tiod saved are in %s/journal again", n,
			    daemon->options->roots.runtime);
}

void presence_init(struct daemon *daemon)
{
	struct presence *presence = &daemon->presence;
	int r;

	presence->lock = -1;
	bring_back(daemon);
	r = timer_new(daemon->event, &presence->timer, EXACT_USEC, on_timer, daemon);
	if (r < 0) {
		log_warning("the runtime folder is not watched: %s", strerror(-r));
		return;
	}
	watch_lock(daemon);
	for (unsigned i = 0; i < daemon->server.n_sockets; i++)
		if (listening_is_there(&daemon->server.sockets[i]))
			watch_socket(daemon, i);
	/* One that was passed may have lost its path before this start. */
	(void)on_timer(presence->timer, 0, daemon);
}

void presence_finish(struct daemon *daemon)
{
	struct presence *presence = &daemon->presence;

	sd_event_source_disable_unref(presence->lock_watch);
	sd_event_source_disable_unref(presence->journal_watch);
	for (unsigned i = 0; i < SERVER_SOCKETS_MAX; i++)
		sd_event_source_disable_unref(presence->watches[i]);
	if (presence->timer)
		cleanup_close(&presence->lock);
	sd_event_source_disable_unref(presence->timer);
	kept_finish(&presence->kept);
	*presence = (struct presence){ .lock = -1 };
}
