/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Lines for the operator, on standard error, with the priority prefix that the
 * journal understands ("<4>") when it is connected to one.
 *
 * A line is written at once or not at all: nobody waits for whoever reads it.  Lines that
 * were lost are counted, and the next one that is taken says how many.
 *
 * base, core and host say at most log_debug; the daemon logs one line a failure,
 * where it decides what happens next.  A line about a device starts with its address.
 */

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

/* Lines above @level are dropped.  Info by default. */
void log_set_level(enum log_level level);

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
