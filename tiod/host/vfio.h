/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * VFIO character devices, and what the host has for them: IOMMU groups, iommufd and the
 * vfio-pci driver.
 */

#include "core/snapshot.h"
#include "host/host.h"

/* Fills cdev and cdev_node from @dir, @f's folder. */
void vfio_read_cdev(int dir, struct function *f);

/* Fills iommu, iommufd and vfio_pci. */
void vfio_read_host(const struct host *host, struct snapshot *snap);

/* As host_ops says; -EACCES and -EPERM at once. */
int vfio_wait_cdev(struct host *host, struct function *f, unsigned int timeout_ms,
		   struct tio_error *err);
