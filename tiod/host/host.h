/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The machine: all doors to the kernel behind one object.
 *
 * main.c makes it with the roots of the real host; tests make it with folders of their
 * own.  The daemon process itself only opens and closes it and calls host_uevents; all
 * else is called in worker processes, because every door may sleep, and libpci may end
 * the process.
 */

#include "core/host.h"
#include "core/journal.h"

struct pci_door;

struct host_roots {
	const char *sys;     /* "/sys" */
	const char *proc;    /* "/proc" */
	const char *dev;     /* "/dev" */
	const char *runtime; /* "/run/tiod": journal/ and locks */
	const char *state;   /* "/var/lib/tiod": assignments.json */
	const char *plugins; /* folder of the plugins */
	const char *helper;  /* socket of tiod-helper; NULL: "helper" of the runtime folder */
};

struct host {
	int sys_fd, proc_fd, dev_fd, runtime_fd, state_fd; /* owned; -1: could not be opened */
	char sys[256], plugin_dir[256];
	char runtime[256], state[256]; /* for sentences */
	char helper[108];              /* as long as a socket's name may be */
	struct pci_door *pci; /* owned; opened for the first new function: its names are slow */

	/* How a worker talks to the daemon; NULL in tests and tools. */
	void (*progress)(void *arg, const struct progress *progress);
	int (*tsm_take)(void *arg, const char *tsm, struct tio_error *err);
	void (*tsm_give)(void *arg);
	void *arg;
};

/*
 * Opens the roots; makes the runtime folder's journal/ and the state folder where they are
 * missing (0755, 0700).  -errno with a sentence naming the folder.
 */
int host_init(struct host *host, const struct host_roots *roots, struct tio_error *err);
void host_finish(struct host *host);

/* The runtime folder was deleted: opens what is there now, and makes it where nothing is. */
int host_reopen_runtime(struct host *host, struct tio_error *err);

/* Is the runtime folder with its journal/ still the one that was opened? */
bool host_runtime_is_there(const struct host *host);

/* Writes back what was the journal of @family. */
int host_journal_restore(struct host *host, struct bdf family, const char *json,
			 struct tio_error *err);

/*
 * Where that fails: keeps it in the state folder's journal/ for the next tiod, which brings all
 * that are there back (@ret_n: how many there were) before it reads its journals.  @json NULL:
 * it is not needed any more.
 */
int host_journal_save(struct host *host, struct bdf family, const char *json,
		      struct tio_error *err);
int host_journals_bring_back(struct host *host, size_t *ret_n, struct tio_error *err);

/* The table for core, to be used with a struct host as its void *. */
extern const struct host_ops host_ops;

/*
 * Reads the whole host, or (with @known) only what is new or changed against it: functions
 * that @known has keep what is constant, and only those in @dirty are read again.
 * Functions that are gone are left out.  Config space is read once for each function that is
 * new.  With @links also tsm/connect and tsm/bound, which wait for connects in progress.
 * @host's progress() is called now and then, as a sign of life.
 */
int host_scan(struct host *host, const struct snapshot *known, const struct bdf *dirty,
	      size_t n_dirty, bool links, struct snapshot *ret, struct tio_error *err);

/*
 * The journal of a family, read with its lock held: nobody else's worker has it then.
 * Waits while a former worker still lives (it may hang in the kernel).  @ret_lock is the
 * lock: close it to let go; NULL: only looks, at once.  No file is an empty journal.
 */
int host_journal_open(struct host *host, struct bdf family, struct journal *ret, int *ret_lock,
		      struct tio_error *err);

/* The families that have a journal; malloc'ed.  0 or -errno. */
int host_journal_list(struct host *host, struct bdf **ret, size_t *ret_n,
		      struct tio_error *err);

/*
 * Gives the reservations of the card @from the addresses that it has as @to by @snap; the file
 * is replaced at once or not at all.
 */
int host_assignments_move(struct host *host, const struct snapshot *snap, struct bdf from,
			  struct bdf to, struct tio_error *err);

/* Reads assignments.json; no file is an empty list. */
int host_assignments_read(struct host *host, struct assignments *ret, struct tio_error *err);
