/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * "device-evidence" served by hand: the messages that a kernel sends, and those that none
 * should.
 */

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "host/evidence-abi.h"
#include "host/evidence.h"

#define FAMILY  0x25
#define ROOM    (256 * 1024)
#define DUMPS   8
#define ONE_GEN 7

/* What is received of each request: datagrams, one after the other. */
static struct {
	uint8_t data[ROOM];
	size_t size[64]; /* of each datagram; 0: the end of a request's answer */
	size_t n, at, offset;
	size_t fill; /* where the next message goes */
	size_t open; /* the message that attributes are added to */
	uint8_t sent[1024];
	size_t sent_size, n_sent;
	int send_code;
} fake;

static int fake_send(void *arg, const void *message, size_t size)
{
	cr_assert(size <= sizeof(fake.sent));
	memcpy(fake.sent, message, size);
	fake.sent_size = size;
	fake.n_sent++;
	return fake.send_code;
}

static ssize_t fake_receive(void *arg, void **ret)
{
	size_t size;

	if (fake.at == fake.n)
		return -ETIMEDOUT;
	size = fake.size[fake.at++];
	*ret = malloc(size ? size : 1);
	memcpy(*ret, fake.data + fake.offset, size);
	fake.offset += size;
	return (ssize_t)size;
}

static const struct evidence_link fake_link = { fake_send, fake_receive, NULL, FAMILY };
static struct evidence got;
static struct tio_error err;

static void start(void)
{
	memset(&fake, 0, sizeof(fake));
	err = TIO_ERROR_NONE;
}

static void end(void)
{
	evidence_finish(&got);
}

TestSuite(evidence, .init = start, .fini = end);

/* --- Messages --- */

static void *room_for(size_t size)
{
	void *at = fake.data + fake.fill;

	cr_assert(fake.fill + size <= ROOM);
	fake.fill += NLMSG_ALIGN(size);
	return at;
}

static struct nlmsghdr *opened(void)
{
	return (struct nlmsghdr *)(fake.data + fake.open);
}

static void message(uint16_t type, uint8_t command)
{
	const struct nlmsghdr header = { .nlmsg_type = type,
					 .nlmsg_flags = NLM_F_MULTI,
					 .nlmsg_len = NLMSG_HDRLEN + GENL_HDRLEN };
	const struct genlmsghdr genl = { .cmd = command, .version = 1 };

	fake.open = fake.fill;
	memcpy(room_for(sizeof(header)), &header, sizeof(header));
	memcpy(room_for(sizeof(genl)), &genl, sizeof(genl));
}

static void attribute(uint16_t type, const void *data, size_t size)
{
	const struct nlattr header = { .nla_type = type,
				       .nla_len = (uint16_t)(sizeof(header) + size) };
	uint8_t *at = room_for(sizeof(header) + size);

	memcpy(at, &header, sizeof(header));
	if (size)
		memcpy(at + sizeof(header), data, size);
	opened()->nlmsg_len = (uint32_t)(fake.fill - fake.open);
}

static void number(uint16_t type, uint32_t value)
{
	attribute(type, &value, sizeof(value));
}

static void begin(uint32_t type, uint32_t generation, uint32_t length)
{
	message(FAMILY, EVIDENCE_CMD_READ);
	number(EVIDENCE_A_TYPE, type);
	number(EVIDENCE_A_GENERATION, generation);
	number(EVIDENCE_A_LENGTH, length);
}

static void piece(const char *text)
{
	attribute(EVIDENCE_A_VAL, text, strlen(text));
}

static void object(uint32_t type, const char *text)
{
	begin(type, ONE_GEN, (uint32_t)strlen(text));
	piece(text);
}

/* All since the last one become a datagram. */
static void datagram(void)
{
	size_t before = 0;

	for (size_t i = 0; i < fake.n; i++)
		before += fake.size[i];
	fake.size[fake.n++] = fake.fill - before;
}

static void finish(uint16_t type, int code)
{
	const struct nlmsghdr header = { .nlmsg_type = type,
					 .nlmsg_flags = NLM_F_MULTI,
					 .nlmsg_len = NLMSG_HDRLEN + sizeof(code) };

	memcpy(room_for(sizeof(header)), &header, sizeof(header));
	memcpy(room_for(sizeof(code)), &code, sizeof(code));
	datagram();
}

static int ask(void)
{
	const struct evidence_request request = { .function = { .bus = 0x61, .valid = true } };

	return evidence_read(&fake_link, &request, &got, &err);
}

static bool is(unsigned type, const char *text)
{
	const struct evidence_object *o = &got.objects[type];

	return o->present && o->size == strlen(text) && o->have == o->size &&
	       memcmp(o->data ? (const void *)o->data : "", text, o->size) == 0;
}

/* --- What is asked --- */

static const struct nlattr *sent(uint16_t type)
{
	size_t at = NLMSG_HDRLEN + GENL_HDRLEN;

	while (at + sizeof(struct nlattr) <= fake.sent_size) {
		const struct nlattr *attr = (const void *)(fake.sent + at);

		if (attr->nla_type == type)
			return attr;
		at += NLA_ALIGN(attr->nla_len);
	}
	return NULL;
}

Test(evidence, a_request_is_a_dump_with_mask_device_and_nonce)
{
	struct evidence_request request = { .function = { .bus = 0x61, .valid = true },
					    .nonce = { 1, 2, 3 },
					    .nonce_size = 3 };
	const struct nlmsghdr *header = (const void *)fake.sent;
	uint32_t mask;

	finish(NLMSG_DONE, 0);
	cr_assert(eq(int, evidence_read(&fake_link, &request, &got, &err), 0));
	cr_expect(eq(u16, header->nlmsg_type, FAMILY));
	cr_expect(eq(u16, header->nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP));
	cr_assert(sent(EVIDENCE_A_TYPE_MASK) && sent(EVIDENCE_A_NONCE));
	memcpy(&mask, sent(EVIDENCE_A_TYPE_MASK) + 1, sizeof(mask));
	cr_expect(eq(u32, mask, 0x7ff));
	cr_expect(eq(str, (char *)(sent(EVIDENCE_A_SUBSYS) + 1), "pci"));
	cr_expect(eq(str, (char *)(sent(EVIDENCE_A_DEV_NAME) + 1), "0000:61:00.0"));
	cr_expect(eq(u16, sent(EVIDENCE_A_NONCE)->nla_len, 4 + 3));
	cr_expect(memcmp(sent(EVIDENCE_A_NONCE) + 1, "\1\2\3", 3) == 0);
}

Test(evidence, without_a_nonce_none_is_sent)
{
	finish(NLMSG_DONE, 0);
	cr_assert(eq(int, ask(), 0));
	cr_expect(eq(ptr, (void *)sent(EVIDENCE_A_NONCE), NULL));
}

/* --- What comes --- */

Test(evidence, objects_are_put_together_from_pieces)
{
	begin(EVIDENCE_T_SLOT0, ONE_GEN, 9);
	piece("abc");
	datagram();
	message(FAMILY, EVIDENCE_CMD_READ);
	piece("def");
	piece("g");
	message(FAMILY, EVIDENCE_CMD_READ);
	piece("hi");
	begin(EVIDENCE_T_MEASUREMENTS, ONE_GEN, 0);
	datagram();
	begin(EVIDENCE_T_REPORT, ONE_GEN, 3);
	message(FAMILY, EVIDENCE_CMD_READ);
	piece("xyz");
	datagram();
	finish(NLMSG_DONE, 0);

	cr_assert(eq(int, ask(), 0), "%s", err.text);
	cr_expect(is(EVIDENCE_CERTIFICATES, "abcdefghi"));
	cr_expect(is(EVIDENCE_MEASUREMENTS, ""));
	cr_expect(is(EVIDENCE_REPORT, "xyz"));
	cr_expect(not(got.objects[EVIDENCE_VCA].present));
	cr_expect(got.has_generation);
	cr_expect(eq(u32, got.generation, ONE_GEN));
}

Test(evidence, attributes_that_are_new_are_passed_over)
{
	begin(EVIDENCE_T_VCA, ONE_GEN, 2);
	number(EVIDENCE_A_FLAGS, 1);
	number(99, 1);
	piece("ok");
	finish(NLMSG_DONE, 0);
	cr_assert(eq(int, ask(), 0), "%s", err.text);
	cr_expect(is(EVIDENCE_VCA, "ok"));
}

/* --- What must be refused --- */

static void is_refused(const char *why)
{
	cr_expect(eq(int, ask(), -EBADMSG), "%s", why);
	cr_expect(ne(ptr, strstr(err.text, why), NULL), "said \"%s\", not \"%s\"", err.text,
		  why);
	cr_expect(ne(int, err.fix[0], 0));
	cr_expect(eq(str, err.attribute, "device-evidence"));
	cr_expect(not(got.has_generation), "results only on success");
}

Test(evidence, more_than_the_length_is_refused)
{
	begin(EVIDENCE_T_VCA, ONE_GEN, 3);
	piece("abc");
	piece("d");
	finish(NLMSG_DONE, 0);
	is_refused("longer than its length");
}

Test(evidence, less_than_the_length_is_refused)
{
	begin(EVIDENCE_T_VCA, ONE_GEN, 4);
	piece("abc");
	finish(NLMSG_DONE, 0);
	is_refused("ends before its length");
}

Test(evidence, an_object_that_begins_within_another_is_refused)
{
	begin(EVIDENCE_T_VCA, ONE_GEN, 4);
	piece("abc");
	object(EVIDENCE_T_REPORT, "r");
	finish(NLMSG_DONE, 0);
	is_refused("ends before its length");
}

Test(evidence, an_object_without_a_length_is_refused)
{
	message(FAMILY, EVIDENCE_CMD_READ);
	number(EVIDENCE_A_TYPE, EVIDENCE_T_VCA);
	number(EVIDENCE_A_GENERATION, ONE_GEN);
	piece("abc");
	finish(NLMSG_DONE, 0);
	is_refused("without a length");
}

Test(evidence, an_object_without_a_generation_is_refused)
{
	message(FAMILY, EVIDENCE_CMD_READ);
	number(EVIDENCE_A_TYPE, EVIDENCE_T_VCA);
	number(EVIDENCE_A_LENGTH, 3);
	finish(NLMSG_DONE, 0);
	is_refused("without a generation");
}

Test(evidence, a_length_that_grows_is_refused)
{
	begin(EVIDENCE_T_VCA, ONE_GEN, 3);
	piece("abc");
	message(FAMILY, EVIDENCE_CMD_READ);
	number(EVIDENCE_A_LENGTH, 6);
	piece("def");
	finish(NLMSG_DONE, 0);
	is_refused("without a type");
}

Test(evidence, a_length_that_comes_twice_is_refused)
{
	begin(EVIDENCE_T_VCA, ONE_GEN, 3);
	number(EVIDENCE_A_LENGTH, 4);
	finish(NLMSG_DONE, 0);
	is_refused("an attribute comes twice");
}

Test(evidence, an_object_that_comes_twice_is_refused)
{
	object(EVIDENCE_T_VCA, "a");
	object(EVIDENCE_T_VCA, "a");
	finish(NLMSG_DONE, 0);
	is_refused("the same object comes twice");
}

Test(evidence, a_piece_of_nothing_is_refused)
{
	message(FAMILY, EVIDENCE_CMD_READ);
	piece("abc");
	finish(NLMSG_DONE, 0);
	is_refused("a piece of no object");
}

Test(evidence, an_unknown_type_is_refused)
{
	object(EVIDENCE_TYPE_COUNT, "a");
	finish(NLMSG_DONE, 0);
	is_refused("was not asked for");
}

Test(evidence, an_object_over_16_mib_is_refused)
{
	begin(EVIDENCE_T_VCA, ONE_GEN, EVIDENCE_OBJECT_MAX + 1);
	finish(NLMSG_DONE, 0);
	is_refused("larger than evidence can be");
}

Test(evidence, a_number_that_is_too_short_is_refused)
{
	message(FAMILY, EVIDENCE_CMD_READ);
	attribute(EVIDENCE_A_TYPE, "\0", 2);
	finish(NLMSG_DONE, 0);
	is_refused("was not asked for");
}

Test(evidence, an_attribute_that_is_cut_is_refused)
{
	object(EVIDENCE_T_VCA, "abcd");
	/* Its last attribute says more than the message has. */
	((struct nlattr *)(fake.data + fake.fill - 8))->nla_len = 60;
	finish(NLMSG_DONE, 0);
	is_refused("ends within an attribute");
}

Test(evidence, a_message_that_is_cut_is_refused)
{
	object(EVIDENCE_T_VCA, "abcd");
	opened()->nlmsg_len += 100;
	datagram();
	is_refused("without a message");
}

Test(evidence, a_message_of_another_family_is_refused)
{
	message(FAMILY + 1, EVIDENCE_CMD_READ);
	finish(NLMSG_DONE, 0);
	is_refused("of another family");
}

Test(evidence, an_answer_to_another_command_is_refused)
{
	message(FAMILY, 9);
	finish(NLMSG_DONE, 0);
	is_refused("answers something else");
}

/* --- Errors --- */

Test(evidence, errors_are_passed_on_wherever_they_stand)
{
	static const int codes[] = { EOPNOTSUPP, ENODEV, EINVAL, ENXIO, EPERM, ENOMEM };
	static const uint16_t types[] = { NLMSG_ERROR, NLMSG_DONE };

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(types); k++) {
			start();
			if (types[k] == NLMSG_DONE)
				object(EVIDENCE_T_VCA, "a");
			finish(types[k], -codes[i]);
			cr_expect(eq(int, ask(), -codes[i]));
			cr_expect(eq(str, err.attribute, "device-evidence"));
			cr_expect(eq(sz, fake.n_sent, 1));
		}
	}
}

Test(evidence, an_error_that_is_none_is_refused)
{
	finish(NLMSG_ERROR, 5);
	is_refused("an error that is none");
}

Test(evidence, what_was_refreshed_is_read_again)
{
	object(EVIDENCE_T_VCA, "old");
	finish(NLMSG_DONE, -EAGAIN);
	object(EVIDENCE_T_VCA, "new!");
	finish(NLMSG_DONE, 0);
	cr_assert(eq(int, ask(), 0), "%s", err.text);
	cr_expect(is(EVIDENCE_VCA, "new!"));
	cr_expect(eq(sz, fake.n_sent, 2));
}

/* The rest of a dump that is given up must not answer the next request. */
Test(evidence, objects_of_two_generations_are_read_again)
{
	object(EVIDENCE_T_VCA, "old");
	begin(EVIDENCE_T_REPORT, ONE_GEN + 1, 4);
	piece("rep");
	datagram();
	message(FAMILY, EVIDENCE_CMD_READ);
	piece("t");
	finish(NLMSG_DONE, 0);
	object(EVIDENCE_T_VCA, "new");
	finish(NLMSG_DONE, 0);
	cr_assert(eq(int, ask(), 0), "%s", err.text);
	cr_expect(is(EVIDENCE_VCA, "new"));
	cr_expect(not(got.objects[EVIDENCE_REPORT].present));
}

Test(evidence, a_dump_that_was_interrupted_is_read_again)
{
	object(EVIDENCE_T_VCA, "old");
	opened()->nlmsg_flags |= NLM_F_DUMP_INTR;
	finish(NLMSG_DONE, 0);
	object(EVIDENCE_T_VCA, "new");
	finish(NLMSG_DONE, 0);
	cr_assert(eq(int, ask(), 0), "%s", err.text);
	cr_expect(is(EVIDENCE_VCA, "new"));
}

Test(evidence, what_is_refreshed_all_the_time_is_given_up)
{
	for (int i = 0; i < DUMPS; i++)
		finish(NLMSG_DONE, -EAGAIN);
	cr_expect(eq(int, ask(), -EAGAIN));
	cr_expect(eq(sz, fake.n_sent, 4));
	cr_expect(ne(ptr, strstr(err.text, "refreshed each time"), NULL), "%s", err.text);
}

Test(evidence, a_socket_that_fails_is_told)
{
	cr_expect(eq(int, ask(), -ETIMEDOUT));
	start();
	fake.send_code = -EPERM;
	cr_expect(eq(int, ask(), -EPERM));
	start();
	datagram();
	cr_expect(eq(int, ask(), -EPIPE), "an end of file");
}

Test(evidence, objects_have_names)
{
	char buf[16];

	cr_expect(eq(str, (char *)evidence_name(0, buf), "slot0"));
	cr_expect(eq(str, (char *)evidence_name(7, buf), "slot7"));
	cr_expect(eq(str, (char *)evidence_name(EVIDENCE_VCA, buf), "vca"));
	cr_expect(eq(str, (char *)evidence_name(EVIDENCE_REPORT, buf), "report"));
}
