/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a PF has decided for its VFs, over the PF's network interface (rtnetlink,
 * IFLA_VFINFO_LIST of linux/if_link.h).  The only user of libnl-route.
 *
 * The two halves, making a request and reading an answer, are apart from the talking for the
 * tests.  Settings are those of VF_NET_KEYS.
 */

#include "core/vf-settings.h"

struct nl_msg;
struct nlmsghdr;
struct tio_error;

/*
 * As far as the driver tells.  -ENODEV: there is no interface @ifindex; -ENOENT: it has no
 * VF @index.  Both wait for the kernel's lock of all links.
 */
int netlink_vf_get(int ifindex, unsigned index, struct vf_settings *ret, struct tio_error *err);

/*
 * A request for each setting (VLAN, priority and protocol are one, and so are the rates), so
 * that @err names the one refused.  What of the same request is not given stays.
 */
int netlink_vf_set(int ifindex, unsigned index, const struct vf_settings *settings,
		   struct tio_error *err);

/* A new message that sets @settings of one VF; NULL: no memory. */
struct nl_msg *netlink_vf_request(int ifindex, unsigned index,
				  const struct vf_settings *settings);

/* From a link's RTM_NEWLINK; -ENOENT: it has no such VF. */
int netlink_vf_read(struct nl_msg *msg, unsigned index, struct vf_settings *ret);
