/* SPDX-License-Identifier: GPL-2.0-or-later */
#define _GNU_SOURCE
#include "attr.h"

#include <linux/netlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEYS_MAX 48

/* What a function makes besides (net, nvme, block, …) comes when its driver likes. */
static const char *const subsystems[] = { "pci", "vfio-dev", "tsm", "drivers", "module" };

static char message[1 << 13];

static int listen_to_kernel(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	int size = 4 << 20;

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return fd;
}

static bool of_interest(const char *const *keys, int n)
{
	for (int i = 0; i < n; i++) {
		if (strncmp(keys[i], "SUBSYSTEM=", 10) != 0)
			continue;
		for (size_t s = 0; s < sizeof(subsystems) / sizeof(*subsystems); s++)
			if (strcmp(keys[i] + 10, subsystems[s]) == 0)
				return true;
	}
	return false;
}

/* SEQNUM counts what others do, and the path above the object differs between machines. */
static void tell_event(const char *const *keys, int n)
{
	const char *slash = strrchr(keys[0], '/');

	printf("    %.*s %s:", (int)strcspn(keys[0], "@"), keys[0],
	       slash ? slash + 1 : keys[0]);
	for (int i = 1; i < n; i++)
		if (strncmp(keys[i], "SEQNUM=", 7) != 0 &&
		    strncmp(keys[i], "DEVPATH=", 8) != 0 && strncmp(keys[i], "ACTION=", 7) != 0)
			printf(" %s", keys[i]);
	putchar('\n');
}

static void tell_events(int fd)
{
	const char *keys[KEYS_MAX];
	ssize_t size;
	int n;

	while ((size = recv(fd, message, sizeof(message) - 1, MSG_DONTWAIT)) > 0) {
		message[size] = '\0';
		n = 0;
		for (const char *key = message; key < message + size && n < KEYS_MAX;
		     key += strlen(key) + 1)
			keys[n++] = key;
		if (of_interest(keys, n))
			tell_event(keys, n);
	}
}

/* The kernel sends before a write returns, so all that belongs to it is here by then. */
int attr_events(char **args)
{
	int fd = listen_to_kernel(), status;
	pid_t child;

	if (fd < 0)
		return 2;
	child = fork();
	if (child == 0) {
		execvp(args[0], args);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return 2;
	tell_events(fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}
