/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What the daemon keeps between workers: results, the cache, and the turns at a TSM.
 */

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/text.h"
#include "bdf-set.h"
#include "cache.h"
#include "jobs.h"
#include "quiet.h"
#include "result.h"
#include "turns.h"

static struct bdf at(const char *name)
{
	struct bdf bdf = BDF_NONE;

	cr_assert(eq(int, bdf_parse(name, &bdf), 0));
	return bdf;
}

static struct function endpoint(const char *name, const char *driver)
{
	struct function f = { .bdf = at(name), .dsm = at(name), .kind = FUNCTION_ENDPOINT };

	f.dsm.function = 0;
	text_copy(f.driver, sizeof(f.driver), driver);
	return f;
}

/* --- Results --- */

Test(result, is_read_as_it_was_written)
{
	struct function functions[] = { endpoint("e1:00.0", "a"), endpoint("e1:00.1", "b") };
	struct bdf removed[] = { at("c1:00.0") };
	struct assignment assignments[] = { { .function = at("e1:00.0"), .vm = "vm" } };
	struct result out = { .code = -EIO,
			      .n_steps = 3,
			      .has_assignments = true,
			      .functions = functions,
			      .n_functions = 2,
			      .removed = removed,
			      .n_removed = 1,
			      .assignments = assignments,
			      .n_assignments = 1,
			      .text = "{}",
			      .text_size = 3 };
	struct result in = { 0 };
	int fd = memfd_create("test", MFD_CLOEXEC);

	error_set(&out.error, -EIO, "it broke");
	cr_assert(eq(int, result_write(fd, &out), 0));
	cr_assert(eq(int, result_read(fd, &in), 0));
	cr_expect(eq(int, in.code, -EIO));
	cr_expect(eq(str, in.error.text, "it broke"));
	cr_assert(eq(sz, in.n_functions, 2));
	cr_expect(eq(str, (char *)in.functions[1].driver, "b"));
	cr_assert(eq(sz, in.n_removed, 1));
	cr_expect(bdf_equal(in.removed[0], removed[0]));
	cr_expect(eq(str, (char *)in.assignments[0].vm, "vm"));
	cr_expect(eq(str, (char *)in.text, "{}"));
	cr_expect(eq(sz, in.n_journals, 0));
	result_finish(&in);
	close(fd);
}

Test(result, one_that_was_not_finished_is_none)
{
	struct function functions[] = { endpoint("e1:00.0", "a") };
	struct result out = { .functions = functions, .n_functions = 1 };
	struct result in = { 0 };
	int fd = memfd_create("test", MFD_CLOEXEC);
	char zero[16] = { 0 };
	off_t size;

	cr_expect(eq(int, result_read(fd, &in), -ENODATA));
	cr_assert(eq(int, result_write(fd, &out), 0));
	size = lseek(fd, 0, SEEK_END);
	cr_assert(eq(int, ftruncate(fd, size - 16), 0));
	cr_expect(eq(int, result_read(fd, &in), -ENODATA));
	cr_assert(eq(int, ftruncate(fd, size), 0));
	cr_assert(eq(long, (long)pwrite(fd, zero, sizeof(zero), 0), (long)sizeof(zero)));
	cr_expect(eq(int, result_read(fd, &in), -ENODATA));
	close(fd);
}

/* --- The cache --- */

struct seen {
	unsigned added, changed, removed, newer;
};

static void on_changed(void *arg, struct bdf bdf)
{
	((struct seen *)arg)->changed++;
}

static void on_added(void *arg, struct bdf bdf)
{
	((struct seen *)arg)->added++;
}

static void on_removed(void *arg, struct bdf bdf)
{
	((struct seen *)arg)->removed++;
}

static void on_newer(void *arg, struct bdf bdf)
{
	((struct seen *)arg)->newer++;
}

static struct cache_watch watch_with(struct seen *seen)
{
	return (struct cache_watch){ on_added, on_changed, on_removed, on_newer, seen };
}

Test(cache, tells_what_a_scan_changed_and_nothing_else)
{
	struct function functions[] = { endpoint("e1:00.0", "a"), endpoint("e1:00.1", "b") };
	struct result result = { .functions = functions, .n_functions = 2 };
	struct seen seen = { 0 };
	struct cache_watch watch = watch_with(&seen);
	struct cache cache = { 0 };

	cr_assert(eq(int, cache_merge_scan(&cache, &result, 0, 100, &watch), 0));
	cr_expect(eq(u32, seen.changed, 2));
	cr_assert(eq(int, cache_merge_scan(&cache, &result, 0, 200, &watch), 0));
	cr_expect(eq(u32, seen.changed, 2));
	cr_expect(eq(u64, cache_entry(&cache, functions[0].bdf)->read_at, 200));

	result = (struct result){ .removed = &functions[0].bdf, .n_removed = 1 };
	cr_assert(eq(int, cache_merge_scan(&cache, &result, 0, 300, &watch), 0));
	cr_expect(eq(u32, seen.removed, 1));
	cr_expect(eq(sz, cache.snap.n_functions, 1));
	cr_expect(eq(ptr, (void *)cache_entry(&cache, functions[0].bdf), NULL));
	cache_finish(&cache);
}

Test(cache, a_scan_that_began_before_a_job_ended_does_not_undo_its_news)
{
	struct function before = endpoint("e1:00.0", "nvidia"),
			after = endpoint("e1:00.0", "vfio-pci");
	struct request *request = calloc(1, sizeof(*request));
	struct result scan = { .functions = &before, .n_functions = 1 };
	struct result job = { .functions = &after, .n_functions = 1 };
	struct seen seen = { 0 };
	struct cache_watch watch = watch_with(&seen);
	struct cache cache = { 0 };
	uint64_t since;

	request->family = request->families[0] = before.bdf;
	request->n_families = 1;
	cache_merge_scan(&cache, &scan, cache.stamp, 100, &watch);
	since = cache.stamp;
	cr_assert(eq(int, cache_merge_job(&cache, &job, request, 200, &watch), 0));
	cr_assert(eq(int, cache_merge_scan(&cache, &scan, since, 300, &watch), 0));
	cr_expect(eq(str, snapshot_find(&cache.snap, before.bdf)->driver, "vfio-pci"));
	cr_expect(eq(u32, seen.newer, 1));
	cr_assert(eq(int, cache_merge_scan(&cache, &scan, cache.stamp, 400, &watch), 0));
	cr_expect(eq(str, snapshot_find(&cache.snap, before.bdf)->driver, "nvidia"));
	cache_finish(&cache);
	free(request);
}

Test(cache, a_job_speaks_for_its_own_familys_assignments_only)
{
	struct assignment mine = { .function = at("e1:00.0"),
				   .family = at("e1:00.0"),
				   .vm = "a" };
	struct assignment other = { .function = at("c1:00.0"),
				    .family = at("c1:00.0"),
				    .vm = "b" };
	struct request *request = calloc(1, sizeof(*request));
	struct result job = { .has_assignments = true,
			      .assignments = &mine,
			      .n_assignments = 1 };
	struct seen seen = { 0 };
	struct cache_watch watch = watch_with(&seen);
	struct cache cache = { 0 };

	request->family = request->families[0] = mine.family;
	request->n_families = 1;
	assignments_put(&cache.all, &other);

	/* It read the file before the other family's was written. */
	cr_assert(eq(int, cache_merge_job(&cache, &job, request, 100, &watch), 0));
	cr_expect(eq(sz, cache.all.n, 2));
	job.n_assignments = 0;
	cr_assert(eq(int, cache_merge_job(&cache, &job, request, 200, &watch), 0));
	cr_assert(eq(sz, cache.all.n, 1));
	cr_expect(eq(str, cache.all.list[0].vm, "b"));
	cache_finish(&cache);
	free(request);
}

Test(cache, what_a_scan_saw_of_a_changing_family_is_doubted)
{
	struct function card = endpoint("e1:00.0", "nvidia"), vf = endpoint("e1:00.4", "");
	struct request *request = calloc(1, sizeof(*request));
	struct function both[] = { card, vf };
	struct result scan = { .functions = both, .n_functions = 2 };
	struct result job = { .functions = &card, .n_functions = 1 };
	struct seen seen = { 0 };
	struct cache_watch watch = watch_with(&seen);
	struct cache cache = { 0 };

	request->family = request->families[0] = card.bdf;
	request->n_families = 1;
	cache_merge_scan(&cache, &scan, cache.stamp, 100, &watch);
	cr_assert(eq(int, cache_merge_job(&cache, &job, request, 200, &watch), 0));
	cr_expect(eq(u32, seen.newer, 0));
	job.whole = true;
	cr_assert(eq(int, cache_merge_job(&cache, &job, request, 200, &watch), 0));
	cr_expect(eq(u32, seen.newer, 1));
	cache_finish(&cache);
	free(request);
}

Test(cache, a_stuck_family_stays_so_until_it_is_cleared)
{
	struct tio_error why = TIO_ERROR_NONE;
	struct cache cache = { 0 };

	error_set(&why, -EIO, "stuck");
	cache_set_stuck(&cache, at("e1:00.0"), &why);
	cache_set_stuck(&cache, at("e1:00.0"), &why);
	cr_expect(eq(sz, cache.n_stuck, 1));
	cr_assert(ne(ptr, (void *)cache_stuck(&cache, at("e1:00.0")), NULL));
	cr_expect(eq(ptr, (void *)cache_stuck(&cache, at("e2:00.0")), NULL));
	cache_clear_stuck(&cache, at("e1:00.0"));
	cr_expect(eq(ptr, (void *)cache_stuck(&cache, at("e1:00.0")), NULL));
	cache_finish(&cache);
}

Test(bdf_set, keeps_each_once_and_in_order)
{
	struct bdf_set set = { 0 };

	for (int i = 40; i-- > 0;) {
		struct bdf bdf = { .bus = (uint8_t)(i % 20), .valid = true };

		cr_assert(eq(int, bdf_set_add(&set, bdf), 0));
	}
	cr_expect(eq(sz, set.n, 20));
	for (size_t i = 1; i < set.n; i++)
		cr_expect(lt(int, bdf_compare(set.list[i - 1], set.list[i]), 0));
	cr_expect(bdf_set_has(&set, set.list[7]));
	cr_expect(eq(int, bdf_set_has(&set, at("ff:00.0")), false));
	bdf_set_finish(&set);
}

/* --- Turns --- */

static struct job *new_jobs(size_t n)
{
	return calloc(n, sizeof(struct job));
}

Test(turns, who_asks_first_goes_first)
{
	struct job *jobs = new_jobs(3);
	struct turns turns = { 0 };

	cr_expect(eq(ptr, (void *)turns_ask(&turns, &jobs[0], "tsm0"), NULL));
	cr_expect(eq(ptr, (void *)turns_ask(&turns, &jobs[1], "tsm0"), &jobs[0]));
	cr_expect(eq(ptr, (void *)turns_ask(&turns, &jobs[2], "tsm0"), &jobs[0]));
	cr_expect(eq(ptr, turns_leave(&turns, &jobs[0]), &jobs[1]));
	cr_expect(eq(ptr, turns_leave(&turns, &jobs[1]), &jobs[2]));
	cr_expect(eq(ptr, turns_leave(&turns, &jobs[2]), NULL));
	cr_expect(eq(int, turns_any(&turns), false));
	turns_finish(&turns);
	free(jobs);
}

Test(turns, tsms_do_not_wait_for_each_other)
{
	struct job *jobs = new_jobs(2);
	struct turns turns = { 0 };

	cr_expect(eq(ptr, (void *)turns_ask(&turns, &jobs[0], "tsm0"), NULL));
	cr_expect(eq(ptr, (void *)turns_ask(&turns, &jobs[1], "tsm1"), NULL));
	cr_expect(eq(ptr, turns_leave(&turns, &jobs[0]), NULL));
	cr_expect(turns_any(&turns));
	turns_finish(&turns);
	free(jobs);
}

Test(turns, who_waits_and_leaves_hands_nothing_on)
{
	struct job *jobs = new_jobs(3);
	struct turns turns = { 0 };

	turns_ask(&turns, &jobs[0], "tsm0");
	turns_ask(&turns, &jobs[1], "tsm0");
	turns_ask(&turns, &jobs[2], "tsm0");
	cr_expect(eq(ptr, turns_leave(&turns, &jobs[1]), NULL));
	cr_expect(eq(ptr, turns_leave(&turns, &jobs[1]), NULL));
	cr_expect(eq(ptr, turns_leave(&turns, &jobs[0]), &jobs[2]));
	turns_finish(&turns);
	free(jobs);
}

/* --- What the log is told of --- */

Test(quiet, one_line_a_second_for_each_user)
{
	struct quiet quiet = { 0 };
	unsigned left_out = 7;

	cr_expect(quiet_pass(&quiet, 1000, 100, &left_out));
	cr_expect(eq(u32, left_out, 0));
	cr_expect(not(quiet_pass(&quiet, 1000, 101, &left_out)));
	cr_expect(not(quiet_pass(&quiet, 1000, 99 + QUIET_USEC, &left_out)));
	cr_expect(quiet_pass(&quiet, 0, 102, &left_out));
	cr_expect(eq(u32, left_out, 0));
	cr_expect(quiet_pass(&quiet, 1000, 100 + QUIET_USEC, &left_out));
	cr_expect(eq(u32, left_out, 2));
	cr_expect(quiet_pass(&quiet, 1000, 100 + 2 * QUIET_USEC, &left_out));
	cr_expect(eq(u32, left_out, 0));
}

Test(quiet, of_many_users_the_one_told_of_longest_ago_is_forgotten)
{
	struct quiet quiet = { 0 };
	unsigned left_out;

	for (uid_t uid = 0; uid <= QUIET_USERS; uid++)
		cr_expect(quiet_pass(&quiet, uid, 100 + uid, &left_out));
	cr_expect(not(quiet_pass(&quiet, 1, 200, &left_out)));
	cr_expect(quiet_pass(&quiet, 0, 200, &left_out));
}
