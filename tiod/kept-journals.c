/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kept-journals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon.h"

#define JOURNAL_NAME 64

static void journal_name(struct bdf family, char ret[static JOURNAL_NAME])
{
	char address[BDF_STRLEN];

	snprintf(ret, JOURNAL_NAME, "journal/%s.json", bdf_format(family, address));
}

static struct kept_journal *find(const struct daemon *daemon, struct bdf family)
{
	const struct kept_journals *kept = &daemon->presence.kept;

	for (size_t i = 0; i < kept->n; i++)
		if (bdf_equal(kept->list[i].family, family))
			return &kept->list[i];
	return NULL;
}

/* --- Keeping --- */

static bool has_assigned(const struct daemon *daemon, struct bdf family)
{
	const struct assignments *all = &daemon->cache.all;

	for (size_t i = 0; i < all->n; i++)
		if (bdf_equal(cache_family(&daemon->cache, all->list[i].function), family))
			return true;
	return false;
}

/* With its card given back a journal ends.  The whole folder may have gone, too. */
static bool was_to_go(const struct daemon *daemon, struct bdf family)
{
	return faccessat(daemon->host.runtime_fd, "journal", F_OK, 0) == 0 &&
	       !has_assigned(daemon, family);
}

static void forget(struct kept_journals *kept, struct kept_journal *journal)
{
	if (!journal)
		return;
	cleanup_close(&journal->fd);
	*journal = kept->list[--kept->n];
}

static void keep(struct daemon *daemon, struct bdf family, int fd)
{
	struct kept_journals *kept = &daemon->presence.kept;
	const struct kept_journal fresh = { .family = family, .fd = fd };
	struct kept_journal *journal = find(daemon, family);

	if (journal) {
		cleanup_close(&journal->fd);
		journal->fd = fd;
		return;
	}
	if (array_add(&kept->list, &kept->n, &fresh, sizeof(fresh)) < 0)
		close(fd);
}

bool kept_note(struct daemon *daemon, struct bdf family)
{
	struct kept_journal *journal = find(daemon, family);
	char name[JOURNAL_NAME];
	int fd;

	journal_name(family, name);
	fd = openat(daemon->host.runtime_fd, name,
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd >= 0)
		keep(daemon, family, fd);
	else if (was_to_go(daemon, family))
		forget(&daemon->presence.kept, journal);
	else
		return !journal;
	return true;
}

/* --- What is gone --- */

static bool is_gone(const struct daemon *daemon, const struct kept_journal *journal)
{
	char name[JOURNAL_NAME];
	struct stat st;

	journal_name(journal->family, name);
	return fstatat(daemon->host.runtime_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0;
}

static bool is_missing(const struct daemon *daemon, const struct kept_journal *journal)
{
	return !jobs_altering(daemon, journal->family) && is_gone(daemon, journal);
}

size_t kept_missing(const struct daemon *daemon)
{
	const struct kept_journals *kept = &daemon->presence.kept;
	size_t n = 0;

	for (size_t i = 0; i < kept->n; i++)
		n += is_missing(daemon, &kept->list[i]);
	return n;
}

bool kept_lacks(const struct daemon *daemon, const struct request *request)
{
	for (size_t i = 0; i < request->n_families; i++) {
		const struct kept_journal *journal = find(daemon, request->families[i]);

		if (journal && is_gone(daemon, journal))
			return true;
	}
	return false;
}

/* --- Writing --- */

static int read_text(const struct kept_journal *journal, struct text *ret,
		     struct tio_error *err)
{
	char part[4096];
	off_t at = 0;
	ssize_t n;

	while ((n = pread(journal->fd, part, sizeof(part) - 1, at)) > 0) {
		part[n] = '\0';
		if (text_add(ret, "%s", part) < 0)
			return error_set(err, -ENOMEM, "out of memory");
		at += n;
	}
	return n < 0 ? error_set(err, -errno, "read a journal that was deleted: %m") : 0;
}

static int restore(struct daemon *daemon, struct kept_journal *journal, struct tio_error *err)
{
	struct tio_error ignored = TIO_ERROR_NONE;
	auto_text struct text text = { 0 };
	int r;

	r = read_text(journal, &text, err);
	if (r == 0)
		r = host_journal_restore(&daemon->host, journal->family, text.data, err);
	if (r < 0)
		return r;
	if (journal->saved && host_journal_save(&daemon->host, journal->family, NULL, &ignored))
		log_warning("%s", ignored.text);
	journal->saved = false;
	(void)kept_note(daemon, journal->family);
	return 0;
}

static int save(struct daemon *daemon, struct kept_journal *journal, struct tio_error *err)
{
	auto_text struct text text = { 0 };
	int r;

	r = read_text(journal, &text, err);
	if (r == 0)
		r = host_journal_save(&daemon->host, journal->family, text.data, err);
	journal->saved |= r == 0;
	return r;
}

int kept_restore(struct daemon *daemon, size_t *ret_n, struct tio_error *err)
{
	struct kept_journals *kept = &daemon->presence.kept;
	struct tio_error later = TIO_ERROR_NONE;
	int r, first = 0;

	for (size_t i = 0; i < kept->n; i++) {
		if (!is_missing(daemon, &kept->list[i]))
			continue;
		r = restore(daemon, &kept->list[i], first < 0 ? &later : err);
		*ret_n += r == 0;
		first = first < 0 ? first : r;
	}
	return first;
}

int kept_save(struct daemon *daemon, struct tio_error *err)
{
	struct kept_journals *kept = &daemon->presence.kept;
	int r, worst = 0;

	for (size_t i = 0; i < kept->n; i++) {
		if (kept->list[i].saved || !is_missing(daemon, &kept->list[i]))
			continue;
		r = save(daemon, &kept->list[i], err);
		worst = r < 0 ? r : worst;
	}
	return worst;
}

void kept_finish(struct kept_journals *kept)
{
	for (size_t i = 0; i < kept->n; i++)
		cleanup_close(&kept->list[i].fd);
	free(kept->list);
	*kept = (struct kept_journals){ 0 };
}
