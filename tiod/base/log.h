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

#include <stddef.h>

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7
};

/* Kinds of lines that somebody may look for; the catalog says more about each. */
enum log_event {
	LOG_EVENT_NONE,
	LOG_EVENT_READY,
	LOG_EVENT_CHANGED,
	LOG_EVENT_FAILED,
	LOG_EVENT_DENIED,
	LOG_EVENT_RECOVERED,
	LOG_EVENT_STUCK,
	LOG_EVENT_LINK_FELL,
	LOG_EVENT_LINK_BACK,
	LOG_EVENT_CONFIG,
	LOG_EVENT_COUNT
};

/* Told to the journal beside the line; an empty or absent value is left out. */
struct log_field {
	const char *name, *value;
};

struct log_place {
	const char *file;
	int line;
	const char *function;
};

/* Lines above @level are dropped.  Info by default. */
void log_set_level(enum log_level level);

/*
 * Control characters and what is no UTF-8 become '?' (escape.h): a line is one line, whatever
 * devices and clients put in.
 * errno is left as it was.
 */
void log_write(enum log_level level, enum log_event event, const struct log_field *fields,
	       size_t n_fields, const struct log_place *place, const char *fmt, ...)
	__attribute__((format(printf, 6, 7)));

#define LOG_PLACE (&(const struct log_place){ __FILE__, __LINE__, __func__ })
#define log_event(level, event, fields, n_fields, ...)                                         \
	log_write(level, event, fields, n_fields, LOG_PLACE, __VA_ARGS__)
#define log_line(level, ...) log_event(level, LOG_EVENT_NONE, NULL, 0, __VA_ARGS__)

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
