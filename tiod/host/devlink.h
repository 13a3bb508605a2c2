/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * devlink, a family of generic netlink (linux/devlink.h): how a card's own switch forwards,
 * and the addresses of VFs where that is decided there.  A card is named as by devlink(8):
 * bus and device, "pci" and "0000:e1:00.0".
 */

#include <stdint.h>

#include "core/function.h"

struct tio_error;

/*
 * How the card forwards: ESWITCH_LEGACY also where the kernel, the card or its driver has no
 * devlink.  When that cannot be asked (no CAP_NET_ADMIN, no memory, …) it is ESWITCH_UNKNOWN
 * and the errno.
 */
int devlink_eswitch(const char *bus, const char *device, enum eswitch *ret,
		    struct tio_error *err);

/*
 * The address of VF @index, by the port function of its port.  -ENOENT: the card has no such
 * port; -EOPNOTSUPP: the driver keeps no address there.
 */
int devlink_get_mac(const char *bus, const char *device, unsigned index, uint64_t *ret,
		    struct tio_error *err);
int devlink_set_mac(const char *bus, const char *device, unsigned index, uint64_t mac,
		    struct tio_error *err);
