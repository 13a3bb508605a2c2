/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Timers of the main loop that are off until they are set, and fire once each time they are.
 */

#include <systemd/sd-event.h>

/*
 * *@ret is the caller's, to be unref'd.  It may fire up to @exact_usec late, so that wake-ups
 * come together.  0 or a negative errno, with *@ret as it was or to be unref'd all the same.
 */
int timer_new(sd_event *event, sd_event_source **ret, uint64_t exact_usec,
	      sd_event_time_handler_t handler, void *arg);

/* Fires in @usec from now, whatever it was set to before.  0 or a negative errno. */
int timer_set(sd_event_source *timer, uint64_t usec);
