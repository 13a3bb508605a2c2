/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "timer.h"

#include <time.h>

int timer_new(sd_event *event, sd_event_source **ret, uint64_t exact_usec,
	      sd_event_time_handler_t handler, void *arg)
{
	int r = sd_event_add_time(event, ret, CLOCK_MONOTONIC, UINT64_MAX, exact_usec, handler,
				  arg);

	return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int timer_set(sd_event_source *timer, uint64_t usec)
{
	int r = sd_event_source_set_time_relative(timer, usec);

	return r < 0 ? r : sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}
