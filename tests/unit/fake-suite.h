/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What each suite on the fake host begins with: one host for each test, and what is asked of
 * it.  Included once by a test program, which makes a suite of it: FAKE_SUITE(name);
 */

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "fake-host.h"

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
