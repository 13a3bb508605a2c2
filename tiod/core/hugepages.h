/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Does a VM's memory fit the free hugepages of the node it should run on?
 */

#include "core/snapshot.h"
#include "core/vm.h"

/*
 * 0: it fits, or the VM uses none.  -ENOMEM with the figures of every node in @err, and the
 * command that would reserve what is missing.  @device_node: NUMA node of the device, -1
 * unknown; the VM's own setting wins over it.
 */
int hugepages_check(const struct snapshot *snap, const struct vm *vm, int device_node,
		    struct tio_error *err);

/*
 * "" or a sentence when there is enough for @vm, but not if those run too who were promised
 * @promised bytes of the same pages, @names.  Of a VM that runs the pages are not free any
 * more.
 */
const char *hugepages_shared(const struct snapshot *snap, const struct vm *vm, int device_node,
			     uint64_t promised, const char *names, char *buf, size_t size);

/*
 * "gpu-vm needs 4096 hugepages of 2 MiB for its 8 GiB of memory on node 1; 6000 can be had";
 * "" for a VM that uses none.  Returns @buf.
 */
const char *hugepages_figures(const struct snapshot *snap, const struct vm *vm, int device_node,
			      char *buf, size_t size);
