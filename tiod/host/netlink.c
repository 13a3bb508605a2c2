/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/route/link.h>
#include <netlink/route/link/sriov.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "host/nl-talk.h"

#define MAC_LENGTH        6
#define UNSAID            UINT32_MAX /* what the kernel shows where a driver says nothing */
#define FILTER_SKIP_STATS 8          /* RTEXT_FILTER_SKIP_STATS: with them 256 VFs do not fit */

/* What one request of the kernel sets together. */
static const uint32_t groups[] = {
	VF_BIT(VF_MAC),        VF_BIT(VF_VLAN) | VF_BIT(VF_QOS) | VF_BIT(VF_PROTO),
	VF_BIT(VF_TRUST),      VF_BIT(VF_SPOOFCHK),
	VF_BIT(VF_LINK_STATE), VF_BIT(VF_RATE_MIN) | VF_BIT(VF_RATE_MAX),
};

/* --- A request --- */

static void put_mac(struct rtnl_link_vf *vf, uint64_t value)
{
	unsigned char bytes[MAC_LENGTH];
	struct nl_addr *address;

	for (int i = 0; i < MAC_LENGTH; i++)
		bytes[i] = (unsigned char)(value >> 8 * (MAC_LENGTH - 1 - i));
	address = nl_addr_build(AF_LLC, bytes, sizeof(bytes));
	rtnl_link_vf_set_addr(vf, address);
	nl_addr_put(address);
}

static uint16_t protocol_of(const struct vf_settings *settings)
{
	return settings->value[VF_PROTO] == VF_PROTO_8021AD ? ETH_P_8021AD : ETH_P_8021Q;
}

static void put_vlan(struct rtnl_link_vf *vf, const struct vf_settings *settings)
{
	nl_vf_vlans_t *vlans = NULL;

	if (rtnl_link_vf_vlan_alloc(&vlans, 1) < 0)
		return;
	vlans->vlans[0] = (nl_vf_vlan_info_t){
		.vf_vlan = (uint32_t)settings->value[VF_VLAN],
		.vf_vlan_qos = (uint32_t)settings->value[VF_QOS],
		.vf_vlan_proto = protocol_of(settings),
	};
	rtnl_link_vf_set_vlans(vf, vlans);
	rtnl_link_vf_vlan_put(vlans);
}

static void put_rate(struct rtnl_link_vf *vf, const struct vf_settings *settings)
{
	struct nl_vf_rate rate = { .api = RTNL_LINK_VF_RATE_API_NEW,
				   .min_tx_rate = (uint32_t)settings->value[VF_RATE_MIN],
				   .max_tx_rate = (uint32_t)settings->value[VF_RATE_MAX] };

	rtnl_link_vf_set_rate(vf, &rate);
}

static void put_settings(struct rtnl_link_vf *vf, const struct vf_settings *settings)
{
	if (vf_given(settings, VF_MAC))
		put_mac(vf, settings->value[VF_MAC]);
	if (vf_given(settings, VF_VLAN))
		put_vlan(vf, settings);
	if (vf_given(settings, VF_TRUST))
		rtnl_link_vf_set_trust(vf, settings->value[VF_TRUST] != 0);
	if (vf_given(settings, VF_SPOOFCHK))
		rtnl_link_vf_set_spoofchk(vf, settings->value[VF_SPOOFCHK] != 0);
	if (vf_given(settings, VF_LINK_STATE))
		rtnl_link_vf_set_linkstate(vf, (uint32_t)settings->value[VF_LINK_STATE]);
	if (vf_given(settings, VF_RATE_MIN) || vf_given(settings, VF_RATE_MAX))
		put_rate(vf, settings);
}

static struct nlattr *find_nested(struct nlattr *nest, int type)
{
	return nest ? nla_find(nla_data(nest), nla_len(nest), type) : NULL;
}

/*
 * The kernel wants the protocol in network order; libnl 3.7 reads it so and writes it as it
 * finds it.  Written here it is right with any libnl.
 */
static void mend_protocol(struct nl_msg *msg, const struct vf_settings *settings)
{
	struct nlattr *attr = nlmsg_find_attr(nlmsg_hdr(msg), sizeof(struct ifinfomsg),
					      IFLA_VFINFO_LIST);
	struct ifla_vf_vlan_info *vlan;

	attr = find_nested(find_nested(attr, IFLA_VF_INFO), IFLA_VF_VLAN_LIST);
	attr = find_nested(attr, IFLA_VF_VLAN_INFO);
	if (!attr || nla_len(attr) < (int)sizeof(*vlan))
		return;
	vlan = nla_data(attr);
	vlan->vlan_proto = htons(protocol_of(settings));
}

struct nl_msg *netlink_vf_request(int ifindex, unsigned index,
				  const struct vf_settings *settings)
{
	struct rtnl_link *link = rtnl_link_alloc(), *changes = rtnl_link_alloc();
	struct rtnl_link_vf *vf = rtnl_link_vf_alloc();
	struct nl_msg *msg = NULL;

	if (link && changes && vf) {
		rtnl_link_set_ifindex(link, ifindex);
		rtnl_link_vf_set_index(vf, index);
		put_settings(vf, settings);
		if (rtnl_link_vf_add(changes, vf) < 0 ||
		    rtnl_link_build_change_request(link, changes, 0, &msg) < 0)
			msg = NULL;
	}
	if (msg)
		mend_protocol(msg, settings);
	if (vf)
		rtnl_link_vf_put(vf);
	rtnl_link_put(changes);
	rtnl_link_put(link);
	return msg;
}

/* --- An answer --- */

static void take_mac(struct rtnl_link_vf *vf, struct vf_settings *ret)
{
	const unsigned char *bytes;
	struct nl_addr *address;
	uint64_t value = 0;

	/* Infiniband's are longer, and not set in this way. */
	if (rtnl_link_vf_get_addr(vf, &address) < 0 || nl_addr_get_len(address) != MAC_LENGTH)
		return;
	bytes = nl_addr_get_binary_addr(address);
	for (int i = 0; i < MAC_LENGTH; i++)
		value = value << 8 | bytes[i];
	vf_set(ret, VF_MAC, value);
}

static void take_vlan(struct rtnl_link_vf *vf, struct vf_settings *ret)
{
	nl_vf_vlans_t *vlans;

	if (rtnl_link_vf_get_vlans(vf, &vlans) < 0)
		return;
	if (vlans->size > 0) {
		bool outer = vlans->vlans[0].vf_vlan_proto == ETH_P_8021AD;

		vf_set(ret, VF_VLAN, vlans->vlans[0].vf_vlan);
		vf_set(ret, VF_QOS, vlans->vlans[0].vf_vlan_qos);
		vf_set(ret, VF_PROTO, outer ? VF_PROTO_8021AD : VF_PROTO_8021Q);
	}
	rtnl_link_vf_vlan_put(vlans);
}

static void take_number(struct rtnl_link_vf *vf, int (*get)(struct rtnl_link_vf *, uint32_t *),
			enum vf_key key, uint32_t max, struct vf_settings *ret)
{
	uint32_t value;

	if (get(vf, &value) == 0 && value != UNSAID && value <= max)
		vf_set(ret, key, value);
}

static void take_settings(struct rtnl_link_vf *vf, struct vf_settings *ret)
{
	struct nl_vf_rate rate = { 0 };

	take_mac(vf, ret);
	take_vlan(vf, ret);
	take_number(vf, rtnl_link_vf_get_trust, VF_TRUST, 1, ret);
	take_number(vf, rtnl_link_vf_get_spoofchk, VF_SPOOFCHK, 1, ret);
	take_number(vf, rtnl_link_vf_get_linkstate, VF_LINK_STATE, 2, ret);
	if (rtnl_link_vf_get_rate(vf, &rate) == 0) {
		vf_set(ret, VF_RATE_MIN, rate.min_tx_rate);
		vf_set(ret, VF_RATE_MAX, rate.max_tx_rate);
	}
}

struct wanted_vf {
	unsigned index;
	bool found;
	struct vf_settings settings;
};

static void on_link(struct nl_object *object, void *arg)
{
	struct rtnl_link *link = (struct rtnl_link *)object;
	struct wanted_vf *wanted = arg;
	struct rtnl_link_vf *vf;
	uint32_t n;

	/* Of a link without any VF libnl keeps no list, and looks into it all the same. */
	if (rtnl_link_get_num_vf(link, &n) < 0 || n == 0)
		return;
	vf = rtnl_link_vf_get(link, wanted->index);
	if (!vf)
		return;
	wanted->found = true;
	take_settings(vf, &wanted->settings);
	rtnl_link_vf_put(vf);
}

int netlink_vf_read(struct nl_msg *msg, unsigned index, struct vf_settings *ret)
{
	struct wanted_vf wanted = { .index = index };

	nlmsg_set_proto(msg, NETLINK_ROUTE);
	if (nl_msg_parse(msg, on_link, &wanted) < 0 || !wanted.found)
		return -ENOENT;
	*ret = wanted.settings;
	return 0;
}

/* --- Talking --- */

static int no_memory(struct tio_error *err)
{
	return error_set(err, -ENOMEM, "out of memory");
}

/* Asks and takes @msg over. */
static int ask(struct nl_msg *msg, void (*on_reply)(struct nl_msg *msg, void *arg), void *arg,
	       char *why, size_t size)
{
	struct nl_sock *sock = msg ? nl_talk_open(NETLINK_ROUTE) : NULL;
	int r = sock ? nl_talk(sock, msg, on_reply, arg, why, size) : -ENOMEM;

	nl_socket_free(sock);
	nlmsg_free(msg);
	return r;
}

struct reading {
	unsigned index;
	int code;
	struct vf_settings settings;
};

static void on_reply(struct nl_msg *msg, void *arg)
{
	struct reading *reading = arg;

	reading->code = netlink_vf_read(msg, reading->index, &reading->settings);
}

static struct nl_msg *reading_request(int ifindex)
{
	struct ifinfomsg head = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex };
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETLINK, 0);

	if (msg && nlmsg_append(msg, &head, sizeof(head), NLMSG_ALIGNTO) == 0 &&
	    nla_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_VF | FILTER_SKIP_STATS) == 0)
		return msg;
	nlmsg_free(msg);
	return NULL;
}

int netlink_vf_get(int ifindex, unsigned index, struct vf_settings *ret, struct tio_error *err)
{
	struct reading reading = { .index = index, .code = -ENOENT };
	char why[160];
	int r;

	r = ask(reading_request(ifindex), on_reply, &reading, why, sizeof(why));
	if (r == -ENOMEM)
		return no_memory(err);
	if (r < 0)
		return error_set(err, r, "read the settings of VF %u at the PF's interface: %s",
				 index, why[0] ? why : strerror(-r));
	if (reading.code < 0)
		return error_set(err, reading.code, "the PF's network driver knows no VF %u",
				 index);
	*ret = reading.settings;
	return 0;
}

static int set_refused(int code, unsigned index, const struct vf_settings *some,
		       const char *why, struct tio_error *err)
{
	char text[160];

	vf_format(some, text, sizeof(text));
	if (code == -EOPNOTSUPP) {
		error_kind_set(err, ERROR_NOT_READY, code,
			       "the PF's driver cannot set \"%s\" of VF %u%s%s", text, index,
			       why[0] ? ": " : "", why);
		error_fix(err, "leave that setting out, or use a driver that can");
		return code;
	}
	error_set(err, code, "set \"%s\" of VF %u: %s", text, index,
		  why[0] ? why : strerror(-code));
	error_fix(err, code == -EPERM ? "run tiod as root"
				      : "`dmesg` shows what the PF's driver said");
	return code;
}

int netlink_vf_set(int ifindex, unsigned index, const struct vf_settings *settings,
		   struct tio_error *err)
{
	struct vf_settings now, one;
	char why[160];
	int r;

	r = netlink_vf_get(ifindex, index, &now, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(groups); i++) {
		struct vf_settings some = vf_only(settings, groups[i]);

		if (!some.given)
			continue;
		one = vf_only(&now, groups[i]);
		vf_merge(&one, &some);
		r = ask(netlink_vf_request(ifindex, index, &one), NULL, NULL, why, sizeof(why));
		if (r == -ENOMEM)
			return no_memory(err);
		if (r < 0)
			return set_refused(r, index, &some, why, err);
	}
	return r;
}
