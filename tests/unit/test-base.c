/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/array.h"
#include "base/bdf.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

Test(bdf, domains_may_be_left_out_or_wide)
{
	char text[BDF_STRLEN];
	struct bdf bdf;

	cr_assert(eq(int, bdf_parse("e1:1f.7", &bdf), 0));
	cr_expect(eq(str, (char *)bdf_format(bdf, text), "0000:e1:1f.7"));
	cr_assert(eq(int, bdf_parse("10000:E1:00.0", &bdf), 0));
	cr_expect(eq(str, (char *)bdf_format(bdf, text), "10000:e1:00.0"));
	cr_expect(eq(str, (char *)bdf_format(BDF_NONE, text), ""));
}

Test(bdf, sorts_by_domain_then_bus_then_device_then_function)
{
	const char *order[] = { "0:0:0.1", "0:0:1.0", "0:1:0.0", "1:0:0.0" };
	struct bdf last = BDF_NONE, bdf;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		cr_assert(eq(int, bdf_parse(order[i], &bdf), 0));
		cr_expect(lt(int, bdf_compare(last, bdf), 0), "%s", order[i]);
		last = bdf;
	}
	cr_expect(eq(int, bdf_compare(last, last), 0));
}

Test(bdf, has_a_place_in_a_sorted_list)
{
	struct {
		char before[5];
		struct bdf bdf;
	} list[3];
	static const char *const in[] = { "1:0:0.0", "1:2:0.0", "1:4:0.0" };
	struct bdf bdf;

	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		cr_assert(eq(int, bdf_parse(in[i], &list[i].bdf), 0));
	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		cr_expect(eq(sz, bdf_place(&list->bdf, 3, sizeof(*list), list[i].bdf), i));
	cr_assert(eq(int, bdf_parse("1:3:0.0", &bdf), 0));
	cr_expect(eq(sz, bdf_place(&list->bdf, 3, sizeof(*list), bdf), 2));
	cr_assert(eq(int, bdf_parse("2:0:0.0", &bdf), 0));
	cr_expect(eq(sz, bdf_place(&list->bdf, 3, sizeof(*list), bdf), 3), "behind all");
	cr_expect(eq(sz, bdf_place(&list->bdf, 3, sizeof(*list), BDF_NONE), 0), "before all");
	cr_expect(eq(sz, bdf_place(NULL, 0, sizeof(*list), bdf), 0), "of none");
}

Test(array, grows_by_one)
{
	uint32_t *list = NULL;
	size_t n = 0;

	for (uint32_t i = 0; i < 100; i++)
		cr_assert(eq(int, array_add(&list, &n, &i, sizeof(i)), 0));
	cr_assert(eq(sz, n, 100));
	for (uint32_t i = 0; i < n; i++)
		cr_expect(eq(u32, list[i], i));
	free(list);
}

Test(error, a_fix_may_quote_the_one_before)
{
	struct tio_error err = TIO_ERROR_NONE;

	error_set(&err, -EIO, "x");
	error_fix(&err, "first");
	error_fix(&err, "%s; then %s", err.fix, err.fix);
	cr_expect(eq(str, err.fix, "first; then first"));
}

Test(error, context_comes_in_front_and_control_characters_go)
{
	struct tio_error err;

	cr_expect(eq(int, error_set(&err, -EBUSY, "write \"%s\"", "a\nb\x1b"), -EBUSY));
	error_wrap(&err, -EBUSY, "reading %s", "x");
	cr_expect(eq(str, err.text, "reading x: write \"a?b?\""));
	error_wrap(NULL, 0, "nobody listens");
}

Test(error, every_kind_has_a_name_that_leads_back)
{
	for (int i = 0; i < ERROR_KIND_COUNT; i++) {
		enum error_kind kind;

		cr_assert(ne(ptr, (void *)error_kind_to_string((enum error_kind)i), NULL));
		cr_expect(eq(
			int,
			error_kind_from_string(error_kind_to_string((enum error_kind)i), &kind),
			0));
		cr_expect(eq(int, (int)kind, i));
	}
}

Test(text, sizes_are_read_with_their_units)
{
	static const struct {
		const char *text;
		int result;
		uint64_t bytes;
	} cases[] = {
		{ "4096", 0, 4096 },
		{ "2M", 0, 2 << 20 },
		{ "64G", 0, 64ull << 30 },
		{ "1t", 0, 1ull << 40 },
		{ "", -EINVAL, 0 },
		{ "G", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "1.5G", -EINVAL, 0 },
		{ "64GB", -EINVAL, 0 },
		{ "99999999999T", -ERANGE, 0 },
		{ "18446744073709551616", -ERANGE, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t bytes = 0;

		cr_expect(eq(int, text_to_bytes(cases[i].text, &bytes), cases[i].result), "%s",
			  cases[i].text);
		cr_expect(eq(u64, bytes, cases[i].bytes), "%s", cases[i].text);
	}
}

Test(text, names_are_fit_for_file_names)
{
	cr_expect(text_is_name("gpu-vm_1.a", 63));
	cr_expect(not(text_is_name("", 63)));
	cr_expect(not(text_is_name("../x", 63)));
	cr_expect(not(text_is_name(".hidden", 63)));
	cr_expect(not(text_is_name("a b", 63)));
	cr_expect(not(text_is_name("abc", 2)));
}

Test(text, what_does_not_fit_is_cut_off_and_said)
{
	char small[4];

	cr_expect(text_copy(small, sizeof(small), "abc"));
	cr_expect(not(text_copy(small, sizeof(small), "abcd")));
	cr_expect(eq(str, small, "abc"));
	text_append(small, sizeof(small), "more");
	cr_expect(eq(str, small, "abc"));
}

/* --- The log --- */

static void fill(int fd)
{
	char page[4096] = { 0 };

	cr_assert(ge(int, fcntl(fd, F_SETFL, O_NONBLOCK), 0));
	while (write(fd, page, sizeof(page)) > 0)
		continue;
	cr_assert(ge(int, fcntl(fd, F_SETFL, 0), 0));
}

static void drain(int fd)
{
	char page[4096];

	cr_assert(ge(int, fcntl(fd, F_SETFL, O_NONBLOCK), 0));
	while (read(fd, page, sizeof(page)) > 0)
		continue;
}

static void check_full(int reader, int writer)
{
	int saved = dup(STDERR_FILENO);
	char text[512] = "";

	fill(writer);
	cr_assert(ge(int, dup2(writer, STDERR_FILENO), 0));
	alarm(10); /* ends the test if a line waits */
	log_error("one");
	log_error("two");
	drain(reader);
	log_error("three");
	cr_expect(gt(long, (long)read(reader, text, sizeof(text) - 1), 0));
	if (!strstr(text, "three"))
		cr_expect(gt(long, (long)read(reader, text + strlen(text), 256), 0));
	dup2(saved, STDERR_FILENO);
	alarm(0);
	cr_expect(eq(str, text,
		     "2 lines of the log were lost here: standard error did not take them\n"
		     "three\n"));
	close(saved);
	close(reader);
	close(writer);
}

Test(log, a_full_pipe_is_not_waited_for)
{
	int fds[2];

	cr_assert(eq(int, pipe(fds), 0));
	check_full(fds[0], fds[1]);
}

Test(log, a_full_socket_is_not_waited_for)
{
	int fds[2];

	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0));
	check_full(fds[0], fds[1]);
}
