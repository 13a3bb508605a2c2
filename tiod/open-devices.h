/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Opens /dev/iommu and the device nodes of a VM, for whoever runs its QEMU and may not open
 * them.  Runs in a worker, which sends the descriptors through its channel.
 */

#include "core/vm.h"
#include "host/host.h"
#include "worker.h"

/*
 * All that @all has for @vm, or nothing.  Descriptor 0 is /dev/iommu, the others follow the
 * order of @all; the text of @ret is the parameters of OpenDevices' reply.
 */
int open_devices(struct host *host, const struct snapshot *known, const struct assignments *all,
		 const struct vm *vm, struct channel *channel, struct result *ret);
