/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "floor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct floor_counts counts;

static const struct mode {
	const char *name, *arguments;
	int n;
	int (*run)(char **args);
} modes[] = {
	{ "discover", "", 0, floor_discover },
	{ "attach", "TSM FUNCTION[,FUNCTION…]", 2, floor_attach },
	{ "bind", "PF VFS", 2, floor_bind },
	{ "echo", "SOCKET BYTES", 2, floor_echo },
	{ "ask", "SOCKET CALL TIMES", 3, floor_ask },
	{ "pace", "SOCKET CALL TIMES USEC", 4, floor_pace },
	{ "udev", "", 0, floor_udev },
};

#define N_MODES (sizeof(modes) / sizeof(modes[0]))

double floor_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

void floor_die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "floor: ");
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

static int usage(void)
{
	for (size_t i = 0; i < N_MODES; i++)
		fprintf(stderr, "floor %s %s\n", modes[i].name, modes[i].arguments);
	return 2;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < N_MODES; i++)
		if (strcmp(argv[1], modes[i].name) == 0 && argc == modes[i].n + 2)
			return modes[i].run(argv + 2);
	return usage();
}
