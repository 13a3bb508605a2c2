/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "core/link-findings.h"

/* Nothing is wrong with it. */
static struct link_facts fine(void)
{
	return (struct link_facts){ .card = { .bus = 0xe1, .valid = true },
				    .root_port = { .bus = 0xe0, .valid = true },
				    .tsm_there = true,
				    .doe_cma = true,
				    .doe_session = true,
				    .card_blocks = 2,
				    .card_free = 2,
				    .port_blocks = 8,
				    .port_free = 3,
				    .streams_left = 255,
				    .stray = -1 };
}

static void as_it_is(struct link_facts *f)
{
}

static void connected(struct link_facts *f)
{
	text_copy(f->connected, sizeof(f->connected), "tsm3");
	f->stray = 1;
}

static void stray(struct link_facts *f)
{
	f->stray = 7;
	f->stray_at = f->root_port;
}

static void no_cma(struct link_facts *f)
{
	f->doe_cma = f->doe_session = false;
}

static void no_session(struct link_facts *f)
{
	f->doe_session = false;
}

static void no_ide(struct link_facts *f)
{
	f->card_blocks = f->card_free = f->port_blocks = f->port_free = 0;
}

static void no_ide_above(struct link_facts *f)
{
	f->port_blocks = f->port_free = 0;
}

static void no_port(struct link_facts *f)
{
	f->root_port = BDF_NONE;
}

static void pool_empty(struct link_facts *f)
{
	f->streams_left = 0;
}

static void pool_unknown(struct link_facts *f)
{
	f->streams_left = -1;
}

static void card_full(struct link_facts *f)
{
	f->card_free = 0;
}

static void port_full(struct link_facts *f)
{
	f->port_free = 0;
}

static void tsm_gone(struct link_facts *f)
{
	f->tsm_there = false;
}

static const struct {
	int code;
	void (*make)(struct link_facts *f);
	const char *words;
} cases[] = {
	{ EBUSY, connected, "connected to tsm3 meanwhile" },
	{ EBUSY, stray, "Stream ID 7 is enabled at 0000:e0:00.0" },
	{ EBUSY, as_it_is, "DOE mailbox is busy or the PSP is dead" },
	{ EFAULT, no_cma, "no DOE mailbox for CMA (0001:01)" },
	{ EFAULT, no_session, "no DOE mailbox for secured sessions (0001:02)" },
	{ EFAULT, no_ide, "0000:e1:00.0 has no selective IDE stream" },
	{ EFAULT, no_port, "below no root port" },
	{ EFAULT, no_ide_above, "root port 0000:e0:00.0 has no selective IDE stream" },
	{ EFAULT, pool_empty, "available_secure_streams is 0" },
	{ EFAULT, card_full, "all 2 selective IDE streams of 0000:e1:00.0 are in use" },
	{ EFAULT, port_full, "all 8 selective IDE streams of its root port 0000:e0:00.0" },
	{ EFAULT, as_it_is, "different DOE mailboxes" },
	{ EFAULT, pool_unknown, "different DOE mailboxes" },
	{ ENXIO, tsm_gone, "gone from /sys/class/tsm" },
	{ ENXIO, no_cma, "0000:e1:00.0 has no DOE mailbox for CMA" },
	{ ENXIO, as_it_is, "no Device Security Manager answered" },
};

Test(link_findings, each_meaning_is_told_apart)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct link_facts facts = fine();
		struct link_finding finding;

		cases[i].make(&facts);
		cr_assert(link_find(-cases[i].code, &facts, &finding), "%s", cases[i].words);
		cr_expect(ne(ptr, strstr(finding.cause, cases[i].words), NULL),
			  "said \"%s\", not \"%s\"", finding.cause, cases[i].words);
		cr_expect(ne(int, finding.fix[0], 0));
		cr_expect(strlen(finding.cause) < sizeof(finding.cause) - 1);
		cr_expect(strlen(finding.fix) < sizeof(finding.fix) - 1);
	}
}

Test(link_findings, an_errno_of_one_meaning_is_left_to_the_table)
{
	static const int codes[] = { EINVAL, EINTR, ENODEV, ENOMEM, EIO, ETIMEDOUT, EPERM };
	const struct link_facts facts = fine();
	struct link_finding finding;

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		cr_expect(not(link_find(-codes[i], &facts, &finding)));
}
