/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The client of "device-evidence", and the only file that knows generic netlink for it.
 *
 * Messages are taken apart here and not by libnl's receive loop, which passes over the errno
 * that a dump ends with; what libnl knows of attributes is used.
 */

#include "host/evidence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/text.h"
#include "host/evidence-abi.h"

#define TRIES_MAX 4 /* readings of what is refreshed meanwhile */
#define SUBSYSTEM "pci"

void evidence_finish(struct evidence *set)
{
	for (size_t i = 0; i < ARRAY_SIZE(set->objects); i++)
		free(set->objects[i].data);
	*set = (struct evidence){ 0 };
}

const char *evidence_name(unsigned type, char buf[static 16])
{
	static const char *const names[] = { [EVIDENCE_VCA] = "vca",
					     [EVIDENCE_MEASUREMENTS] = "measurements",
					     [EVIDENCE_REPORT] = "report" };

	if (type < ARRAY_SIZE(names) && names[type])
		return names[type];
	snprintf(buf, 16, "slot%u", type);
	return buf;
}

/* --- What comes --- */

struct reading {
	struct evidence *set;
	int current; /* the object whose pieces come; -1: none */
	size_t total;
	bool done;
	bool stale; /* it was refreshed meanwhile: what still comes is passed over */
	struct tio_error *err;
};

static int fail(struct tio_error *err, int code, const char *what)
{
	error_set(err, code, "read evidence from the kernel: %s", what);
	if (err)
		text_copy(err->attribute, sizeof(err->attribute), EVIDENCE_FAMILY);
	return code;
}

static int refuse(const struct reading *r, const char *what)
{
	fail(r->err, -EBADMSG, what);
	error_fix(r->err, "the kernel's \"" EVIDENCE_FAMILY
			  "\" is not the one that this tiod knows: update tiod");
	return -EBADMSG;
}

static struct evidence_object *current(const struct reading *r)
{
	return r->current < 0 ? NULL : &r->set->objects[r->current];
}

static bool is_whole(const struct reading *r)
{
	const struct evidence_object *object = current(r);

	return !object || object->have == object->size;
}

/* NULL when it is not there or too short; libnl's policy is not asked, as VAL may repeat. */
static const uint32_t *number(struct nlattr *attr, uint32_t *ret)
{
	if (!attr || nla_len(attr) < (int)sizeof(*ret))
		return NULL;
	*ret = nla_get_u32(attr);
	return ret;
}

static void check_generation(struct reading *r, uint32_t generation)
{
	r->stale = r->set->has_generation && r->set->generation != generation;
	r->set->has_generation = true;
	r->set->generation = generation;
}

static int begin(struct reading *r, struct nlattr *type_attr, struct nlattr *generation_attr,
		 struct nlattr *length_attr)
{
	uint32_t type, generation, length;
	struct evidence_object *object;

	if (!is_whole(r))
		return refuse(r, "an object ends before its length");
	if (!number(type_attr, &type) || type >= EVIDENCE_TYPE_COUNT)
		return refuse(r, "an object of a type that was not asked for");
	if (!number(generation_attr, &generation))
		return refuse(r, "an object without a generation");
	if (!number(length_attr, &length))
		return refuse(r, "an object without a length");
	object = &r->set->objects[type];
	if (object->present)
		return refuse(r, "the same object comes twice");
	if (length > EVIDENCE_OBJECT_MAX || length > EVIDENCE_ALL_MAX - r->total)
		return refuse(r, "an object that is larger than evidence can be");
	object->data = length ? malloc(length) : NULL;
	if (length && !object->data)
		return fail(r->err, -ENOMEM, "memory is short");
	object->present = true;
	object->size = length;
	r->total += length;
	r->current = (int)type;
	check_generation(r, generation);
	return 0;
}

static int add_piece(struct reading *r, struct nlattr *attr)
{
	struct evidence_object *object = current(r);
	size_t size = (size_t)nla_len(attr);

	if (!object)
		return refuse(r, "a piece of no object");
	if (size > object->size - object->have)
		return refuse(r, "an object is longer than its length");
	if (size > 0)
		memcpy(object->data + object->have, nla_data(attr), size);
	object->have += size;
	return 0;
}

/* A message with a type begins an object, whatever the order of its attributes. */
static int take_attributes(struct reading *r, struct nlattr *first, int length)
{
	struct nlattr *attr, *seen[EVIDENCE_A_VAL + 1] = { NULL };
	int rest, code;

	nla_for_each_attr(attr, first, length, rest)
	{
		if (nla_type(attr) >= EVIDENCE_A_VAL)
			continue;
		if (seen[nla_type(attr)])
			return refuse(r, "an attribute comes twice in a message");
		seen[nla_type(attr)] = attr;
	}
	if (rest > 0)
		return refuse(r, "a message ends within an attribute");
	if (seen[EVIDENCE_A_TYPE]) {
		code = begin(r, seen[EVIDENCE_A_TYPE], seen[EVIDENCE_A_GENERATION],
			     seen[EVIDENCE_A_LENGTH]);
		if (code < 0)
			return code;
	} else if (seen[EVIDENCE_A_LENGTH] || seen[EVIDENCE_A_GENERATION]) {
		return refuse(r, "an object without a type");
	}
	nla_for_each_attr(attr, first, length, rest)
	{
		code = nla_type(attr) == EVIDENCE_A_VAL && !r->stale ? add_piece(r, attr) : 0;
		if (code < 0)
			return code;
	}
	return 0;
}

/* The errno that ends a dump (0 of one that went well) or refuses a request. */
static int ending(const struct reading *r, struct nlmsghdr *message)
{
	int code;

	if (nlmsg_datalen(message) < (int)sizeof(code))
		return message->nlmsg_type == NLMSG_DONE ? 0 : refuse(r, "a cut error message");
	memcpy(&code, nlmsg_data(message), sizeof(code));
	if (code > 0 || code < -4095)
		return refuse(r, "an error that is none");
	return code < 0 ? fail(r->err, code, strerror(-code)) : 0;
}

static int take_message(struct reading *r, struct nlmsghdr *message, uint16_t family)
{
	struct genlmsghdr *header;
	int code;

	if (message->nlmsg_type == NLMSG_NOOP)
		return 0;
	if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
		r->done = true;
		code = ending(r, message);
		if (code < 0 || r->stale)
			return code < 0 ? code : -EAGAIN;
		return is_whole(r) ? 0 : refuse(r, "an object ends before its length");
	}
	if (message->nlmsg_type != family)
		return refuse(r, "a message of another family");
	r->stale |= message->nlmsg_flags & NLM_F_DUMP_INTR;
	if (r->stale)
		return 0;
	if (!genlmsg_valid_hdr(message, 0))
		return refuse(r, "a message without a header");
	header = genlmsg_hdr(message);
	if (header->cmd != EVIDENCE_CMD_READ)
		return refuse(r, "a message that answers something else");
	return take_attributes(r, genlmsg_attrdata(header, 0), genlmsg_attrlen(header, 0));
}

static int take_datagram(struct reading *r, void *data, size_t size, uint16_t family)
{
	struct nlmsghdr *message = data;
	int rest = (int)size, code;

	if (!nlmsg_ok(message, rest))
		return refuse(r, "a datagram without a message");
	for (; !r->done && nlmsg_ok(message, rest); message = nlmsg_next(message, &rest)) {
		code = take_message(r, message, family);
		if (code < 0)
			return code;
	}
	return !r->done && rest > 0 ? refuse(r, "a datagram ends within a message") : 0;
}

/* --- What is asked --- */

static int send_request(const struct evidence_link *link,
			const struct evidence_request *request, struct tio_error *err)
{
	struct nl_msg *message = nlmsg_alloc();
	char name[BDF_STRLEN];
	int code = -ENOMEM;

	bdf_format(request->function, name);
	if (message &&
	    genlmsg_put(message, NL_AUTO_PORT, 1, link->family, 0, NLM_F_REQUEST | NLM_F_DUMP,
			EVIDENCE_CMD_READ, EVIDENCE_FAMILY_VERSION) &&
	    nla_put_u32(message, EVIDENCE_A_TYPE_MASK, EVIDENCE_TYPES_ALL) == 0 &&
	    nla_put_string(message, EVIDENCE_A_SUBSYS, SUBSYSTEM) == 0 &&
	    nla_put_string(message, EVIDENCE_A_DEV_NAME, name) == 0 &&
	    (request->nonce_size == 0 ||
	     nla_put(message, EVIDENCE_A_NONCE, (int)request->nonce_size, request->nonce) == 0))
		code = link->send(link->arg, nlmsg_hdr(message), nlmsg_hdr(message)->nlmsg_len);
	nlmsg_free(message);
	return code < 0 ? fail(err, code, strerror(-code)) : 0;
}

static int read_once(const struct evidence_link *link, const struct evidence_request *request,
		     struct evidence *set, struct tio_error *err)
{
	struct reading r = { .set = set, .current = -1, .err = err };
	int code = send_request(link, request, err);

	while (code == 0 && !r.done) {
		auto_free void *data = NULL;
		ssize_t size = link->receive(link->arg, &data);

		if (size == -EINTR)
			continue;
		if (size <= 0)
			return fail(err, size < 0 ? (int)size : -EPIPE,
				    size < 0 ? strerror((int)-size) : "it hung up");
		code = take_datagram(&r, data, (size_t)size, link->family);
	}
	return code;
}

int evidence_read(const struct evidence_link *link, const struct evidence_request *request,
		  struct evidence *ret, struct tio_error *err)
{
	struct evidence set = { 0 };
	int code = -EAGAIN;

	for (int i = 0; i < TRIES_MAX && code == -EAGAIN; i++) {
		evidence_finish(&set);
		code = read_once(link, request, &set, err);
	}
	if (code == 0)
		*ret = set;
	else
		evidence_finish(&set);
	if (code == -EAGAIN)
		fail(err, code, "it was refreshed each time before it had been read");
	return code;
}

/* --- The kernel's socket --- */

struct evidence_socket {
	struct nl_sock *sock; /* owned */
	struct evidence_link link;
};

static int socket_send(void *arg, const void *message, size_t size)
{
	struct evidence_socket *s = arg;

	return send(nl_socket_get_fd(s->sock), message, size, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* How long is asked first: a datagram has the size that the kernel gave it. */
static ssize_t socket_receive(void *arg, void **ret)
{
	struct evidence_socket *s = arg;
	int fd = nl_socket_get_fd(s->sock);
	ssize_t size = recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC);
	auto_free void *data = NULL;

	if (size < 0)
		return -errno;
	data = malloc(size > 0 ? (size_t)size : 1);
	if (!data)
		return -ENOMEM;
	size = recv(fd, data, (size_t)size, 0);
	if (size < 0)
		return -errno;
	*ret = take_ptr(data);
	return size;
}

static int no_family(struct tio_error *err)
{
	error_kind_set(err, ERROR_NOT_READY, -ENOENT,
		       "this kernel has no \"" EVIDENCE_FAMILY
		       "\" netlink family: it cannot tell the evidence of a device");
	error_fix(err, "boot a kernel whose PCI/TSM code has it; Linux 7.2 has not");
	return -ENOENT;
}

int evidence_open(struct evidence_socket **ret, struct tio_error *err)
{
	struct evidence_socket *s = calloc(1, sizeof(*s));
	int family = -NLE_NOMEM;

	if (!s)
		return fail(err, -ENOMEM, "memory is short");
	s->sock = nl_socket_alloc();
	if (s->sock)
		family = genl_connect(s->sock);
	if (family == 0)
		family = genl_ctrl_resolve(s->sock, EVIDENCE_FAMILY);
	if (family < 0) {
		evidence_close(s);
		return family == -NLE_OBJ_NOTFOUND ? no_family(err)
						   : fail(err, -EIO, nl_geterror(family));
	}
	s->link = (struct evidence_link){ socket_send, socket_receive, s, (uint16_t)family };
	*ret = s;
	return 0;
}

bool evidence_is_offered(void)
{
	struct evidence_socket *socket = NULL;
	int r = evidence_open(&socket, NULL);

	evidence_close(socket);
	return r == 0;
}

const struct evidence_link *evidence_link(const struct evidence_socket *socket)
{
	return &socket->link;
}

void evidence_close(struct evidence_socket *socket)
{
	if (socket)
		nl_socket_free(socket->sock);
	free(socket);
}
