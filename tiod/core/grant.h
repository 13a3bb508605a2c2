/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Whose the character device of a function is while a VM has it: its node goes to the user
 * and group that the VM's file names, and back to whom it was before.  A VM whose file names
 * nobody gets no node: QEMU is root there, or is handed the open files.
 *
 * Pure; steps-grant.c is the row of the step table, host/devnodes.c the door.
 */

#include "core/snapshot.h"
#include "core/vm.h"

struct plan;

/* Does the VM's file name somebody who needs it? */
bool grant_wanted(const struct vm *vm);

/* What @before becomes for @vm: nothing is taken from anybody but the owner. */
struct node_access grant_access(const struct vm *vm, const struct node_access *before);

bool node_access_equal(const struct node_access *a, const struct node_access *b);

/* "uid 64055, gid 109, mode 0660"; returns @buf. */
const char *node_access_format(const struct node_access *access, char *buf, size_t size);

/*
 * What that user lacks beside the node: memory that it may lock, and /dev/iommu.  False, and
 * @buf empty, where nothing is known to be lacking.
 */
bool grant_memory_note(const struct vm *vm, char *buf, size_t size);
bool grant_iommu_note(const struct snapshot *snap, const struct vm *vm, char *buf, size_t size);
