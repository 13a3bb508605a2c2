/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The devices of one VM as elements of a libvirt domain: <hostdev> with iommufd, which libvirt
 * knows from 12.1 on.  Never managed: libvirt would take the function from vfio-pci and reset
 * it.  Where it goes in the guest is left to libvirt.
 */

#include <jansson.h>

#include "core/assignments.h"

/* One text, "" for no devices; NULL when memory is short. */
json_t *libvirt_devices(const struct assignments *all, const char *vm);
