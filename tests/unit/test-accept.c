/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>

#include "base/text.h"
#include "tioctl/accept.h"

/* clang-format off */
static const struct {
	const char *header;
	bool openmetrics;
} cases[] = {
	{ NULL, false },
	{ "", false },
	{ "*/*", false },
	{ "text/html", false },
	{ "text/plain", false },
	{ "application/openmetrics-text", true },
	{ "Application/OpenMetrics-Text", true },
	{ "application/openmetrics-text; version=1.0.0; charset=utf-8", true },
	{ "application/openmetrics-textile", false },
	{ "xapplication/openmetrics-text", false },
	{ "text/html, application/openmetrics-text", true },
	{ "text/plain,application/openmetrics-text", true },
	{ "text/plain;q=0.5,application/openmetrics-text;q=0.75", true },
	{ "text/plain;q=0.75,application/openmetrics-text;version=1.0.0;q=0.5", false },
	{ "text/plain,application/openmetrics-text;q=0.999", false },
	{ "application/openmetrics-text;q=0", false },
	{ "application/openmetrics-text;q=0.000", false },
	{ "application/openmetrics-text;q=0.001", true },
	{ "application/openmetrics-text;q=none", false },
	{ "application/openmetrics-text;q=", false },
	{ "application/openmetrics-text;", true },
	{ "application/openmetrics-text ;\tQ=0 , text/html", false },
	/* A weight belongs to its own element. */
	{ "application/openmetrics-text,*/*;q=0", true },
	{ ",,;,; ,application/openmetrics-text", true },
	/* Prometheus 2.42, and 3. */
	{ "application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
	  "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", true },
	{ "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
	  "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.2", true },
};
/* clang-format on */

Test(accept, openmetrics_is_for_those_who_want_it_most)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		cr_expect_eq(accept_wants_openmetrics(cases[i].header), cases[i].openmetrics,
			     "%s", cases[i].header ?: "none");
}
