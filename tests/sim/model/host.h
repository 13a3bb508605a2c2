/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What the whole simulated host has once: what its kernel was built with, the two
 * locks that everybody meets, and how fast time goes.
 */

#include <jansson.h>
#include <stdbool.h>

#include "model/lock.h"

/* What every host says it has, whatever CPUs its nodes have. */
#define CPUS_ONLINE "0-1"

struct host {
	json_t *desc; /* owned */
	bool loading; /* no events, no waiting */
	double speed; /* 1 real time, 0 instantly */
	bool iommu;
	bool iommufd;
	bool vfio_cdev;
	bool vfio_group;
	bool vfio_container;  /* /dev/vfio/vfio */
	bool vf_tsm;          /* functions below a connected one get tsm/ too */
	bool amd_sysfs;       /* tsm/dsm_status and so on; connect again is a key refresh */
	bool rid_all;         /* a stream is for all requesters, as AMD's driver asks for */
	unsigned int streams; /* of each host bridge's pool */
	struct mutex rescan_remove;
	struct rwsem tsm_rwsem;
};

extern struct host host;

/* Takes @ms of the host's own time. */
int host_sleep(long long ms, enum sim_wait_mode mode);
