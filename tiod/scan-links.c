/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scan-links.h"

#include <string.h>

#include "daemon.h"
#include "timer.h"

#define LATER_USEC (5 * 1000000ull)
#define EXACT_USEC 500000

void scans_links_free(struct daemon *daemon)
{
	struct bdf_set *missed = &daemon->scans.missed;

	if (!missed->n)
		return;
	scans_because(daemon, SCAN_LINKS);
	for (size_t i = 0; i < missed->n; i++)
		scans_mark(daemon, missed->list[i]);
	missed->n = 0;
}

/* Of tiod's own turns the end is heard of; of somebody else's, and of a busy host, it is not.
 */
static int on_later(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *daemon = userdata;

	if (!turns_any(&daemon->turns))
		scans_links_free(daemon);
	return 0;
}

void scan_links_later(struct daemon *daemon)
{
	struct scans *scans = &daemon->scans;

	if (!scans->missed.n || turns_any(&daemon->turns))
		return;
	(void)timer_set(scans->later, LATER_USEC);
}

int scan_links_init(struct daemon *daemon, struct tio_error *err)
{
	struct scans *scans = &daemon->scans;
	int r = timer_new(daemon->event, &scans->later, EXACT_USEC, on_later, daemon);

	return r < 0 ? error_set(err, r, "prepare to read links: %s", strerror(-r)) : 0;
}

void scan_links_finish(struct daemon *daemon)
{
	sd_event_source_disable_unref(daemon->scans.later);
}
