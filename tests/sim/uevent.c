/* SPDX-License-Identifier: GPL-2.0-or-later */

#include <assert.h>
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alloc.h"
#include "out.h"
#include "tree.h"
#include "uevent.h"

/* As the kernel's own buffer (UEVENT_BUFFER_SIZE), and the header in front. */
#define UEVENT_MAX (2048 + 1024)

int uevent_open(void)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&kernel, sizeof(kernel)) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

static size_t put(char *buf, size_t at, const char *key, const char *value)
{
	size_t n = strlen(key), m = strlen(value);

	assert(at + n + m + 1 <= UEVENT_MAX);
	memcpy(buf + at, key, n);
	memcpy(buf + at + n, value, m + 1);
	return at + n + m + 1;
}

/*
 * The kernel broadcasts what it is sent to the listeners of the namespace, and adds
 * SEQNUM itself.
 */
void sim_uevent(const char *action, const char *devpath, const char *const *env)
{
	char *buf = sim_alloc(UEVENT_MAX);
	struct nlmsghdr *head = (struct nlmsghdr *)buf;
	size_t at = NLMSG_HDRLEN;

	at = put(buf, at, action, "@") - 1;
	at = put(buf, at, devpath, "");
	at = put(buf, at, "ACTION=", action);
	at = put(buf, at, "DEVPATH=", devpath);
	for (; env && *env; env++)
		at = put(buf, at, *env, "");
	head->nlmsg_len = at;
	head->nlmsg_type = NLMSG_MIN_TYPE; /* below are control messages, which go nowhere */
	head->nlmsg_flags = NLM_F_REQUEST;
	out_uevent(buf, at);
}
