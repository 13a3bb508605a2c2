/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "presence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon.h"
#include "lock.h"

/* Who clears a folder goes from one file to the next. */
#define SETTLE_USEC  200000
#define RETRY_USEC   5000000
#define EXACT_USEC   50000
#define WATCHED      (IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_DONT_FOLLOW)
#define JOURNAL_NAME 64

/* --- Journals --- */

static void journal_name(struct bdf family, char ret[static JOURNAL_NAME])
{
	char address[BDF_STRLEN];

	snprintf(ret, JOURNAL_NAME, "journal/%s.json", bdf_format(family, address));
}

static void forget(struct presence *presence, struct bdf family)
{
	for (size_t i = 0; i < presence->n_journals; i++) {
		if (!bdf_equal(presence->journals[i].family, family))
			continue;
		cleanup_close(&presence->journals[i].fd);
		presence->journals[i] = presence->journals[--presence->n_journals];
		return;
	}
}

void presence_note(struct daemon *daemon, struct bdf family)
{
	struct presence *presence = &daemon->presence;
	struct kept_journal *list;
	char name[JOURNAL_NAME];
	auto_close int fd = -1;

	journal_name(family, name);
	fd = openat(daemon->host.runtime_fd, name,
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	/* The whole folder may have gone, and its journals are still wanted. */
	if (fd < 0 && faccessat(daemon->host.runtime_fd, "journal", F_OK, 0) < 0)
		return;
	forget(presence, family);
	if (fd < 0)
		return;
	list = reallocarray(presence->journals, presence->n_journals + 1, sizeof(*list));
	if (!list)
		return;
	presence->journals = list;
	list[presence->n_journals++] = (struct kept_journal){ .family = family,
							      .fd = take_fd(&fd) };
}

void presence_note_all(struct daemon *daemon)
{
	const struct assignments *all = &daemon->cache.all;

	for (size_t i = 0; i < all->n; i++)
		presence_note(daemon, cache_family(&daemon->cache, all->list[i].function));
}

static int restore_journal(struct daemon *daemon, const struct kept_journal *journal,
			   struct tio_error *err)
{
	auto_text struct text text = { 0 };
	char name[JOURNAL_NAME], part[4096];
	off_t at = 0;
	ssize_t n;

	journal_name(journal->family, name);
	/* A worker that was at it meanwhile knows more. */
	if (faccessat(daemon->host.runtime_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	while ((n = pread(journal->fd, part, sizeof(part) - 1, at)) > 0) {
		part[n] = '\0';
		if (text_add(&text, "%s", part) < 0)
			return error_set(err, -ENOMEM, "out of memory");
		at += n;
	}
	if (n < 0)
		return error_set(err, -errno, "read what was %s: %m", name);
	return host_journal_restore(&daemon->host, journal->family, text.data, err);
}

static int restore_journals(struct daemon *daemon, struct tio_error *err)
{
	const struct presence *presence = &daemon->presence;
	int r = 0;

	for (size_t i = 0; r == 0 && i < presence->n_journals; i++)
		r = restore_journal(daemon, &presence->journals[i], err);
	return r;
}

/* --- The folder and the sockets --- */

static int on_change(sd_event_source *source, const struct inotify_event *event,
		     void *userdata);

static void watch(struct daemon *daemon, sd_event_source **source, const char *path)
{
	int r;

	*source = sd_event_source_disable_unref(*source);
	r = sd_event_add_inotify(daemon->event, source, path, WATCHED, on_change, daemon);
	if (r < 0)
		log_warning("%s is not watched: should it be deleted, restart tiod (%s)", path,
			    strerror(-r));
}

static void watch_lock(struct daemon *daemon)
{
	auto_text struct text path = { 0 };

	if (text_add(&path, "%s/lock", daemon->options->roots.runtime) == 0)
		watch(daemon, &daemon->presence.lock_watch, path.data);
}

static void watch_socket(struct daemon *daemon, unsigned i)
{
	const struct listening *socket = &daemon->server.sockets[i];

	if (socket->path[0])
		watch(daemon, &daemon->presence.watches[i], socket->path);
}

static int restore_folder(struct daemon *daemon, struct tio_error *err)
{
	struct presence *presence = &daemon->presence;
	const char *folder = daemon->options->roots.runtime;
	int r, lock = -1;

	r = lock_take(folder, false, &lock, err);
	if (r < 0)
		return r;
	cleanup_close(&presence->lock);
	presence->lock = lock;
	r = host_reopen_runtime(&daemon->host, err);
	if (r == 0)
		r = restore_journals(daemon, err);
	if (r < 0)
		return r;
	automatic_restamp(daemon);
	watch_lock(daemon);
	log_warning("somebody has cleared %s: its lock and %zu journals are there again",
		    folder, presence->n_journals);
	return 0;
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

static bool all_there(const struct daemon *daemon)
{
	const struct presence *presence = &daemon->presence;
	int lock = presence->lock >= 0 ? presence->lock : daemon->options->lock;

	return lock_is_there(daemon->options->roots.runtime, lock);
}

static void look_again(struct daemon *daemon, uint64_t usec)
{
	sd_event_source_set_time_relative(daemon->presence.timer, usec);
	sd_event_source_set_enabled(daemon->presence.timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *daemon = userdata;
	struct tio_error why = TIO_ERROR_NONE;
	int r = 0;

	if (daemon->phase == DAEMON_STOPPING)
		return 0;
	if (!all_there(daemon))
		r = restore_folder(daemon, &why);
	if (r == -EWOULDBLOCK) {
		/* Two would undo each other's changes, and the other one has the folder. */
		log_error("the runtime folder was cleared, and %s: giving way to it", why.text);
		return sd_event_exit(daemon->event, r);
	}
	if (r == 0)
		r = restore_sockets(daemon, &why);
	if (r == 0)
		return 0;
	log_error("what was deleted cannot be made again: %s%s%s (clients cannot connect; "
		  "this is tried again, or `systemctl restart tiod.socket tiod`)",
		  why.text, why.fix[0] ? "; " : "", why.fix);
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

void presence_init(struct daemon *daemon)
{
	struct presence *presence = &daemon->presence;
	int r;

	presence->lock = -1;
	r = sd_event_add_time(daemon->event, &presence->timer, CLOCK_MONOTONIC, UINT64_MAX,
			      EXACT_USEC, on_timer, daemon);
	if (r >= 0)
		r = sd_event_source_set_enabled(presence->timer, SD_EVENT_OFF);
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
	for (unsigned i = 0; i < SERVER_SOCKETS_MAX; i++)
		sd_event_source_disable_unref(presence->watches[i]);
	if (presence->timer)
		cleanup_close(&presence->lock);
	sd_event_source_disable_unref(presence->timer);
	for (size_t i = 0; i < presence->n_journals; i++)
		cleanup_close(&presence->journals[i].fd);
	free(presence->journals);
	*presence = (struct presence){ .lock = -1 };
}
