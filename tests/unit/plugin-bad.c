/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A plugin that does harm, in many shapes: each is built from this file with another
 * SAMPLE_CHECK, which names what its check does, or with another SAMPLE_LOAD, for what
 * happens while it is loaded.  It speaks for one model of drive, so that the simulated
 * host's other devices stay as they are.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tio-plugin.h"

#ifndef SAMPLE_CHECK
#define SAMPLE_CHECK fine
#endif
#ifndef SAMPLE_LOAD
#define SAMPLE_LOAD nothing
#endif

static const volatile int forever = 1;

#define HARM(name)                                                                             \
	__attribute__((unused)) static void name(                                              \
		__attribute__((unused)) const struct tio_function *f,                          \
		__attribute__((unused)) const struct tio_reader *reader,                       \
		__attribute__((unused)) struct tio_finding *ret)

HARM(fine)
{
}

HARM(crash)
{
	raise(SIGSEGV);
}

HARM(loop)
{
	while (forever)
		continue;
}

/* Until malloc says no, which it must long before the machine is out of memory. */
HARM(allocate)
{
	size_t total = 0;

	for (; total < (size_t)4 << 30; total += 1 << 20) {
		char *more = malloc(1 << 20);

		if (!more)
			break;
		memset(more, 1, 1 << 20);
	}
	if (total >= (size_t)4 << 30)
		return; /* nothing stopped it: the test sees that all is called fine */
	raise(SIGKILL);
}

HARM(leave)
{
	_exit(0);
}

HARM(rubbish)
{
	memset(ret, 0xa5, sizeof(*ret));
}

/* No NUL in sight, and a terminal's commands. */
HARM(endless)
{
	memset(ret->text, '\033', sizeof(ret->text));
	memset(ret->fix, 'x', sizeof(ret->fix));
	ret->verdict = TIO_NOT_READY;
}

HARM(silent)
{
	ret->verdict = TIO_NOT_READY;
}

/* Writes over whatever descriptor may be the way to the worker. */
HARM(babble)
{
	char junk[3000];

	memset(junk, 0xee, sizeof(junk));
	for (int fd = 3; fd < 64; fd++)
		(void)send(fd, junk, sizeof(junk), MSG_DONTWAIT | MSG_NOSIGNAL);
}

HARM(hang_up)
{
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	loop(f, reader, ret);
}

/* The last that worked, or "none": what could be read or opened and must not be. */
HARM(pry)
{
	static const char *const paths[] = {
		"../0000:e1:00.0/vendor",
		"/etc/passwd",
		"driver/uevent",
		"subsystem/uevent",
		"tsm/connect",
		"resource0",
		"rom",
		"vpd",
		"./vendor",
		"a/../vendor",
		"",
		"physfn/vendor",
	};
	const char *got = "none";
	char buf[4096], few[2];

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (reader->read(reader, paths[i], buf, sizeof(buf)) >= 0)
			got = paths[i];
	if (open("/dev/null", O_RDONLY) >= 0)
		got = "/dev/null";
	if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0)
		got = "socket";
	if (fork() >= 0)
		got = "fork";
	if (chdir("/") == 0)
		got = "what anybody may do";
	if (reader->read(reader, "absent", buf, sizeof(buf)) != -ENOENT)
		got = "absent";
	if (reader->read(reader, "vendor", few, sizeof(few)) != -EFBIG)
		got = "vendor in too little room";
	if (reader->read(reader, "vendor", buf, sizeof(buf)) < 0)
		strcpy(buf, "?");
	ret->verdict = TIO_NOT_READY;
	snprintf(ret->text, sizeof(ret->text), "vendor %.40s, pried into %.100s", buf, got);
}

__attribute__((unused)) static void nothing(void)
{
}

__attribute__((unused)) static void load_crash(void)
{
	raise(SIGSEGV);
}

__attribute__((unused)) static void load_loop(void)
{
	while (forever)
		continue;
}

/* A plugin is not to run code when it is loaded; this one does. */
__attribute__((constructor)) static void at_load(void)
{
	SAMPLE_LOAD();
}

static const struct tio_match drive[] = { { .vendor = 0x144d, .device = 0xa826 } };
static const struct tio_check checks[] = { { "harm", SAMPLE_CHECK } };

#ifdef SAMPLE_WILD_NAME
#define NAME ((const char *)0x10)
#else
#define NAME "bad"
#endif

TIO_EXPORT const struct tio_plugin tio_plugin = {
	TIO_PLUGIN_HEAD, .name = NAME,     .match = drive,
	.n_match = 1,    .checks = checks, .n_checks = 1,
};
