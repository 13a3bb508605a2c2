/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The page of metrics as records, for io.systemd.Metrics.  Made from the text of
 * metrics_text(), so that there is one list of what is told.
 *
 * systemd-report takes a thousand records from all services of a host: of a histogram it gets
 * count and sum, and a state is one string instead of a number for each that there is.
 */

#include <jansson.h>

/*
 * Every name begins with this: it must be that of the socket's file.  The family
 * tiod_link_secure is METRICS_RECORD_PREFIX "link_secure".
 */
#define METRICS_RECORD_PREFIX "io.tiod."

/*
 * @page: metrics_text() in the older format.  An array of what Describe (@families) or List
 * answers; NULL when memory is short.
 */
json_t *metrics_families(const char *page);
json_t *metrics_records(const char *page);
