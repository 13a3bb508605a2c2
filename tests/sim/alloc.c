/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"

void sim_die(const char *fmt, ...)
{
	va_list ap;

	fputs("tio-sim: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	fflush(stderr);
	_exit(125);
}

void *sim_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		sim_die("out of memory");
	return p;
}

void *sim_realloc(void *old, size_t size)
{
	void *p = realloc(old, size);

	if (!p)
		sim_die("out of memory");
	return p;
}

char *sim_strdup(const char *text)
{
	char *p = strdup(text);

	if (!p)
		sim_die("out of memory");
	return p;
}

char *sim_printf(const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&p, fmt, ap);
	va_end(ap);
	if (n < 0)
		sim_die("out of memory");
	return p;
}
