/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "tioctl/client.h"
#include "tioctl/failure.h"
#include "tioctl/field.h"
#include "tioctl/tioctl.h"

/* A client that is connected to the test: what tests/cli can't show of it. */
static struct client connected(int *daemon)
{
	struct client client;
	int fds[2];

	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)));
	client_init(&client, "(test)");
	client.fd = fds[0];
	*daemon = fds[1];
	return client;
}

static void answer(int daemon, const char *text, size_t size)
{
	cr_assert(eq(sz, (size_t)write(daemon, text, size), size));
}

Test(client, a_call_is_one_object_and_a_zero_byte)
{
	static const char call[] =
		"{\"method\":\"io.tiod.GetVm\",\"parameters\":{\"vm\":\"a\"}}";
	auto_reply struct reply reply = { 0 };
	auto_close int daemon = -1;
	struct client client = connected(&daemon);
	char got[128] = "";

	cr_assert(zero(int, client_send(&client, "io.tiod.GetVm", json_pack("{s:s}", "vm", "a"),
					false, &reply)));
	cr_assert(eq(sz, (size_t)read(daemon, got, sizeof(got)), sizeof(call)));
	cr_assert(eq(str, got, (char *)call));
	client_finish(&client);
}

Test(client, says_when_nothing_has_come_yet_and_goes_on)
{
	auto_reply struct reply reply = { 0 };
	auto_close int daemon = -1;
	struct client client = connected(&daemon);

	cr_assert(zero(int, client_send(&client, "io.tiod.ListVms", NULL, false, &reply)));
	cr_assert(zero(int, client_next(&client, 0, &reply)));
	answer(daemon, "{\"param", 7);
	cr_assert(zero(int, client_next(&client, 1, &reply)));
	answer(daemon, "eters\":{}}", 11);
	cr_assert(eq(int, client_next(&client, 1000, &reply), 1));
	cr_assert(eq(str, reply.error, ""));
	client_finish(&client);
}

Test(client, does_not_wait_for_ever_for_a_daemon_that_is_silent)
{
	auto_reply struct reply reply = { 0 };
	auto_close int daemon = -1;
	struct tioctl t = { .client = connected(&daemon) };

	t.client.patience_ms = 10;
	cr_assert(eq(int, tioctl_ask(&t, &(struct call){ "io.tiod.ListVms" }, &reply),
		     EXIT_TIMEOUT));
	cr_assert(eq(str, reply.error, FAILURE_SILENT));
	client_finish(&t.client);
}

Test(client, keeps_what_came_beyond_the_first_reply)
{
	static const char two[] = "{\"continues\":true}\0{\"parameters\":{\"vms\":[]}}";
	auto_reply struct reply reply = { 0 };
	auto_close int daemon = -1;
	struct client client = connected(&daemon);

	cr_assert(zero(int, client_send(&client, "io.tiod.ListVms", NULL, true, &reply)));
	answer(daemon, two, sizeof(two));
	cr_assert(eq(int, client_next(&client, -1, &reply), 1));
	cr_assert(reply.continues);
	cr_assert(zero(sz, json_object_size(reply.parameters)));
	cr_assert(eq(int, client_next(&client, -1, &reply), 1));
	cr_assert(not(reply.continues));
	cr_assert(field_has(reply.parameters, "vms"));
	client_finish(&client);
}

Test(client, gives_up_when_told_to_stop)
{
	auto_reply struct reply reply = { 0 };
	auto_close int daemon = -1, reading = -1, writing = -1;
	struct client client = connected(&daemon);
	int stop[2];

	cr_assert(zero(int, pipe(stop)));
	reading = stop[0];
	writing = stop[1];
	client.stop_fd = reading;
	cr_assert(zero(int, client_send(&client, "io.tiod.ListVms", NULL, true, &reply)));
	answer(writing, "x", 1);
	cr_assert(eq(int, client_next(&client, -1, &reply), 1));
	cr_assert(eq(str, reply.error, FAILURE_INTERRUPTED));
	cr_assert(eq(int, failure_exit_code(reply.error), EXIT_INTERRUPTED));
	client_finish(&client);
}

Test(client, a_failure_has_an_exit_code_whatever_its_name)
{
	cr_assert(eq(int, failure_exit_code("io.tiod.InUse"), EXIT_IN_USE));
	cr_assert(eq(int, failure_exit_code("io.tiod.Nothing"), EXIT_FAILED));
	cr_assert(eq(int, failure_exit_code(""), EXIT_FAILED));
	cr_assert(eq(int, failure_exit_code("org.varlink.service.PermissionDenied"),
		     EXIT_NOT_PERMITTED));
}
