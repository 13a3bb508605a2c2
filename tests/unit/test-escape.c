/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/text.h"
#include "host-tree.h"
#include "host/peer.h"

static const struct {
	const char *what, *from, *escaped, *blotted;
} texts[] = {
	{ "plain", "tioctl", "tioctl", "tioctl" },
	{ "empty", "", "", "" },
	{ "quotes", "a\" of \"b", "a\\\" of \\\"b", "a\" of \"b" },
	{ "backslash", "a\\n", "a\\\\n", "a\\n" },
	{ "C0", "a\nb\x1b[1m\x7f", "a\\x0ab\\x1b[1m\\x7f", "a?b?[1m?" },
	{ "two bytes", "g\xc3\xbcn", "g\xc3\xbcn", "g\xc3\xbcn" },
	{ "three bytes", "\xe2\x82\xac", "\xe2\x82\xac", "\xe2\x82\xac" },
	{ "four bytes", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
	{ "C1",
	  "\xc2\x9b"
	  "1m",
	  "\\xc2\\x9b1m", "??1m" },
	{ "cut in a character", "caf\xc3", "caf\\xc3", "caf?" },
	{ "cut in a long one", "x\xf0\x9f\x98", "x\\xf0\\x9f\\x98", "x???" },
	{ "no lead byte", "\x80\xbfz", "\\x80\\xbfz", "??z" },
	{ "never valid", "\xff\xfe", "\\xff\\xfe", "??" },
	{ "overlong slash", "\xc0\xaf", "\\xc0\\xaf", "??" },
	{ "overlong NUL", "\xe0\x80\x80", "\\xe0\\x80\\x80", "???" },
	{ "surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80", "???" },
	{ "beyond Unicode", "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "????" },
	{ "from right to left",
	  "\xe2\x80\xae"
	  "x",
	  "\\xe2\\x80\\xaex", "???x" },
	{ "line end", "\xe2\x80\xa8", "\\xe2\\x80\\xa8", "???" },
};

Test(escape, nothing_but_harmless_characters_comes_through)
{
	char escaped[64], blotted[64];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		text_copy(blotted, sizeof(blotted), texts[i].from);
		escape_blot(blotted);
		cr_expect(eq(str, blotted, (char *)texts[i].blotted), "%s", texts[i].what);
		cr_expect(eq(str, (char *)escape_copy(escaped, sizeof(escaped), texts[i].from),
			     (char *)texts[i].escaped),
			  "%s", texts[i].what);
	}
}

Test(escape, what_does_not_fit_is_left_out_whole)
{
	const char *from = "a\xc3\xbc\n";
	const char *expected[] = { "", "", "a", "a", "a\xc3\xbc", "a\xc3\xbc" };
	char to[8];

	for (size_t size = 1; size < ARRAY_SIZE(expected); size++)
		cr_expect(eq(str, (char *)escape_copy(to, size, from), (char *)expected[size]),
			  "%zu", size);
	cr_expect(eq(str, (char *)escape_copy(to, sizeof(to), from), "a\xc3\xbc\\x0a"));
}

TestSuite(peer, .init = tree_start, .fini = tree_end);

static void describe(const char *cgroup, struct peer *ret)
{
	*ret = (struct peer){ .uid = geteuid(), .pid = 77 };
	tree_put("some\xff name\n", "proc/77/comm");
	tree_put(cgroup, "proc/77/cgroup");
	peer_describe(&tree.host, ret);
}

Test(peer, its_unit_is_what_the_service_manager_named)
{
	struct peer who;

	describe("0::/system.slice/ssh.service\n", &who);
	cr_expect(eq(str, who.comm, "some\xff name"));
	cr_expect(eq(str, who.unit, "ssh.service"));
	describe("0::/user.slice/user-7.slice/session-3.scope\n", &who);
	cr_expect(eq(str, who.unit, "session-3.scope"));
	describe("0::/system.slice/bad.service/tiod.service\n", &who);
	cr_expect(eq(str, who.unit, "bad.service"), "a cgroup of its own passes for no unit");
	describe("0::/\n", &who);
	cr_expect(eq(str, who.unit, ""));
}

Test(peer, another_process_by_now_is_not_described)
{
	struct peer who = { .uid = geteuid() + 1, .pid = 77, .comm = "old" };

	tree_put("new\n", "proc/77/comm");
	peer_describe(&tree.host, &who);
	cr_expect(eq(str, who.comm, ""));
}
