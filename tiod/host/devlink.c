/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host/devlink.h"

#include <errno.h>
#include <linux/devlink.h>
#include <linux/netlink.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "host/nl-talk.h"

#define MAC_LENGTH 6

/* A socket and the family's number, which the kernel gives anew at every boot. */
struct door {
	struct nl_sock *sock;
	int family;
};

static void on_family(struct nl_msg *msg, void *arg)
{
	struct nlattr *attrs[CTRL_ATTR_MAX + 1];
	int *family = arg;

	if (genlmsg_parse(nlmsg_hdr(msg), 0, attrs, CTRL_ATTR_MAX, NULL) == 0 &&
	    attrs[CTRL_ATTR_FAMILY_ID])
		*family = nla_get_u16(attrs[CTRL_ATTR_FAMILY_ID]);
}

/* genl_ctrl_resolve() says "not found" of every failure; -EOPNOTSUPP: the kernel has none. */
static int find_family(struct door *door)
{
	struct nl_msg *msg = nlmsg_alloc();
	char why[160];
	int r = -ENOMEM;

	door->family = -EIO;
	if (msg &&
	    genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, GENL_ID_CTRL, 0, 0, CTRL_CMD_GETFAMILY,
			1) &&
	    nla_put_string(msg, CTRL_ATTR_FAMILY_NAME, DEVLINK_GENL_NAME) == 0)
		r = nl_talk(door->sock, msg, on_family, &door->family, why, sizeof(why));
	nlmsg_free(msg);
	if (r < 0)
		return r == -ENOENT ? -EOPNOTSUPP : r;
	return door->family < 0 ? door->family : 0;
}

static int open_door(struct door *door)
{
	int r;

	errno = 0;
	door->sock = nl_talk_open(NETLINK_GENERIC);
	if (!door->sock)
		return errno ? -errno : -ENOMEM;
	r = find_family(door);
	if (r < 0)
		nl_socket_free(door->sock);
	return r;
}

static struct nl_msg *message(const struct door *door, int flags, uint8_t command)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (msg && genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, door->family, 0, flags, command,
			       DEVLINK_GENL_VERSION))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

static struct nl_msg *message_to(const struct door *door, uint8_t command, const char *bus,
				 const char *device)
{
	struct nl_msg *msg = message(door, 0, command);

	if (msg && nla_put_string(msg, DEVLINK_ATTR_BUS_NAME, bus) == 0 &&
	    nla_put_string(msg, DEVLINK_ATTR_DEV_NAME, device) == 0)
		return msg;
	nlmsg_free(msg);
	return NULL;
}

static bool parse(struct nl_msg *msg, struct nlattr *attrs[DEVLINK_ATTR_MAX + 1])
{
	return genlmsg_parse(nlmsg_hdr(msg), 0, attrs, DEVLINK_ATTR_MAX, NULL) == 0;
}

/* --- The switch --- */

static void on_eswitch(struct nl_msg *msg, void *arg)
{
	struct nlattr *attrs[DEVLINK_ATTR_MAX + 1];
	enum eswitch *mode = arg;

	if (!parse(msg, attrs) || !attrs[DEVLINK_ATTR_ESWITCH_MODE])
		return;
	switch (nla_get_u16(attrs[DEVLINK_ATTR_ESWITCH_MODE])) {
	case DEVLINK_ESWITCH_MODE_LEGACY:
		*mode = ESWITCH_LEGACY;
		break;
	case DEVLINK_ESWITCH_MODE_SWITCHDEV:
		*mode = ESWITCH_SWITCHDEV;
		break;
	default: /* newer than the headers: 2 is switchdev_inactive */
		*mode = ESWITCH_INACTIVE;
		break;
	}
}

static int ask_eswitch(const struct door *door, const char *bus, const char *device,
		       enum eswitch *mode)
{
	struct nl_msg *msg = message_to(door, DEVLINK_CMD_ESWITCH_GET, bus, device);
	char why[160];
	int r = msg ? nl_talk(door->sock, msg, on_eswitch, mode, why, sizeof(why)) : -ENOMEM;

	nlmsg_free(msg);
	return r;
}

int devlink_eswitch(const char *bus, const char *device, enum eswitch *ret,
		    struct tio_error *err)
{
	struct door door;
	int r = open_door(&door);

	*ret = ESWITCH_LEGACY;
	if (r == 0) {
		r = ask_eswitch(&door, bus, device, ret);
		nl_socket_free(door.sock);
	}
	/* There is no devlink, not of this card, or its driver has no eswitch. */
	if (r == 0 || r == -EOPNOTSUPP || r == -ENODEV)
		return 0;
	*ret = ESWITCH_UNKNOWN;
	error_kind_set(err, ERROR_NOT_READY, r,
		       "devlink cannot be asked for the eswitch mode of %s/%s: %s", bus, device,
		       strerror(-r));
	error_fix(err, "see what `devlink dev eswitch show %s/%s` says, then try again", bus,
		  device);
	return r;
}

/* --- Ports --- */

struct port {
	const char *bus, *device;
	unsigned vf;
	bool found, has_mac;
	uint32_t index;
	uint64_t mac;
};

static void take_mac(struct nlattr *function, struct port *port)
{
	struct nlattr *attrs[DEVLINK_PORT_FUNCTION_ATTR_MAX + 1], *mac;
	const unsigned char *bytes;

	if (!function ||
	    nla_parse_nested(attrs, DEVLINK_PORT_FUNCTION_ATTR_MAX, function, NULL) < 0)
		return;
	mac = attrs[DEVLINK_PORT_FUNCTION_ATTR_HW_ADDR];
	if (!mac || nla_len(mac) != MAC_LENGTH)
		return;
	bytes = nla_data(mac);
	port->mac = 0;
	for (int i = 0; i < MAC_LENGTH; i++)
		port->mac = port->mac << 8 | bytes[i];
	port->has_mac = true;
}

static bool is_text(const struct nlattr *attr, const char *text)
{
	return attr && nla_strcmp(attr, text) == 0;
}

static void on_port(struct nl_msg *msg, void *arg)
{
	struct nlattr *attrs[DEVLINK_ATTR_MAX + 1];
	struct port *port = arg;

	if (!parse(msg, attrs) || !is_text(attrs[DEVLINK_ATTR_BUS_NAME], port->bus) ||
	    !is_text(attrs[DEVLINK_ATTR_DEV_NAME], port->device) ||
	    !attrs[DEVLINK_ATTR_PORT_INDEX] || !attrs[DEVLINK_ATTR_PORT_FLAVOUR] ||
	    !attrs[DEVLINK_ATTR_PORT_PCI_VF_NUMBER] ||
	    nla_get_u16(attrs[DEVLINK_ATTR_PORT_FLAVOUR]) != DEVLINK_PORT_FLAVOUR_PCI_VF ||
	    nla_get_u16(attrs[DEVLINK_ATTR_PORT_PCI_VF_NUMBER]) != port->vf)
		return;
	port->found = true;
	port->index = nla_get_u32(attrs[DEVLINK_ATTR_PORT_INDEX]);
	take_mac(attrs[DEVLINK_ATTR_PORT_FUNCTION], port);
}

static int find_port(const struct door *door, struct port *port, struct tio_error *err)
{
	struct nl_msg *msg = message(door, NLM_F_DUMP, DEVLINK_CMD_PORT_GET);
	char why[160] = "";
	int r = msg ? nl_talk(door->sock, msg, on_port, port, why, sizeof(why)) : -ENOMEM;

	nlmsg_free(msg);
	if (r < 0)
		return error_set(err, r, "list the devlink ports of %s/%s: %s", port->bus,
				 port->device, why[0] ? why : strerror(-r));
	if (port->found)
		return 0;
	error_set(err, -ENOENT, "%s/%s has no devlink port for VF %u", port->bus, port->device,
		  port->vf);
	error_fix(err, "`devlink port show` lists them; `dmesg` shows what the driver said");
	return -ENOENT;
}

/* The door is the caller's, to be closed, when this says 0. */
static int open_port(struct door *door, struct port *port, struct tio_error *err)
{
	int r = open_door(door);

	if (r < 0)
		return error_set(err, r, "devlink cannot be asked: %s", strerror(-r));
	r = find_port(door, port, err);
	if (r < 0)
		nl_socket_free(door->sock);
	return r;
}

int devlink_get_mac(const char *bus, const char *device, unsigned index, uint64_t *ret,
		    struct tio_error *err)
{
	struct port port = { .bus = bus, .device = device, .vf = index };
	struct door door;
	int r = open_port(&door, &port, err);

	if (r < 0)
		return r;
	nl_socket_free(door.sock);
	if (!port.has_mac) {
		error_kind_set(
			err, ERROR_NOT_READY, -EOPNOTSUPP,
			"the driver of %s/%s keeps no address at the devlink port of VF %u",
			bus, device, index);
		error_fix(err, "leave the MAC address out; the guest may choose its own");
		return -EOPNOTSUPP;
	}
	*ret = port.mac;
	return 0;
}

static bool put_mac(struct nl_msg *msg, uint32_t port, uint64_t mac)
{
	unsigned char bytes[MAC_LENGTH];
	struct nlattr *nest;

	for (int i = 0; i < MAC_LENGTH; i++)
		bytes[i] = (unsigned char)(mac >> 8 * (MAC_LENGTH - 1 - i));
	if (nla_put_u32(msg, DEVLINK_ATTR_PORT_INDEX, port) < 0)
		return false;
	/* The kernel wants the flag of a nest, which nla_nest_start() leaves out. */
	nest = nla_nest_start(msg, DEVLINK_ATTR_PORT_FUNCTION | NLA_F_NESTED);
	if (!nest || nla_put(msg, DEVLINK_PORT_FUNCTION_ATTR_HW_ADDR, sizeof(bytes), bytes) < 0)
		return false;
	nla_nest_end(msg, nest);
	return true;
}

static int write_mac(const struct door *door, const struct port *port, uint64_t mac,
		     struct tio_error *err)
{
	struct nl_msg *msg = message_to(door, DEVLINK_CMD_PORT_SET, port->bus, port->device);
	char why[160] = "";
	int r = -ENOMEM;

	if (msg && put_mac(msg, port->index, mac))
		r = nl_talk(door->sock, msg, NULL, NULL, why, sizeof(why));
	nlmsg_free(msg);
	if (r == 0)
		return 0;
	error_kind_set(err, r == -EOPNOTSUPP ? ERROR_NOT_READY : ERROR_FAILED, r,
		       "set the MAC address of VF %u at the devlink port %s/%s/%u: %s",
		       port->vf, port->bus, port->device, port->index,
		       why[0] ? why : strerror(-r));
	error_fix(err, "`dmesg` shows what the PF's driver said");
	return r;
}

int devlink_set_mac(const char *bus, const char *device, unsigned index, uint64_t mac,
		    struct tio_error *err)
{
	struct port port = { .bus = bus, .device = device, .vf = index };
	struct door door;
	int r = open_port(&door, &port, err);

	if (r < 0)
		return r;
	r = write_mac(&door, &port, mac, err);
	nl_socket_free(door.sock);
	return r;
}
