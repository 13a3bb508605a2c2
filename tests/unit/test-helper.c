/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "core/grant.h"
#include "host-tree.h"
#include "host/helper.h"

static int read_request(const char *text, struct helper_request *ret)
{
	char copy[HELPER_PACKET_MAX];

	text_copy(copy, sizeof(copy), text);
	return helper_read_request(copy, ret);
}

static int read_reply(const char *text, struct tio_error *ret)
{
	char copy[HELPER_PACKET_MAX];

	text_copy(copy, sizeof(copy), text);
	return helper_read_reply(copy, ret);
}

Test(helper, requests_come_back_as_they_were)
{
	struct helper_request load = { .task = HELPER_LOAD,
				       .module = "pci:v000010DEd00002901" };
	struct helper_request node = { .task = HELPER_NODE,
				       .cdev = "vfio12",
				       .access = { true, 0660, 4294967294, 107 },
				       .found = { true, 0600, 7, 4294967294 } };
	struct helper_request got = { 0 };
	char packet[HELPER_PACKET_MAX];

	helper_write_request(&load, packet);
	cr_assert(eq(int, helper_read_request(packet, &got), 0));
	cr_expect(eq(int, (int)got.task, HELPER_LOAD));
	cr_expect(eq(str, got.module, load.module));

	cr_assert(eq(int, bdf_parse("10000:e1:1f.7", &node.function), 0));
	helper_write_request(&node, packet);
	cr_assert(eq(int, helper_read_request(packet, &got), 0));
	cr_expect(eq(int, (int)got.task, HELPER_NODE));
	cr_expect(bdf_equal(got.function, node.function));
	cr_expect(eq(str, got.cdev, "vfio12"));
	cr_expect(eq(int, got.access.mode, 0660));
	cr_expect(eq(u32, got.access.uid, 4294967294));
	cr_expect(eq(u32, got.access.gid, 107));
	cr_expect(got.access.known);
	cr_expect(node_access_equal(&got.found, &node.found));
}

Test(helper, what_is_no_request_is_none)
{
	static const char *const bad[] = {
		"",
		"load",
		"load ",
		"load -rf",
		"load ../../root/x",
		"load vfio pci",
		"load vfio\npci",
		"unload vfio-pci",
		"node",
		"node 0000:61:00.0",
		"node 0000:61:00.0 vfio0 600 0",
		"node 0000:61:00.0 vfio0 600 0 0",
		"node 0000:61:00.0 vfio0 600 0 0 600 0",
		"node 0000:61:00.0 vfio0 600 0 0 600 0 ",
		"node 0000:61:00.0 vfio0 600 0 0 600 0 0 0",
		"node 0000:61:00.0 vfio0 600 0 0 600 0 0 ",
		"node 0000:61:00.0 ../iommu 600 0 0 600 0 0",
		"node 0000:61:00.0 vfio0123456789012345 600 0 0 600 0 0",
		"node 0000:61:00.9 vfio0 600 0 0 600 0 0",
		"node 0000:61:00.0 vfio0 4600 0 0 600 0 0",
		"node 0000:61:00.0 vfio0 680 0 0 600 0 0",
		"node 0000:61:00.0 vfio0 600 -1 0 600 0 0",
		"node 0000:61:00.0 vfio0 600 4294967295 0 600 0 0",
		"node 0000:61:00.0 vfio0 600 0 4294967295 600 0 0",
		"node 0000:61:00.0 vfio0 600 0 0 4600 0 0",
		"node 0000:61:00.0 vfio0 600 0 0 600 4294967295 0",
		"node 0000:61:00.0 vfio0 600 0 0 600 0 4294967295",
	};
	struct helper_request got;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		cr_expect(eq(int, read_request(bad[i], &got), -EBADMSG), "\"%s\"", bad[i]);
}

Test(helper, replies_come_back_as_they_were)
{
	struct tio_error err = TIO_ERROR_NONE, got = { .code = -1 };
	char packet[HELPER_PACKET_MAX];

	helper_write_reply(&err, packet);
	cr_assert(eq(int, helper_read_reply(packet, &got), 0));
	cr_expect(eq(int, got.code, 0));

	error_kind_set(&err, ERROR_NOT_READY, -ENOENT, "no module\nfor it");
	text_copy(err.attribute, sizeof(err.attribute), "module");
	for (int fix = 0; fix < 2; fix++) {
		if (fix)
			error_fix(&err, "`depmod`");
		helper_write_reply(&err, packet);
		cr_assert(eq(int, helper_read_reply(packet, &got), 0));
		cr_expect(eq(int, got.code, -ENOENT));
		cr_expect(eq(int, (int)got.kind, ERROR_NOT_READY));
		cr_expect(eq(str, got.attribute, "module"));
		cr_expect(eq(str, got.text, "no module?for it"));
		cr_expect(eq(str, got.fix, fix ? "`depmod`" : ""));
	}
}

Test(helper, the_longest_sentences_fit)
{
	struct tio_error err = TIO_ERROR_NONE, got = TIO_ERROR_NONE;
	char packet[HELPER_PACKET_MAX];

	error_kind_set(&err, ERROR_NOT_READY, -4095, "%01000d", 1);
	error_fix(&err, "%01000d", 2);
	memset(err.attribute, 'a', sizeof(err.attribute) - 1);
	helper_write_reply(&err, packet);
	cr_assert(eq(int, helper_read_reply(packet, &got), 0));
	cr_expect(eq(str, got.text, err.text));
	cr_expect(eq(str, got.fix, err.fix));
	cr_expect(eq(str, got.attribute, err.attribute));
}

Test(helper, what_is_no_reply_is_none)
{
	static const char *const bad[] = {
		"",
		"no",
		"-5",
		"5",
		"0\nStepFailed\n\nx\n",
		"5\nStepFailed\n\nx",
		"5\nNever\n\nx\n",
		"4096\nStepFailed\n\nx\n",
	};
	struct tio_error got;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		cr_expect(eq(int, read_reply(bad[i], &got), -EBADMSG), "\"%s\"", bad[i]);
}

TestSuite(serve, .init = tree_start, .fini = tree_end);

/* What the helper answers to @packet. */
static struct tio_error served(const char *packet, size_t size)
{
	struct tio_error err = TIO_ERROR_NONE, got = TIO_ERROR_NONE;
	char reply[HELPER_PACKET_MAX] = "";
	int ends[2];

	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0));
	cr_assert(eq(int, (int)send(ends[0], packet, size, 0), (int)size));
	cr_expect(eq(int, helper_serve(&tree.host, ends[1], &err), 0), "%s", err.text);
	cr_assert(gt(int, (int)recv(ends[0], reply, sizeof(reply) - 1, 0), 0));
	cr_assert(eq(int, helper_read_reply(reply, &got), 0), "%s", reply);
	close(ends[0]);
	close(ends[1]);
	return got;
}

Test(serve, a_module_that_is_there_need_not_be_loaded)
{
	struct tio_error said;

	tree_put("live\n", "sys/module/tiod_test_ghost/initstate");
	said = served("load tiod-test-ghost", 20);
	cr_expect(eq(int, said.code, 0), "%s", said.text);
}

Test(serve, one_that_does_not_exist_is_told)
{
	struct tio_error said = served("load tiod-test-ghost", 20);

	cr_expect(eq(int, said.code, -ENOENT));
	cr_expect(eq(int, (int)said.kind, ERROR_NOT_READY));
	cr_expect(eq(str, said.attribute, "module"));
	cr_expect(ne(ptr, strstr(said.text, "tiod-test-ghost"), NULL), "%s", said.text);
	cr_expect(ne(str, said.fix, ""));
}

Test(serve, nonsense_is_answered_and_changes_nothing)
{
	static const char hidden[] = "load vfio-pci\0x";

	cr_expect(eq(int, served("rm -rf /", 8).code, -EBADMSG));
	cr_expect(eq(int, served(hidden, sizeof(hidden)).code, -EBADMSG));
}

/* The node of another function, or none of VFIO's at all, is given to nobody. */
Test(serve, a_node_has_to_be_the_functions)
{
	static const char ask[] = "node 0000:61:00.0 vfio0 666 1 1 600 0 0";
	struct tio_error said;

	said = served(ask, sizeof(ask) - 1);
	cr_expect(lt(int, said.code, 0));
	tree_put("", "dev/vfio/devices/vfio0");
	said = served(ask, sizeof(ask) - 1);
	cr_expect(eq(int, said.code, -ENOENT), "%s", said.text);
	tree_put("511:0\n", "sys/bus/pci/devices/0000:61:00.0/vfio-dev/vfio0/dev");
	said = served(ask, sizeof(ask) - 1);
	cr_expect(eq(int, said.code, -ENXIO), "%s", said.text);
}

Test(serve, without_a_request_there_is_no_answer)
{
	struct tio_error err = TIO_ERROR_NONE;
	int ends[2];

	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0));
	close(ends[0]);
	cr_expect(eq(int, helper_serve(&tree.host, ends[1], &err), -ENODATA));
	close(ends[1]);
}

/* Of a module that is there: it would have been a success. */
Test(serve, who_hung_up_is_not_served)
{
	struct tio_error err = TIO_ERROR_NONE;
	int ends[2];

	tree_put("live\n", "sys/module/tiod_test_ghost/initstate");
	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0));
	cr_assert(eq(int, (int)send(ends[0], "load tiod-test-ghost", 20, 0), 20));
	close(ends[0]);
	cr_expect(eq(int, helper_serve(&tree.host, ends[1], &err), -EPIPE));
	cr_expect(ne(ptr, strstr(err.text, "hung up"), NULL), "%s", err.text);
	cr_expect(ne(ptr, strstr(err.text, "tiod-test-ghost"), NULL), "%s", err.text);
	close(ends[1]);
}
