/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A card that has fallen off the bus: it is there, and reads as all ones. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "core/report.h"
#include "fake-suite.h"

FAKE_SUITE(silent);

static struct function *card(void)
{
	return fake_function(&host, "01:00.0");
}

static void fall_silent(void)
{
	card()->stream.endpoint = (struct ide_end){ .silent = true };
}

/* Attaches it, and lets each try of its own driver fail from then on. */
static void attach_and_break_driver(void)
{
	request = a_request(&host, VERB_ATTACH, "01:00.0");
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	host.fail_call = "bind";
	host.fail_nth = 1;
	host.fail_count = 2;
	host.fail_code = -ENODEV;
	host.note[0] = '\0';
	request = a_request(&host, VERB_DETACH, "01:00.0");
}

Test(silent, it_goes_back_without_its_driver)
{
	attach_and_break_driver();
	fall_silent();
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, card()->driver, ""));
	cr_expect(eq(str, card()->override, ""));
	cr_expect(eq(str, card()->tsm, ""), "its link is taken down all the same");
	cr_expect(eq(sz, host.all.n, 0));
	cr_expect(eq(str, host.journal, ""));
	cr_expect(strstr(host.note, "it has no driver now") != NULL, "%s", host.note);
	cr_expect(strstr(host.note, "/sys/bus/pci/rescan") != NULL, "%s", host.note);
}

Test(silent, one_that_answers_stays_when_its_driver_does_not_start)
{
	attach_and_break_driver();
	cr_expect(lt(int, fake_run(&host, &request, &err), 0));
	cr_expect(eq(str, card()->driver, "vfio-pci"));
	cr_expect(eq(sz, host.all.n, 1));
	cr_expect(eq(str, host.note, ""));
}

Test(silent, its_driver_is_tried)
{
	attach_and_break_driver();
	host.fail_call = NULL;
	fall_silent();
	cr_assert(eq(int, fake_run(&host, &request, &err), 0), "%s", err.text);
	cr_expect(eq(str, card()->driver, "nvme"));
	cr_expect(eq(str, host.note, ""));
}

/* --- What is told --- */

Test(silent, reports_say_that_it_does_not_answer)
{
	json_t *ide;

	attach_and_break_driver();
	fall_silent();
	ide = report_ide(card(), NULL, NULL);
	cr_expect(strstr(json_string_value(json_object_get(ide, "verdict")),
			 "does not answer") != NULL);
	json_decref(ide);
}
