/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/state.h"

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
#include "core/moves.h"
#include "host/store.h"
#include "host/sysfs.h"

#define ASSIGNMENTS      "assignments.json"
#define ASSIGNMENTS_LOCK "assignments.lock"
#define FILE_NAME_MAX    64

/* --- Journals --- */

static void journal_file(struct bdf family, const char *suffix, char ret[static FILE_NAME_MAX])
{
	char address[BDF_STRLEN];

	snprintf(ret, FILE_NAME_MAX, "journal/%s.%s", bdf_format(family, address), suffix);
}

/* Somebody may have cleared the runtime folder since it was opened: then it is made again. */
static void find_folder_again(struct host *host)
{
	struct tio_error ignored = TIO_ERROR_NONE;

	if (faccessat(host->runtime_fd, "journal", F_OK, 0) < 0 && errno == ENOENT &&
	    host_reopen_runtime(host, &ignored) < 0)
		log_debug("%s", ignored.text);
}

static int open_journal_folder(struct host *host)
{
	find_folder_again(host);
	return openat(host->runtime_fd, "journal", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int state_write_journal(struct host *host, struct bdf family, const char *json,
			struct tio_error *err)
{
	auto_close int dir = open_journal_folder(host);
	char path[FILE_NAME_MAX];
	const char *name = path + strlen("journal/");
	int r;

	if (dir < 0)
		return error_set(err, -errno, "open the journal's folder: %s", strerror(errno));
	journal_file(family, "json", path);
	r = json ? store_replace(dir, name, json, strlen(json), err)
		 : store_remove(dir, name, err);
	return r < 0 ? error_wrap(err, r, "in %s/journal", host->runtime) : 0;
}

/* Nobody but a person can say what a damaged file should have said. */
static int broken_file(struct tio_error *err, int code, const char *folder, const char *name,
		       const char *without)
{
	char path[320];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	error_wrap(err, code, "%s cannot be used", path);
	error_fix(err,
		  "look at it (`less %s`): mend it, or move it away (`mv %s %s.bad`)%s; then "
		  "`systemctl restart tiod`",
		  path, path, path, without);
	return code;
}

/* "" where /proc does not tell. */
static void read_boot_id(struct host *host, char ret[static BOOT_ID_MAX])
{
	if (attr_read(host->proc_fd, "sys/kernel/random/boot_id", ret, BOOT_ID_MAX) < 0)
		ret[0] = '\0';
}

/*
 * A runtime folder that outlived a reboot, or was copied: the drivers, VFs and links of that
 * boot are gone, and "putting them back" would change what nobody changed.
 */
static void keep_to_this_boot(struct host *host, struct journal *journal)
{
	struct bdf family = journal->family;
	char boot[BOOT_ID_MAX];

	read_boot_id(host, boot);
	if (boot[0] && journal->boot[0] && strcmp(boot, journal->boot) != 0) {
		journal_finish(journal);
		*journal = (struct journal){ .family = family, .of_another_boot = true };
	}
	text_copy(journal->boot, sizeof(journal->boot), boot);
}

static int read_journal(struct host *host, struct bdf family, struct journal *ret,
			struct tio_error *err)
{
	struct journal journal = { 0 };
	auto_free char *text = NULL;
	char name[FILE_NAME_MAX], other[BDF_STRLEN];
	size_t size;
	int r;

	journal_file(family, "json", name);
	r = store_read(host->runtime_fd, name, &text, &size, err);
	if (r < 0)
		return r;
	if (!text) {
		*ret = (struct journal){ .family = family };
		read_boot_id(host, ret->boot);
		return 0;
	}
	r = journal_from_json(text, size, &journal, err);
	if (r < 0)
		return broken_file(err, r, host->runtime, name,
				   " once the card is as it should be");
	if (!bdf_equal(journal.family, family)) {
		bdf_format(journal.family, other);
		journal_finish(&journal);
		r = error_set(err, -EBADMSG, "it is the journal of %s", other);
		return broken_file(err, r, host->runtime, name,
				   " once the card is as it should be");
	}
	keep_to_this_boot(host, &journal);
	*ret = journal;
	return 0;
}

int host_journal_open(struct host *host, struct bdf family, struct journal *ret, int *ret_lock,
		      struct tio_error *err)
{
	auto_close int lock = -1;
	char name[FILE_NAME_MAX];
	int r;

	if (!ret_lock)
		return read_journal(host, family, ret, err);
	journal_file(family, "lock", name);
	find_folder_again(host);
	r = store_lock(host->runtime_fd, name, &lock, err);
	if (r < 0)
		return r;
	r = read_journal(host, family, ret, err);
	if (r == 0 && ret->of_another_boot)
		r = state_write_journal(host, family, NULL, err);
	if (r < 0)
		return r;
	*ret_lock = take_fd(&lock);
	return 0;
}

/* "0000:e1:00.0.json", and neither a lock nor an unfinished file. */
static bool parse_journal_name(const char *name, struct bdf *ret)
{
	const char *suffix = strstr(name, ".json");
	char address[BDF_STRLEN] = "";

	if (!suffix || suffix[strlen(".json")] != '\0' ||
	    (size_t)(suffix - name) >= sizeof(address))
		return false;
	memcpy(address, name, (size_t)(suffix - name));
	return bdf_parse(address, ret) == 0;
}

static int compare(const void *a, const void *b)
{
	return bdf_compare(*(const struct bdf *)a, *(const struct bdf *)b);
}

static int list_journals(int dir, struct bdf **ret, size_t *ret_n, struct tio_error *err)
{
	auto_closedir DIR *folder = attr_open_folder(dir, "journal");
	auto_free struct bdf *list = NULL;
	struct bdf family;
	const char *name;
	size_t n = 0;

	if (!folder)
		return error_set(err, -errno, "open the journal's folder: %s", strerror(errno));
	while ((name = attr_next_entry(folder))) {
		if (!parse_journal_name(name, &family))
			continue;
		if (array_add(&list, &n, &family, sizeof(family)) < 0)
			return error_set(err, -ENOMEM, "out of memory");
	}
	if (n)
		qsort(list, n, sizeof(*list), compare);
	*ret = take_ptr(list);
	*ret_n = n;
	return 0;
}

int host_journal_list(struct host *host, struct bdf **ret, size_t *ret_n, struct tio_error *err)
{
	return list_journals(host->runtime_fd, ret, ret_n, err);
}

int host_journal_restore(struct host *host, struct bdf family, const char *json,
			 struct tio_error *err)
{
	return state_write_journal(host, family, json, err);
}

/* --- Journals in the state folder, while the runtime folder cannot be written --- */

static int write_saved(struct host *host, const char *path, const char *json,
		       struct tio_error *err)
{
	const char *name = path + strlen("journal/");
	auto_close int dir = -1;

	if (mkdirat(host->state_fd, "journal", 0700) < 0 && errno != EEXIST)
		return error_set(err, -errno, "make the folder journal: %m");
	dir = openat(host->state_fd, "journal", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return error_set(err, -errno, "open the folder journal: %m");
	return store_replace(dir, name, json, strlen(json), err);
}

int host_journal_save(struct host *host, struct bdf family, const char *json,
		      struct tio_error *err)
{
	char path[FILE_NAME_MAX];
	int r;

	journal_file(family, "json", path);
	r = json ? write_saved(host, path, json, err) : store_remove(host->state_fd, path, err);
	if (!json)
		(void)unlinkat(host->state_fd, "journal", AT_REMOVEDIR);
	return r < 0 ? error_wrap(err, r, "in %s", host->state) : 0;
}

/* What is there already was written later. */
static int bring_back(struct host *host, struct bdf family, struct tio_error *err)
{
	auto_free char *text = NULL;
	char path[FILE_NAME_MAX];
	size_t size;
	int r = 0;

	journal_file(family, "json", path);
	if (faccessat(host->runtime_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		r = store_read(host->state_fd, path, &text, &size, err);
		if (r == 0 && text)
			r = state_write_journal(host, family, text, err);
	}
	return r < 0 ? r : host_journal_save(host, family, NULL, err);
}

int host_journals_bring_back(struct host *host, size_t *ret_n, struct tio_error *err)
{
	auto_free struct bdf *list = NULL;
	int r, first = 0;

	*ret_n = 0;
	if (faccessat(host->state_fd, "journal", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	r = list_journals(host->state_fd, &list, ret_n, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < *ret_n; i++) {
		r = bring_back(host, list[i], err);
		first = first < 0 ? first : r;
	}
	return first;
}

/* --- Assignments --- */

int host_assignments_read(struct host *host, struct assignments *ret, struct tio_error *err)
{
	auto_free char *text = NULL;
	size_t size;
	int r;

	r = store_read(host->state_fd, ASSIGNMENTS, &text, &size, err);
	if (r < 0)
		return r;
	if (!text) {
		*ret = (struct assignments){ 0 };
		return 0;
	}
	r = assignments_from_json(text, size, ret, err);
	return r < 0 ? broken_file(err, r, host->state, ASSIGNMENTS,
				   ", which forgets who has which function")
		     : 0;
}

/* What stands there already needs no room on a disk, nor one that can be written. */
static bool is_written(struct host *host, const char *text)
{
	auto_free char *now = NULL;
	size_t size;

	return store_read(host->state_fd, ASSIGNMENTS, &now, &size, NULL) == 0 && now &&
	       strcmp(now, text) == 0;
}

static int write_assignments(struct host *host, const struct assignments *all,
			     struct tio_error *err)
{
	auto_free char *text = NULL;
	int r;

	r = assignments_to_json(all, &text, err);
	if (r < 0 || is_written(host, text))
		return r;
	r = store_replace(host->state_fd, ASSIGNMENTS, text, strlen(text), err);
	return r < 0 ? error_wrap(err, r, "in %s", host->state) : 0;
}

/* Where nothing can be written nobody else writes: there it goes on without. */
static int lock_assignments(struct host *host, int *ret, struct tio_error *err)
{
	int r = store_lock(host->state_fd, ASSIGNMENTS_LOCK, ret, err);

	if (r == -EROFS)
		return 0;
	return r < 0 ? error_wrap(err, r, "in %s", host->state) : 0;
}

/* 1: @all was changed and is to be kept; 0: it was not; or an error. */
typedef int (*change_fn)(struct assignments *all, const void *arg, struct tio_error *err);

static int change_assignments(struct host *host, change_fn change, const void *arg,
			      struct tio_error *err)
{
	auto_close int lock = -1;
	struct assignments all = { 0 };
	int r;

	r = lock_assignments(host, &lock, err);
	if (r < 0)
		return r;
	r = host_assignments_read(host, &all, err);
	if (r < 0)
		return r;
	r = change(&all, arg, err);
	if (r > 0)
		r = write_assignments(host, &all, err);
	assignments_finish(&all);
	return r;
}

struct move {
	const struct snapshot *snap;
	struct bdf from, to;
};

static int move(struct assignments *all, const void *arg, struct tio_error *err)
{
	const struct move *what = arg;
	int r = moves_apply(what->snap, all, what->from, what->to, err);

	return r < 0 ? r : 1;
}

int host_assignments_move(struct host *host, const struct snapshot *snap, struct bdf from,
			  struct bdf to, struct tio_error *err)
{
	const struct move what = { snap, from, to };

	return change_assignments(host, move, &what, err);
}

/* Puts one where it belongs in its VM; two workers must not choose the same root port. */
static int place(struct assignments *all, const void *arg, struct tio_error *err)
{
	struct assignment placed = *(const struct assignment *)arg;
	int r;

	r = assignments_place(all, &placed, err);
	if (r < 0)
		return r;
	return assignments_put(all, &placed) < 0 ? error_set(err, -ENOMEM, "out of memory") : 1;
}

static int drop(struct assignments *all, const void *arg, struct tio_error *err)
{
	return assignments_remove(all, *(const struct bdf *)arg);
}

int state_assign(struct host *host, const struct assignment *one, struct tio_error *err)
{
	return change_assignments(host, place, one, err);
}

int state_release(struct host *host, struct bdf function, struct tio_error *err)
{
	return change_assignments(host, drop, &function, err);
}
