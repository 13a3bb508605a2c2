/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What QEMU is to be given for the devices of one VM: the iommufd object, one root
 * port a device, and the vfio-pci devices behind them.  Pure text from the model.
 */

#include <jansson.h>

#include "core/assignments.h"
#include "core/snapshot.h"
#include "core/vm.h"

/*
 * {"arguments": ["-object", "iommufd,id=iommufd0", "-device", …],
 *  "objects": [{"qom-type": "iommufd", …}], "devices": [{"driver": "pcie-root-port", …}, …],
 *  "notes": ["…"], "libvirt": "<hostdev …", "ready": true}.  Not ready: something of it is
 * absent, not brought up, or over a link that is not secure. Chassis, slot and address of a
 * root port follow from the assignment's port number, so they stay the same while other devices
 * come and go.  NULL when memory is short.
 */
json_t *qemu_arguments(const struct snapshot *snap, const struct assignments *all,
		       const struct vm *vm);

/*
 * The same for a QEMU that is handed the open files: "@FD0@" stands for the number that
 * /dev/iommu has there, "@FD1@" for that of the first function of the VM in @all, and so on.
 */
json_t *qemu_arguments_open(const struct snapshot *snap, const struct assignments *all,
			    const struct vm *vm);
