/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/nl-talk.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/text.h"

struct talk {
	void (*on_reply)(struct nl_msg *msg, void *arg);
	void *arg;
	char *why;
	size_t size;
	int code;
	bool done;
};

struct nl_sock *nl_talk_open(int protocol)
{
	struct nl_sock *sock = nl_socket_alloc();
	int on = 1;

	if (!sock)
		return NULL;
	if (nl_connect(sock, protocol) < 0) {
		nl_socket_free(sock);
		return NULL;
	}
	/* Answers about many VFs are longer than a page. */
	nl_socket_enable_msg_peek(sock);
	/* An old kernel does not know it, and tells no reasons. */
	(void)setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	return sock;
}

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct talk *talk = arg;

	if (talk->on_reply)
		talk->on_reply(msg, talk->arg);
	return NL_OK;
}

static int on_end(struct nl_msg *msg, void *arg)
{
	((struct talk *)arg)->done = true;
	return NL_STOP;
}

/* The driver's words follow the message that they are about, unless that was left out. */
static void take_words(struct talk *talk, struct nlmsgerr *error)
{
	struct nlmsghdr *header = (struct nlmsghdr *)((char *)error - NLMSG_HDRLEN);
	int begin = (int)sizeof(*error), length = (int)nlmsg_datalen(header);
	struct nlattr *words;

	if (!(header->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(header->nlmsg_flags & NLM_F_CAPPED))
		begin += (int)error->msg.nlmsg_len - (int)sizeof(error->msg);
	if (begin < (int)sizeof(*error) || begin >= length)
		return;
	words = nla_find((struct nlattr *)((char *)error + begin), length - begin,
			 NLMSGERR_ATTR_MSG);
	if (words)
		(void)nla_strlcpy(talk->why, words, talk->size);
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *error, void *arg)
{
	struct talk *talk = arg;

	talk->code = error->error;
	talk->done = true;
	take_words(talk, error);
	return NL_STOP;
}

int nl_talk(struct nl_sock *sock, struct nl_msg *msg,
	    void (*on_reply)(struct nl_msg *msg, void *arg), void *arg, char *why, size_t size)
{
	struct talk talk = { on_reply, arg, why, size, 0, false };
	struct nl_cb *callbacks = nl_cb_alloc(NL_CB_DEFAULT);
	int r;

	why[0] = '\0';
	if (!callbacks)
		return -ENOMEM;
	nl_cb_set(callbacks, NL_CB_VALID, NL_CB_CUSTOM, on_valid, &talk);
	nl_cb_set(callbacks, NL_CB_ACK, NL_CB_CUSTOM, on_end, &talk);
	nl_cb_set(callbacks, NL_CB_FINISH, NL_CB_CUSTOM, on_end, &talk);
	nl_cb_err(callbacks, NL_CB_CUSTOM, on_error, &talk);

	r = nl_send_auto(sock, msg);
	while (r >= 0 && !talk.done)
		r = nl_recvmsgs(sock, callbacks);
	nl_cb_put(callbacks);
	if (talk.done)
		return talk.code < 0 ? talk.code : 0;
	return -EIO;
}
