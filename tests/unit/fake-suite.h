/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What each suite on the fake host begins with: one host for each test, and what is asked of
 * it.  Included once by a test program, which makes a suite of it: FAKE_SUITE(name);
 */

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "fake-host.h"

/* For tests in which workers die by longjmp: those cannot free what they held. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#define IGNORE_LEAKS() __lsan_disable()
#else
#define IGNORE_LEAKS()
#endif

static struct fake_host host;
static struct request request;
static struct tio_error err;

/* The host's state as text, to be compared. */
static char before[4096] __attribute__((unused)), after[4096] __attribute__((unused));

static void set_up(void)
{
	fake_host_init(&host);
	err = TIO_ERROR_NONE;
}

static void tear_down(void)
{
	fake_host_finish(&host);
}

#define FAKE_SUITE(name) TestSuite(name, .init = set_up, .fini = tear_down)

/* Runs @request, dying at @die_at, then recovers.  False when it was not reached. */
static inline bool die_and_recover(unsigned die_at)
{
	host.changes = 0;
	host.die_at = die_at;
	if (setjmp(host.death) == 0) {
		int r = fake_run(&host, &request, &err);

		cr_assert(eq(int, r, 0), "%s", err.text);
		return false;
	}
	host.die_at = 0;
	cr_assert(eq(int, fake_recover(&host, &err), 0), "%s", err.text);
	cr_expect(eq(int, fake_recover(&host, &err), 0), "recovering twice is harmless");
	return true;
}
