/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>

#include "base/error.h"
#include "host/netlink.h"

/*
 * Requests are taken apart, and answers are put together, by hand: as linux/if_link.h has
 * them and drivers/net sends them.
 */

#define IFINDEX 7

static const struct ifla_vf_mac a_mac = { 3, { 0x02, 0, 0, 0, 0x0a, 0xbc } };

/* --- Requests --- */

static struct nlattr *find_vf(struct nl_msg *msg, int type)
{
	struct nlattr *list, *info;
	struct ifinfomsg *head = nlmsg_data(nlmsg_hdr(msg));

	cr_assert(eq(int, head->ifi_index, IFINDEX));
	cr_assert(ge(int, nlmsg_hdr(msg)->nlmsg_type, RTM_NEWLINK));
	list = nlmsg_find_attr(nlmsg_hdr(msg), sizeof(*head), IFLA_VFINFO_LIST);
	cr_assert(ne(ptr, list, NULL), "there is a list of VFs");
	info = nla_data(list);
	cr_assert(eq(int, nla_type(info), IFLA_VF_INFO));
	return nla_find(nla_data(info), nla_len(info), type);
}

static struct nlattr *the_request(struct nl_msg **msg, int type, const struct vf_settings *s)
{
	struct nlattr *attr;

	*msg = netlink_vf_request(IFINDEX, 3, s);
	cr_assert(ne(ptr, *msg, NULL));
	attr = find_vf(*msg, type);
	cr_assert(ne(ptr, attr, NULL), "attribute %d is there", type);
	return attr;
}

Test(netlink, an_address_is_asked_for_as_the_kernel_has_it)
{
	struct vf_settings s = { 0 };
	struct nl_msg *msg;
	struct ifla_vf_mac *mac;

	vf_set(&s, VF_MAC, 0x020000000abc);
	mac = nla_data(the_request(&msg, IFLA_VF_MAC, &s));
	cr_expect(eq(uint, mac->vf, 3));
	cr_expect(eq(int, memcmp(mac->mac, a_mac.mac, 6), 0));
	cr_expect(eq(ptr, find_vf(msg, IFLA_VF_TRUST), NULL), "and nothing else");
	nlmsg_free(msg);
}

/* A VLAN alone would be IFLA_VF_VLAN; with a protocol it is in a list. */
Test(netlink, a_vlan_goes_with_its_priority_and_protocol)
{
	struct vf_settings s = { 0 };
	struct ifla_vf_vlan_info *vlan;
	struct nl_msg *msg;

	vf_set(&s, VF_VLAN, 12);
	vf_set(&s, VF_QOS, 5);
	vf_set(&s, VF_PROTO, VF_PROTO_8021AD);
	vlan = nla_data(nla_data(the_request(&msg, IFLA_VF_VLAN_LIST, &s)));
	cr_expect(eq(uint, vlan->vf, 3));
	cr_expect(eq(uint, vlan->vlan, 12));
	cr_expect(eq(uint, vlan->qos, 5));
	cr_expect(eq(uint, ntohs(vlan->vlan_proto), ETH_P_8021AD));
	nlmsg_free(msg);
}

struct number_case {
	enum vf_key key;
	uint64_t value;
	int type;
	uint32_t wanted;
};

ParameterizedTestParameters(netlink, a_number_is_asked_for_under_its_name)
{
	static struct number_case cases[] = {
		{ VF_TRUST, 1, IFLA_VF_TRUST, 1 },
		{ VF_TRUST, 0, IFLA_VF_TRUST, 0 },
		{ VF_SPOOFCHK, 1, IFLA_VF_SPOOFCHK, 1 },
		{ VF_LINK_STATE, 0, IFLA_VF_LINK_STATE, IFLA_VF_LINK_STATE_AUTO },
		{ VF_LINK_STATE, 1, IFLA_VF_LINK_STATE, IFLA_VF_LINK_STATE_ENABLE },
		{ VF_LINK_STATE, 2, IFLA_VF_LINK_STATE, IFLA_VF_LINK_STATE_DISABLE },
	};

	return cr_make_param_array(struct number_case, cases, sizeof(cases) / sizeof(*cases));
}

ParameterizedTest(struct number_case *c, netlink, a_number_is_asked_for_under_its_name)
{
	struct vf_settings s = { 0 };
	struct ifla_vf_trust *number; /* all of these are a VF and a number */
	struct nl_msg *msg;

	vf_set(&s, c->key, c->value);
	number = nla_data(the_request(&msg, c->type, &s));
	cr_expect(eq(uint, number->vf, 3));
	cr_expect(eq(u32, number->setting, c->wanted));
	nlmsg_free(msg);
}

Test(netlink, the_two_rates_go_together)
{
	struct vf_settings s = { 0 };
	struct ifla_vf_rate *rate;
	struct nl_msg *msg;

	vf_set(&s, VF_RATE_MIN, 100);
	vf_set(&s, VF_RATE_MAX, 1000);
	rate = nla_data(the_request(&msg, IFLA_VF_RATE, &s));
	cr_expect(eq(uint, rate->vf, 3));
	cr_expect(eq(u32, rate->min_tx_rate, 100));
	cr_expect(eq(u32, rate->max_tx_rate, 1000));
	nlmsg_free(msg);
}

/* --- Answers --- */

static void add_vf(struct nl_msg *msg, unsigned index, uint32_t unsaid)
{
	struct ifla_vf_mac mac = { .vf = index, .mac = { 0x02, 0, 0, 0, 0, (uint8_t)index } };
	struct ifla_vf_vlan plain = { .vf = index, .vlan = 12, .qos = 5 };
	struct ifla_vf_vlan_info vlan = {
		.vf = index, .vlan = 12, .qos = 5, .vlan_proto = htons(ETH_P_8021AD)
	};
	struct ifla_vf_tx_rate old = { .vf = index, .rate = 1000 };
	struct ifla_vf_rate rate = { .vf = index, .min_tx_rate = 100, .max_tx_rate = 1000 };
	struct ifla_vf_spoofchk spoof = { .vf = index, .setting = unsaid ? unsaid : 1 };
	struct ifla_vf_link_state state = { .vf = index, .link_state = 2 };
	struct ifla_vf_trust trust = { .vf = index, .setting = unsaid };
	struct nlattr *info = nla_nest_start(msg, IFLA_VF_INFO), *list;

	nla_put(msg, IFLA_VF_MAC, sizeof(mac), &mac);
	nla_put(msg, IFLA_VF_VLAN, sizeof(plain), &plain);
	nla_put(msg, IFLA_VF_TX_RATE, sizeof(old), &old);
	nla_put(msg, IFLA_VF_RATE, sizeof(rate), &rate);
	nla_put(msg, IFLA_VF_SPOOFCHK, sizeof(spoof), &spoof);
	nla_put(msg, IFLA_VF_LINK_STATE, sizeof(state), &state);
	nla_put(msg, IFLA_VF_TRUST, sizeof(trust), &trust);
	list = nla_nest_start(msg, IFLA_VF_VLAN_LIST);
	nla_put(msg, IFLA_VF_VLAN_INFO, sizeof(vlan), &vlan);
	nla_nest_end(msg, list);
	nla_nest_end(msg, info);
}

static struct nl_msg *an_answer(unsigned n_vfs, uint32_t unsaid)
{
	struct nl_msg *msg = nlmsg_alloc_size(1 << 17);
	struct ifinfomsg head = { .ifi_index = IFINDEX };
	struct nlattr *list;

	nlmsg_put(msg, 0, 0, RTM_NEWLINK, 0, 0);
	nlmsg_append(msg, &head, sizeof(head), NLMSG_ALIGNTO);
	nla_put_string(msg, IFLA_IFNAME, "eth0");
	nla_put_u32(msg, IFLA_NUM_VF, n_vfs);
	list = nla_nest_start(msg, IFLA_VFINFO_LIST);
	for (unsigned i = 0; i < n_vfs; i++)
		add_vf(msg, i, unsaid);
	nla_nest_end(msg, list);
	return msg;
}

Test(netlink, what_the_kernel_shows_is_read)
{
	struct nl_msg *msg = an_answer(4, 0);
	struct vf_settings s;
	char text[320];

	cr_assert(eq(int, netlink_vf_read(msg, 3, &s), 0));
	cr_expect(eq(str, (char *)vf_format(&s, text, sizeof(text)),
		     "MAC address 02:00:00:00:00:03, VLAN 12, VLAN priority 5, VLAN protocol "
		     "802.1ad, trust off, spoof check on, link state disable, least rate "
		     "(Mbit/s) 100, highest rate (Mbit/s) 1000"));
	nlmsg_free(msg);
}

Test(netlink, what_a_driver_does_not_say_is_not_known)
{
	struct nl_msg *msg = an_answer(1, UINT32_MAX);
	struct vf_settings s;

	cr_assert(eq(int, netlink_vf_read(msg, 0, &s), 0));
	cr_expect(not(vf_given(&s, VF_TRUST)));
	cr_expect(not(vf_given(&s, VF_SPOOFCHK)));
	cr_expect(vf_given(&s, VF_LINK_STATE));
	nlmsg_free(msg);
}

Test(netlink, a_vf_that_is_not_in_the_answer_is_not_found)
{
	struct nl_msg *msg = an_answer(4, 0);
	struct vf_settings s;

	cr_expect(eq(int, netlink_vf_read(msg, 4, &s), -ENOENT));
	nlmsg_free(msg);
	msg = an_answer(0, 0);
	cr_expect(eq(int, netlink_vf_read(msg, 0, &s), -ENOENT));
	nlmsg_free(msg);
}

Test(netlink, the_last_of_many_is_found)
{
	struct nl_msg *msg = an_answer(200, 0);
	struct vf_settings s;

	cr_assert(eq(int, netlink_vf_read(msg, 199, &s), 0));
	cr_expect(eq(u64, s.value[VF_MAC], 0x020000000000 + 199));
	nlmsg_free(msg);
}

/* The kernel itself, of which any machine knows this much. */
Test(netlink, an_interface_that_is_not_there_is_told)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct vf_settings s;

	cr_expect(eq(int, netlink_vf_get(INT32_MAX, 0, &s, &err), -ENODEV));
	cr_expect(eq(str, err.text,
		     "read the settings of VF 0 at the PF's interface: No such device"));
}

Test(netlink, an_interface_without_vfs_has_no_vf)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct vf_settings s;

	cr_expect(eq(int, netlink_vf_get(1, 0, &s, &err), -ENOENT), "1 is the loopback");
	cr_expect(eq(str, err.text, "the PF's network driver knows no VF 0"));
}
