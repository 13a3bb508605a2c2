/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * io.systemd.Metrics: the metrics for systemd-report, on its socket or ours.
 */

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon.h"
#include "handoff/metrics-records.h"
#include "methods.h"
#include "stream.h"

/* One reply after the other; NULL when memory is short. */
static char *replies(json_t *records, size_t *ret_size)
{
	size_t n = json_array_size(records), all = 0, size = 0;
	char *text = NULL, *reply, *grown;

	for (size_t i = 0; i < n; i++) {
		reply = wire_reply(json_incref(json_array_get(records, i)), NULL, i + 1 < n,
				   &size);
		grown = reply ? realloc(text, all + size) : NULL;
		if (grown)
			memcpy(grown + all, reply, size);
		free(reply);
		if (!grown) {
			free(text);
			return NULL;
		}
		text = grown;
		all += size;
	}
	*ret_size = all;
	return text;
}

static void answer(struct daemon *daemon, struct call *call, json_t *(*from)(const char *page))
{
	auto_free char *page = metrics_page(daemon, false);
	json_t *records = page ? from(page) : NULL;
	size_t size = 0;
	char *text = records ? replies(records, &size) : NULL;

	json_decref(records);
	if (text)
		stream_send(call, text, size);
	else
		methods_reply(call, NULL);
}

void method_report_list(struct daemon *daemon, struct call *call)
{
	answer(daemon, call, metrics_records);
}

void method_report_describe(struct daemon *daemon, struct call *call)
{
	answer(daemon, call, metrics_families);
}
