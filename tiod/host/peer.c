/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/peer.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "host/sysfs.h"

/*
 * The first part of "0::/system.slice/ssh.service" that is a service or a scope.  What is below
 * it was named by the unit itself, which may call it as it likes.
 */
static void find_unit(char *cgroup, char *ret, size_t size)
{
	static const char *const ends[] = { ".service", ".scope" };
	char *part, *rest = cgroup;

	while ((part = strsep(&rest, "/\n")))
		for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
			size_t length = strlen(part), end = strlen(ends[i]);

			if (length <= end || strcmp(part + length - end, ends[i]) != 0)
				continue;
			text_copy(ret, size, part);
			return;
		}
}

void peer_describe(const struct host *host, struct peer *who)
{
	auto_close int dir = -1;
	char name[16], text[4096];
	struct stat st;

	who->comm[0] = who->unit[0] = '\0';
	snprintf(name, sizeof(name), "%d", (int)who->pid);
	dir = openat(host->proc_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fstat(dir, &st) < 0 || st.st_uid != who->uid)
		return;
	if (attr_read(dir, "comm", text, sizeof(text)) >= 0)
		text_copy(who->comm, sizeof(who->comm), text);
	if (attr_read(dir, "cgroup", text, sizeof(text)) >= 0)
		find_unit(text, who->unit, sizeof(who->unit));
}
