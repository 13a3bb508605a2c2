/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Virtual functions: how many, and whether the host's drivers take new ones.
 */

#include "core/function.h"

struct tio_error;

/* Fills vfs, vfs_total, vfs_autoprobe, vf_offset and vf_stride from @dir, @f's folder. */
void sriov_read(int dir, struct function *f);

/* Which VF of @pf the function @vf is, from 0. */
uint16_t sriov_index(int root, struct bdf pf, struct bdf vf);

int sriov_set_autoprobe(int root, struct bdf pf, bool on, struct tio_error *err);

/*
 * Blocks while VFs are made or taken down.  The kernel refuses a change from one number
 * to another (-EBUSY): zero lies between.  -EPROTO: a driver made another number than told.
 */
int sriov_set_vfs(int root, struct bdf pf, unsigned int n, struct tio_error *err);
