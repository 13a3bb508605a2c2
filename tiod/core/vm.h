/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What a VM's file (vms.d/NAME.conf) says, as plain values.  config.c reads
 * the file; plan and hand-off only see this.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/assignments.h"

#define VM_NODE_AUTO (-1)

struct vm {
	char name[VM_NAME_MAX];
	char user[64], group[64]; /* who it is given to; "" if the file names none */
	uid_t uid;                /* of @user */
	gid_t gid;                /* of @group */
	bool unknown_owner;       /* the host knows no such user or group: of no use */
	uint64_t memory;          /* bytes, 0 if not given */
	uint64_t hugepage_size;   /* bytes; 0: no hugepages */
	int numa_node;            /* or VM_NODE_AUTO: the device's */
	char qmp_socket[108];
	char guest_agent_socket[108];
	char firmware[256];
	uint64_t policy;
	bool policy_given;
	unsigned pins;              /* PIN_…, of core/power.h */
	bool pins_given;            /* else it is as the device's plugin says */
	struct vf_settings network; /* of every VF of a network card it is given */
	char file[256];             /* where it was read from, for messages */
};
