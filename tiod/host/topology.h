/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Where a device sits, read off the path of its folder: the targets of the links
 * in bus/pci/devices, class/block, class/net, … tell it without a look at any register.
 */

#include "base/bdf.h"

struct topology {
	char host_bridge[16];  /* "pci0000:e0" */
	char bridge_path[224]; /* "devices/pci0000:e0", below the root */
	struct bdf top;        /* right below the host bridge; the function itself perhaps */
	struct bdf above;      /* the one before the last; BDF_NONE when that is the first */
	struct bdf last;       /* the last PCI function on the path */
};

/*
 * @link: "../../../devices/pci0000:e0/0000:e0:01.1/0000:e1:00.0", or longer for what is
 * below a function.  0; -EINVAL when there is no host bridge on it or no function.
 */
int topology_parse(const char *link, struct topology *ret);
