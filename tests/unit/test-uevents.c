/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "host/uevents.h"

static int injector = -1;

/*
 * In a network namespace of its own a message to the kernel's uevent socket is sent on to
 * the listeners there as if it came from the kernel.
 */
static void own_namespace(void)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	setenv("SYSTEMD_DEVICE_VERIFY_SYSFS", "0", 1);
	if (access("/run/udev/control", F_OK) == 0)
		cr_skip_test("udevd runs here: its own events would be listened to");
	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		cr_skip_test("no network namespace can be made: %s", strerror(errno));
	injector = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	cr_assert(ge(int, injector, 0));
	cr_assert(eq(int, connect(injector, (struct sockaddr *)&kernel, sizeof(kernel)), 0));
}

static void close_injector(void)
{
	close(injector);
}

TestSuite(uevents, .init = own_namespace, .fini = close_injector);

static ssize_t send_event(const char *action, const char *devpath, const char *subsystem)
{
	struct {
		struct nlmsghdr header;
		char text[512];
	} message = { .header = { .nlmsg_type = NLMSG_MIN_TYPE,
				  .nlmsg_flags = NLM_F_REQUEST } };
	size_t len;

	len = (size_t)snprintf(message.text, sizeof(message.text),
			       "%s@%s%cACTION=%s%cDEVPATH=%s%cSUBSYSTEM=%s%c", action, devpath,
			       0, action, 0, devpath, 0, subsystem, 0);
	message.header.nlmsg_len = (uint32_t)(NLMSG_HDRLEN + len);
	return send(injector, &message, message.header.nlmsg_len, 0);
}

static void inject(const char *action, const char *devpath, const char *subsystem)
{
	cr_assert(gt(long, send_event(action, devpath, subsystem), 0), "%s", strerror(errno));
}

static struct uevents *listen_up(void)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct uevents *uevents = NULL;

	cr_assert(eq(int, uevents_new(&uevents, &err), 0), "%s", err.text);
	return uevents;
}

static int next(struct uevents *uevents, struct uevent *event)
{
	struct pollfd fd = { .fd = uevents_fd(uevents), .events = POLLIN };

	return poll(&fd, 1, 0) > 0 ? uevents_next(uevents, event) : 0;
}

Test(uevents, silence_is_no_event_and_does_not_block)
{
	struct uevents *uevents = listen_up();
	struct uevent event;

	cr_expect(eq(int, uevents_next(uevents, &event), 0));
	uevents_free(uevents);
	uevents_free(NULL);
}

static const struct {
	const char *action, *devpath, *subsystem;
	enum uevent_kind kind;
	const char *function;
	const char *tsm;
} cases[] = {
	{ "add", "/devices/pci0000:e0/0000:e0:01.1/0000:e1:00.0", "pci", UEVENT_FUNCTION,
	  "0000:e1:00.0", "" },
	{ "bind", "/devices/pci0000:e0/0000:e0:01.1/0000:e1:00.0", "pci", UEVENT_FUNCTION,
	  "0000:e1:00.0", "" },
	{ "remove", "/devices/pci0000:e0/0000:e0:01.1/0000:e1:00.0", "pci", UEVENT_REMOVED,
	  "0000:e1:00.0", "" },
	{ "change", "/devices/pci0000:c0/0000:c3:00.5/tsm/tsm0", "tsm", UEVENT_TSM, "",
	  "tsm0" },
	{ "remove", "/devices/pci0000:c0/0000:c3:00.5/tsm/tsm0", "tsm", UEVENT_TSM, "",
	  "tsm0" },
	{ "add", "/devices/pci0000:e0/0000:e0:01.1/0000:e1:00.0/vfio-dev/vfio3", "vfio-dev",
	  UEVENT_FUNCTION, "0000:e1:00.0", "" },
	{ "remove", "/devices/pci0000:e0/0000:e0:01.1/0000:e1:00.0/vfio-dev/vfio3", "vfio-dev",
	  UEVENT_FUNCTION, "0000:e1:00.0", "" },
	{ "add", "/devices/virtual/vfio-dev/vfio9", "vfio-dev", UEVENT_OTHER, "", "" },
	{ "add", "/devices/pci0000:e0/not-a-function", "pci", UEVENT_OTHER, "", "" },
};

Test(uevents, each_event_is_told_for_what_it_is)
{
	struct uevents *uevents = listen_up();
	char name[BDF_STRLEN];
	struct uevent event;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		inject(cases[i].action, cases[i].devpath, cases[i].subsystem);
		cr_assert(eq(int, next(uevents, &event), 1), "%s", cases[i].devpath);
		cr_expect(eq(int, event.kind, cases[i].kind), "%s", cases[i].devpath);
		cr_expect(eq(str, (char *)bdf_format(event.function, name),
			     (char *)cases[i].function));
		cr_expect(eq(str, event.tsm, (char *)cases[i].tsm));
		cr_expect(eq(str, event.action, (char *)cases[i].action));
	}
	cr_expect(eq(int, next(uevents, &event), 0));
	uevents_free(uevents);
}

Test(uevents, other_subsystems_are_not_heard)
{
	struct uevents *uevents = listen_up();
	struct uevent event;

	inject("add", "/devices/pci0000:e0/0000:e1:00.0/net/eth0", "net");
	inject("add", "/devices/virtual/block/dm-0", "block");
	cr_expect(eq(int, next(uevents, &event), 0));
	uevents_free(uevents);
}

Test(uevents, a_flood_that_is_not_read_says_that_events_were_lost)
{
	static const char path[] = "/devices/pci0000:e0/0000:e0:01.1/0000:e1:00.0";
	struct uevents *uevents = listen_up();
	bool lost = false;
	struct uevent event;
	int small = 1;

	cr_assert(eq(
		int,
		setsockopt(uevents_fd(uevents), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)),
		0));
	/* The kernel tells the sender too that somebody could not take it. */
	for (int i = 0; i < 200; i++)
		(void)send_event("change", path, "pci");
	while (next(uevents, &event) > 0)
		lost = lost || event.kind == UEVENT_LOST;
	cr_expect(lost);
	uevents_free(uevents);
}
