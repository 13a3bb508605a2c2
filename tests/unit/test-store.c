/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "host-tree.h"
#include "host/state.h"
#include "host/store.h"

TestSuite(store, .init = tree_start, .fini = tree_end);
TestSuite(state, .init = tree_start, .fini = tree_end);

static int replace(const char *text, struct tio_error *err)
{
	return store_replace(tree.host.state_fd, "file", text, strlen(text), err);
}

Test(store, what_was_written_is_read)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct stat st;
	char *text;
	size_t size;

	cr_assert(eq(int, replace("one", &err), 0));
	cr_assert(eq(int, replace("the second", &err), 0));
	cr_assert(eq(int, store_read(tree.host.state_fd, "file", &text, &size, &err), 0));
	cr_expect(eq(str, text, "the second"));
	cr_expect(eq(sz, size, 10));
	free(text);
	cr_assert(eq(int, fstatat(tree.host.state_fd, "file", &st, 0), 0));
	cr_expect(eq(uint, st.st_mode & 07777U, 0600));
}

Test(store, no_file_is_no_text_and_removing_it_is_fine)
{
	struct tio_error err = TIO_ERROR_NONE;
	char *text = (char *)1;
	size_t size = 1;

	cr_expect(eq(int, store_read(tree.host.state_fd, "none", &text, &size, &err), 0));
	cr_expect(eq(ptr, text, NULL));
	cr_expect(eq(sz, size, 0));
	cr_expect(eq(int, store_remove(tree.host.state_fd, "none", &err), 0));
}

Test(store, what_is_no_plain_file_is_refused)
{
	struct tio_error err = TIO_ERROR_NONE;
	char *text;
	size_t size;

	tree_folder("state/folder");
	cr_expect(
		eq(int, store_read(tree.host.state_fd, "folder", &text, &size, &err), -EINVAL));
	cr_expect(eq(str, err.text, "folder is not a file"));
	tree_put("secret", "secret");
	tree_link("../secret", "state/link");
	cr_expect(eq(int, store_read(tree.host.state_fd, "link", &text, &size, &err), -ELOOP));
}

Test(store, a_failed_write_leaves_the_old_text_and_no_rest)
{
	struct rlimit small = { 4096, 4096 };
	struct tio_error err = TIO_ERROR_NONE;
	char *big = malloc(10000);

	cr_assert(eq(int, replace("old", &err), 0));
	memset(big, 'x', 9999);
	big[9999] = '\0';
	signal(SIGXFSZ, SIG_IGN);
	cr_assert(eq(int, setrlimit(RLIMIT_FSIZE, &small), 0));
	cr_expect(eq(int, replace(big, &err), -EFBIG));
	cr_expect(eq(str, err.text, "write .file.new: File too large"));
	cr_expect(eq(str, tree_text("state/file"), "old"));
	cr_expect(eq(str, tree_text("state/.file.new"), ""));
	free(big);
}

Test(store, a_rest_of_a_crash_is_written_over)
{
	struct tio_error err = TIO_ERROR_NONE;

	tree_put("half a file that is much longer than the next", "state/.file.new");
	cr_expect(eq(int, replace("new", &err), 0));
	cr_expect(eq(str, tree_text("state/file"), "new"));
}

/* A writer is killed at any moment; a reader finds one of the two texts, always whole. */
Test(store, a_killed_writer_never_leaves_half_a_file)
{
	static char a[20001], b[30001];
	struct tio_error err = TIO_ERROR_NONE;

	memset(a, 'a', sizeof(a) - 1);
	memset(b, 'b', sizeof(b) - 1);
	cr_assert(eq(int, replace(a, &err), 0));
	for (unsigned int i = 0; i < 40; i++) {
		char *text;
		size_t size;
		pid_t pid = fork();

		if (pid == 0) {
			for (;;) {
				replace(b, NULL);
				replace(a, NULL);
			}
		}
		usleep(i * 37 % 1000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		cr_assert(
			eq(int, store_read(tree.host.state_fd, "file", &text, &size, &err), 0));
		cr_assert(strcmp(text, a) == 0 || strcmp(text, b) == 0, "%zu bytes", size);
		free(text);
	}
}

Test(store, a_lock_waits_for_its_holder_even_a_dying_one)
{
	struct tio_error err = TIO_ERROR_NONE;
	int lock, pipes[2], other;
	char c = 0;
	pid_t pid;

	cr_assert(eq(int, pipe(pipes), 0));
	pid = fork();
	if (pid == 0) {
		store_lock(tree.host.state_fd, "file.lock", &lock, NULL);
		if (write(pipes[1], &c, 1) == 1)
			pause();
		_exit(0);
	}
	cr_assert(eq(int, (int)read(pipes[0], &c, 1), 1));
	other = openat(tree.host.state_fd, "file.lock", O_RDWR | O_CLOEXEC);
	cr_expect(eq(int, flock(other, LOCK_EX | LOCK_NB), -1));
	close(other);
	kill(pid, SIGKILL);
	cr_expect(eq(int, store_lock(tree.host.state_fd, "file.lock", &lock, &err), 0));
	close(lock);
	waitpid(pid, NULL, 0);
}

/* --- Journals --- */

#define GPU "0000:e1:00.0"

Test(state, no_file_is_an_empty_journal_of_that_family)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct journal journal;
	int lock;

	cr_assert(
		eq(int, host_journal_open(&tree.host, address(GPU), &journal, &lock, &err), 0));
	cr_expect(bdf_equal(journal.family, address(GPU)));
	cr_expect(journal_is_empty(&journal));
	journal_finish(&journal);
	close(lock);
}

static void write_journal(const char *family, const char *file)
{
	struct journal journal = { .family = address(family), .in_flight = true, .vm = "vm" };
	struct record record = { .step = "rebind", .function = address(family) };
	struct tio_error err = TIO_ERROR_NONE;
	char *json = NULL;

	cr_assert(eq(int, journal_add(&journal, &record), 0));
	cr_assert(eq(int, journal_to_json(&journal, &json, &err), 0), "%s", err.text);
	cr_assert(eq(int, host_ops.journal_write(&tree.host, address(file), json, &err), 0),
		  "%s", err.text);
	free(json);
	journal_finish(&journal);
}

Test(state, a_journal_comes_back_and_goes)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct journal journal;
	int lock;

	write_journal(GPU, GPU);
	cr_assert(
		eq(int, host_journal_open(&tree.host, address(GPU), &journal, &lock, &err), 0),
		"%s", err.text);
	cr_expect(journal.in_flight);
	cr_expect(eq(sz, journal.n_records, 1));
	journal_finish(&journal);
	cr_expect(eq(int, host_ops.journal_write(&tree.host, address(GPU), NULL, &err), 0));
	cr_expect(eq(int, host_ops.journal_write(&tree.host, address(GPU), NULL, &err), 0));
	close(lock);
	cr_assert(
		eq(int, host_journal_open(&tree.host, address(GPU), &journal, &lock, &err), 0));
	cr_expect(eq(sz, journal.n_records, 0));
	close(lock);
}

/* A runtime folder that outlived a reboot. */
Test(state, a_journal_of_another_boot_is_dropped)
{
	char *file = "{\"version\": 1, \"family\": \"" GPU "\", \"boot\": \"now\", "
		     "\"records\": [], \"change\": "
		     "{\"verb\": \"attach\", \"mark\": 0, \"vm\": \"vm\"}}";
	struct tio_error err = TIO_ERROR_NONE;
	struct journal journal;
	int lock;

	tree_put("now\n", "proc/sys/kernel/random/boot_id");
	tree_put(file, "run/journal/" GPU ".json");
	cr_assert(eq(int, host_journal_open(&tree.host, address(GPU), &journal, NULL, &err), 0),
		  "%s", err.text);
	cr_expect(journal.in_flight && !journal.of_another_boot);
	journal_finish(&journal);

	tree_put("later\n", "proc/sys/kernel/random/boot_id");
	cr_assert(
		eq(int, host_journal_open(&tree.host, address(GPU), &journal, NULL, &err), 0));
	cr_expect(journal.of_another_boot && journal_is_empty(&journal));
	cr_expect(eq(str, tree_text("run/journal/" GPU ".json"), file),
		  "who looks changes nothing");
	cr_assert(
		eq(int, host_journal_open(&tree.host, address(GPU), &journal, &lock, &err), 0));
	cr_expect(journal.of_another_boot && journal_is_empty(&journal));
	cr_expect(bdf_equal(journal.family, address(GPU)));
	cr_expect(eq(str, journal.boot, "later"));
	cr_expect(eq(str, tree_text("run/journal/" GPU ".json"), ""));
	close(lock);
}

Test(state, a_journal_that_names_no_boot_counts)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct journal journal;

	tree_put("now\n", "proc/sys/kernel/random/boot_id");
	write_journal(GPU, GPU);
	cr_assert(
		eq(int, host_journal_open(&tree.host, address(GPU), &journal, NULL, &err), 0));
	cr_expect(journal.in_flight && !journal.of_another_boot);
	journal_finish(&journal);
}

Test(state, a_broken_journal_is_named_and_lets_go_of_its_lock)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct journal journal;
	int lock = -1;

	tree_put("{\"version\": 1", "run/journal/" GPU ".json");
	cr_expect(
		lt(int, host_journal_open(&tree.host, address(GPU), &journal, &lock, &err), 0));
	cr_expect(ne(ptr, strstr(err.text, "/run/journal/" GPU ".json cannot be used: "), NULL),
		  "%s", err.text);
	cr_expect(eq(int, lock, -1));

	write_journal("0000:21:00.0", GPU);
	cr_expect(eq(int, host_journal_open(&tree.host, address(GPU), &journal, &lock, &err),
		     -EBADMSG));
	cr_expect(ne(ptr,
		     strstr(err.text,
			    GPU ".json cannot be used: it is the journal of 0000:21:00.0"),
		     NULL),
		  "%s", err.text);
}

Test(state, only_journals_are_listed)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct bdf *list = NULL;
	size_t n = 99;

	cr_assert(eq(int, host_journal_list(&tree.host, &list, &n, &err), 0));
	cr_expect(eq(sz, n, 0));
	free(list);

	write_journal(GPU, GPU);
	write_journal("0000:21:00.0", "0000:21:00.0");
	tree_put("", "run/journal/0000:22:00.0.lock");
	tree_put("", "run/journal/.0000:23:00.0.json.new");
	tree_put("", "run/journal/nonsense.json");
	tree_put("", "run/journal/0000:24:00.0.json.bak");
	cr_assert(eq(int, host_journal_list(&tree.host, &list, &n, &err), 0));
	cr_assert(eq(sz, n, 2));
	cr_expect(bdf_equal(list[0], address("0000:21:00.0")));
	cr_expect(bdf_equal(list[1], address(GPU)));
	free(list);
}

/* --- Assignments --- */

static int assign(const char *function, const char *vm, struct tio_error *err)
{
	struct assignment one = { .function = address(function),
				  .family = address(function),
				  .lead = address(function),
				  .vf_index = -1,
				  .port = -1 };

	text_copy(one.vm, sizeof(one.vm), vm);
	return host_ops.assign(&tree.host, &one, err);
}

Test(state, assignments_are_placed_kept_and_taken_back)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct assignments all = { 0 };

	cr_assert(eq(int, assign(GPU, "one", &err), 0), "%s", err.text);
	cr_assert(eq(int, assign("0000:21:00.0", "one", &err), 0), "%s", err.text);
	cr_assert(eq(int, assign(GPU, "one", &err), 0), "%s", err.text);
	cr_expect(eq(int, assign(GPU, "other", &err), -EEXIST));
	cr_expect(eq(int, err.kind, ERROR_CONFLICT));
	cr_assert(eq(int, host_assignments_read(&tree.host, &all, &err), 0), "%s", err.text);
	cr_assert(eq(sz, all.n, 2));
	/* Each behind a root port of its own, which asking again does not change. */
	cr_expect(eq(int, all.list[0].port, 1));
	cr_expect(eq(int, all.list[1].port, 0));
	cr_expect(eq(str, all.list[1].vm, "one"));
	assignments_finish(&all);

	cr_expect(eq(int, host_ops.release(&tree.host, address(GPU), &err), 0));
	cr_expect(eq(int, host_ops.release(&tree.host, address(GPU), &err), 0));
	cr_assert(eq(int, host_assignments_read(&tree.host, &all, &err), 0), "%s", err.text);
	cr_expect(eq(sz, all.n, 1));
	assignments_finish(&all);
}

Test(state, a_broken_file_is_not_written_over)
{
	struct tio_error err = TIO_ERROR_NONE;

	tree_put("not json", "state/assignments.json");
	cr_expect(lt(int, assign(GPU, "one", &err), 0));
	cr_expect(ne(ptr, strstr(err.text, "/state/assignments.json cannot be used: "), NULL),
		  "%s", err.text);
	cr_expect(ne(ptr, strstr(err.fix, "/state/assignments.json.bad`"), NULL), "%s",
		  err.fix);
	cr_expect(eq(str, tree_text("state/assignments.json"), "not json"));
}

Test(state, writers_at_once_lose_nothing)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct assignments all = { 0 };
	char name[BDF_STRLEN];

	for (int i = 0; i < 8; i++) {
		if (fork() != 0)
			continue;
		for (int j = 0; j < 8; j++) {
			snprintf(name, sizeof(name), "0000:%02x:00.%d", i + 1, j);
			if (assign(name, "vm", &err) < 0)
				_exit(1);
		}
		_exit(0);
	}
	for (int i = 0; i < 8; i++) {
		int status = -1;

		wait(&status);
		cr_expect(eq(int, status, 0));
	}
	cr_assert(eq(int, host_assignments_read(&tree.host, &all, &err), 0));
	cr_expect(eq(sz, all.n, 64));
	assignments_finish(&all);
}

/* --- Opening --- */

Test(state, missing_folders_are_made_with_narrow_rights)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/run/journal", tree.root);
	cr_assert(eq(int, stat(path, &st), 0));
	cr_expect(eq(uint, st.st_mode & 07022U, 0));
	snprintf(path, sizeof(path), "%s/state", tree.root);
	cr_assert(eq(int, stat(path, &st), 0));
	cr_expect(eq(uint, st.st_mode & 07777U, 0700));
}

Test(state, a_root_that_cannot_be_opened_is_named)
{
	struct host_roots roots = { .sys = "/tmp/no/such/folder" };
	struct tio_error err = TIO_ERROR_NONE;
	struct host host;

	cr_expect(eq(int, host_init(&host, &roots, &err), -ENOENT));
	cr_expect(eq(str, err.text,
		     "open the folder /tmp/no/such/folder: No such file or directory"));
	cr_expect(eq(int, host.sys_fd, -1));
}
