/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/holder.h"

#include <stdio.h>

const char *holder_describe(const struct holder *h, char *buf, size_t size)
{
	switch (h->kind) {
	case HOLDER_MOUNT:
		snprintf(buf, size, "%s is mounted on %s", h->what, h->where);
		break;
	case HOLDER_SWAP:
		snprintf(buf, size, "%s is used as swap space", h->what);
		break;
	case HOLDER_BLOCK:
		snprintf(buf, size, "%s is part of %s", h->what, h->where);
		break;
	case HOLDER_NETDEV:
		snprintf(buf, size, "network interface %s is %s", h->what, h->where);
		break;
	case HOLDER_PROCESS:
		snprintf(buf, size, "%s is open in process %d (%s)", h->what, h->pid,
			 h->command);
		break;
	case HOLDER_VFS:
		snprintf(buf, size, "it has VFs enabled (%s)", h->what);
		break;
	case HOLDER_KIND_COUNT:
		buf[0] = '\0';
		break;
	}
	return buf;
}

static const char *const fixes[HOLDER_KIND_COUNT] = {
	[HOLDER_MOUNT] = "unmount it, or choose another device",
	[HOLDER_SWAP] = "swapoff it, or choose another device",
	[HOLDER_BLOCK] =
		"take it apart first (vgchange -an, mdadm --stop, …), or choose another device",
	[HOLDER_NETDEV] = "take it down (`ip link set … down`), or choose another device",
	[HOLDER_PROCESS] = "end that process first",
	[HOLDER_VFS] = "attach a VF instead, or set sriov_numvfs to 0 first",
};

const char *holder_fix(const struct holder *h)
{
	return h->kind < HOLDER_KIND_COUNT ? fixes[h->kind] : "";
}
