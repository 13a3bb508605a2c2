/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The floor of the benchmarks: a bare program that does the system calls of a job of tiod's
 * and nothing else, so that what tiod adds can be said as a ratio.  floor.c picks the mode,
 * floor-read.c and floor-write.c are about sysfs, floor-socket.c about the socket, and
 * floor-udev.c lists PCI functions as any user of libudev does.
 *
 * A mode prints one line of JSON and exits; whatever fails ends it with a message and 1.
 */

#include <stdbool.h>
#include <stddef.h>

struct floor_counts {
	unsigned long opens, reads, writes, looks; /* looks: stat, readlink, readdir */
};

extern struct floor_counts counts;

/* Microseconds, monotonic. */
double floor_now(void);

__attribute__((noreturn, format(printf, 1, 2))) void floor_die(const char *fmt, ...);

/* Bytes read, or a negative errno.  @buf ends with a NUL, without a newline before it. */
int floor_read(int dir, const char *path, char *buf, size_t size);
bool floor_exists(int dir, const char *path);
int floor_link(int dir, const char *path, char *buf, size_t size);

/*
 * What tiod reads of a function: all there is (true: it has a TSM link), or only what may
 * change.
 */
bool floor_read_function(int sys, const char *address);
void floor_read_state(int sys, const char *address);

int floor_discover(char **args);
int floor_attach(char **args);
int floor_bind(char **args);
int floor_echo(char **args);
int floor_ask(char **args);
int floor_pace(char **args);
int floor_udev(char **args);
