/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "base/text.h"
#include "core/link.h"

static struct snapshot snap;
static struct function dsm;
static struct link_base base;

static struct ide_end good_end(void)
{
	return (struct ide_end){ .known = true,
				 .enabled = true,
				 .secure = true,
				 .stream_id = 3,
				 .errors = { .known = true, .check = 7 } };
}

static void make_link(void)
{
	snap = (struct snapshot){ .n_tsms = 1 };
	dsm = (struct function){
		.stream = { .present = true, .endpoint = good_end(), .root_port = good_end() }
	};
	bdf_parse("0000:61:00.0", &dsm.bdf);
	bdf_parse("0000:60:01.1", &dsm.root_port);
	base = link_base_of(&dsm);
}

TestSuite(link, .init = make_link);

static void expect(enum link_trouble trouble, const char *text)
{
	struct link_state state = link_judge(&snap, &dsm, &base);

	cr_expect(eq(str, (char *)link_trouble_to_string(state.trouble),
		     (char *)link_trouble_to_string(trouble)));
	cr_expect(ne(ptr, strstr(state.text, text), NULL), "\"%s\" has no \"%s\"", state.text,
		  text);
}

Test(link, as_it_was_made_is_fine)
{
	struct link_state state = link_judge(&snap, &dsm, &base);

	cr_expect(eq(int, state.trouble, LINK_FINE));
	cr_expect(eq(str, state.text, ""));
}

Test(link, each_end_tells_for_itself)
{
	dsm.stream.root_port.secure = false;
	expect(LINK_INSECURE, "0000:60:01.1 is not in the secure state");
	dsm.stream.endpoint.enabled = false;
	expect(LINK_DISABLED, "0000:61:00.0 has IDE switched off; 0000:60:01.1 is not");
	dsm.stream.endpoint = (struct ide_end){ .silent = true };
	expect(LINK_SILENT, "0000:61:00.0 does not answer");
	dsm.stream.endpoint = (struct ide_end){ 0 };
	expect(LINK_UNREADABLE, "0000:61:00.0 cannot be read");
}

Test(link, ends_of_different_streams_are_no_link)
{
	dsm.stream.root_port.stream_id = 4;
	expect(LINK_MISMATCHED, "Stream ID 3 at the card, 4 at its root port");
	dsm.stream.root_port.secure = false;
	expect(LINK_INSECURE, "0000:60:01.1 is not");
}

Test(link, only_what_is_new_is_news)
{
	dsm.stream.endpoint.failed = true;
	expect(LINK_FAILED, "0000:61:00.0 was told of a failed integrity check");
	base = link_base_of(&dsm);
	expect(LINK_FINE, "");
	dsm.stream.endpoint.errors.check = 9;
	dsm.stream.endpoint.errors.pcrc = 1;
	expect(LINK_COUNTED, "0000:61:00.0 counted 2 IDECheck, 1 PCRC_CHECK");
	dsm.stream.root_port.errors.misrouted = 1;
	expect(LINK_COUNTED, "PCRC_CHECK; 0000:60:01.1 counted 1 MisIDETLP");
}

Test(link, counters_that_begin_anew_count_from_there)
{
	dsm.stream.endpoint.errors.check = 0;
	expect(LINK_FINE, "");
	dsm.stream.endpoint.errors.check = 2;
	expect(LINK_COUNTED, "0000:61:00.0 counted 2 IDECheck");
}

Test(link, without_counters_the_registers_decide)
{
	dsm.stream.endpoint.errors = (struct ide_errors){ .check = 99 };
	expect(LINK_FINE, "");
}

Test(link, a_stream_that_is_gone_may_have_gone_with_its_tsm)
{
	dsm.stream.present = false;
	expect(LINK_GONE, "there is no IDE stream any more");
	snap.n_tsms = 0;
	expect(LINK_WITHOUT_TSM, "its TSM is gone: /sys/class/tsm is empty");
}
