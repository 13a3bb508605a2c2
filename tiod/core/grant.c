/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/grant.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define USER_RW  0600
#define GROUP_RW 0060
#define OTHER_RW 0006

bool grant_wanted(const struct vm *vm)
{
	return (vm->user[0] && vm->uid != 0) || vm->group[0];
}

struct node_access grant_access(const struct vm *vm, const struct node_access *before)
{
	struct node_access access = *before;

	if (vm->user[0] && vm->uid != 0) {
		access.uid = vm->uid;
		access.mode |= USER_RW;
	}
	if (vm->group[0]) {
		access.gid = vm->gid;
		access.mode |= GROUP_RW;
	}
	return access;
}

bool node_access_equal(const struct node_access *a, const struct node_access *b)
{
	return a->known == b->known && a->uid == b->uid && a->gid == b->gid &&
	       a->mode == b->mode;
}

const char *node_access_format(const struct node_access *access, char *buf, size_t size)
{
	snprintf(buf, size, "uid %u, gid %u, mode %04o", access->uid, access->gid,
		 access->mode);
	return buf;
}

/*
 * iommufd pins all of the guest's memory and counts it against RLIMIT_MEMLOCK of the user,
 * not of the process (incr_user_locked_vm() of drivers/iommu/iommufd/pages.c).
 */
bool grant_memory_note(const struct vm *vm, char *buf, size_t size)
{
	char memory[32];

	buf[0] = '\0';
	if (!vm->user[0] || vm->uid == 0 || !vm->memory)
		return false;
	snprintf(
		buf, size,
		"the user %s must be allowed to lock %s of memory (RLIMIT_MEMLOCK, added up over "
		"its VMs): LimitMEMLOCK=%llu for QEMU's unit, or CAP_IPC_LOCK",
		vm->user, text_from_bytes(vm->memory, memory, sizeof(memory)),
		(unsigned long long)vm->memory);
	return true;
}

static bool may_open(const struct node_access *node, const struct vm *vm)
{
	if ((node->mode & OTHER_RW) == OTHER_RW)
		return true;
	if (vm->user[0] && node->uid == vm->uid && (node->mode & USER_RW) == USER_RW)
		return true;
	return vm->group[0] && node->gid == vm->gid && (node->mode & GROUP_RW) == GROUP_RW;
}

bool grant_iommu_note(const struct snapshot *snap, const struct vm *vm, char *buf, size_t size)
{
	const struct node_access *node = &snap->iommu_node;
	char access[64];

	buf[0] = '\0';
	if (!grant_wanted(vm) || !node->known || may_open(node, vm))
		return false;
	snprintf(buf, size,
		 "/dev/iommu is %s, which the %s %s may be unable to open: `tioctl run %s -- "
		 "qemu-system-x86_64 …` hands it over open, or a udev rule gives it a group",
		 node_access_format(node, access, sizeof(access)),
		 vm->user[0] ? "user" : "group", vm->user[0] ? vm->user : vm->group, vm->name);
	return true;
}
