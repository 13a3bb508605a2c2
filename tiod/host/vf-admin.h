/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The settings of a VF, whichever door each of them is behind: the PF's network interface
 * (netlink.c), the card's switch (devlink.c) or the VF's own attribute (MSI-X vectors).
 */

#include "core/function.h"
#include "core/vf-settings.h"

struct tio_error;

/* Fills netdev, eswitch and vf_msix_total of @f, a function with SR-IOV, from @dir, its folder.
 */
void vf_admin_read(int dir, struct function *f);

/* As host_ops says. */
int vf_admin_get(int root, const struct function *vf, struct vf_settings *ret,
		 struct tio_error *err);
int vf_admin_set(int root, const struct function *vf, const struct vf_settings *wanted,
		 struct tio_error *err);
