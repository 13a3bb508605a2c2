/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A client that asks and times the answers, and a server whose answers cost nothing.
 */

#include "floor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CHUNK 65536

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		floor_die("%s is too long", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	return address;
}

static void send_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		if (n < 0)
			return; /* the client left: the next one asks again */
		data += n;
		size -= (size_t)n;
	}
}

/* Up to the NUL that ends a message; the bytes of it, or -1 at the end of the stream. */
static long receive(int fd)
{
	static char buf[CHUNK];
	long total = 0;

	for (;;) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);

		if (n <= 0)
			return -1;
		total += n;
		if (buf[n - 1] == '\0')
			return total;
	}
}

static void serve(int listener, const char *reply, size_t size)
{
	int fd = accept(listener, NULL, NULL);

	if (fd < 0)
		floor_die("accept: %s", strerror(errno));
	while (receive(fd) > 0)
		send_all(fd, reply, size);
	close(fd);
}

int floor_echo(char **args)
{
	struct sockaddr_un address = address_of(args[0]);
	size_t size = strtoul(args[1], NULL, 10);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char *reply = calloc(1, size + 1);

	if (listener < 0 || !reply || size == 0)
		floor_die("echo of %s bytes: %s", args[1], strerror(errno));
	memset(reply, 'x', size - 1);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, 16) < 0)
		floor_die("%s: %s", args[0], strerror(errno));
	for (;;)
		serve(listener, reply, size);
}

/* A connection for each call, as tioctl makes one; the bytes of the answer. */
static long call(const struct sockaddr_un *address, const char *text)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	long bytes;

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		floor_die("%s: %s", address->sun_path, strerror(errno));
	send_all(fd, text, strlen(text) + 1);
	bytes = receive(fd);
	if (bytes < 0)
		floor_die("%s: the server hung up", address->sun_path);
	close(fd);
	return bytes;
}

int floor_ask(char **args)
{
	struct sockaddr_un address = address_of(args[0]);
	unsigned long times = strtoul(args[2], NULL, 10);
	long bytes = 0;

	printf("{\"usec\": [");
	for (unsigned long i = 0; i < times; i++) {
		double start = floor_now();

		bytes = call(&address, args[1]);
		printf("%s%.1f", i ? ", " : "", floor_now() - start);
	}
	printf("], \"bytes\": %ld}\n", bytes);
	return 0;
}

static void sleep_until(double usec)
{
	double left = usec - floor_now();

	if (left > 0)
		usleep((useconds_t)left);
}

/*
 * A call each @args[3] microseconds, whether or not the one before was quick: its time counts
 * from when it was due, so that one slow answer is seen by all who would have asked meanwhile.
 */
int floor_pace(char **args)
{
	struct sockaddr_un address = address_of(args[0]);
	unsigned long times = strtoul(args[2], NULL, 10);
	double gap = strtod(args[3], NULL), first = floor_now();
	long bytes = 0;

	printf("{\"usec\": [");
	for (unsigned long i = 0; i < times; i++) {
		double due = first + (double)i * gap;

		sleep_until(due);
		bytes = call(&address, args[1]);
		printf("%s%.1f", i ? ", " : "", floor_now() - due);
	}
	printf("], \"bytes\": %ld}\n", bytes);
	return 0;
}
