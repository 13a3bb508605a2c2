/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/reasons.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

struct reason {
	const char *attribute; /* NULL: any */
	int code;
	const char *cause;
	const char *fix;
};

#define DMESG      "look for the device's and the TSM's lines in `dmesg`"
#define TRY_AGAIN  "try again"
#define RESET_CARD DMESG ", then reset or reseat the card and try again"

/*
 * Sources: drivers/pci/tsm.c, drivers/pci/ide.c, drivers/crypto/ccp/sev-dev-tsm.c,
 * drivers/pci/iov.c, drivers/base/{bus,dd}.c and drivers/vfio/pci of Linux 7.2.
 */
/* clang-format off */
static const struct reason reasons[] = {
	{ "tsm/connect", EINVAL, "the TSM answered with a failure status",
	  RESET_CARD },
	{ "tsm/connect", EINTR, "the attempt was interrupted", TRY_AGAIN },
	{ "tsm/connect", EBUSY, "the card was connected meanwhile, its Stream ID is in use (left enabled by "
	  "firmware or an earlier kernel), its DOE mailbox is busy, or the PSP is dead",
	  DMESG "; a dead PSP (\"disabling PSP\") needs a reboot" },
	{ "tsm/connect", ENXIO, "the TSM is gone, or it found no CMA mailbox or no Device Security Manager",
	  "check `ls /sys/class/tsm`; " DMESG },
	{ "tsm/connect", EFAULT, "no IDE stream could be set up: no free selective block at the card or its "
	  "root port, no streams left, or CMA and secured sessions are in different DOE mailboxes",
	  "enable \"PCIE IDE Capability\" in the BIOS; " DMESG },
	{ "tsm/connect", ENODEV, "the root port could not be read, or the PSP is absent", RESET_CARD },
	{ "tsm/connect", ENOMEM, "the kernel found no memory for the PSP's buffers", "free memory and try again" },
	{ "tsm/connect", EIO, "a PSP command or a DOE exchange with the card failed", RESET_CARD },
	{ "tsm/connect", ETIMEDOUT, "the PSP did not answer in its 100 s; it stays disabled until a reboot",
	  "reboot the host" },
	{ "tsm/connect", EPERM, "the kernel is locked down or tiod lacks the right", "run tiod as root" },
	{ "tsm/disconnect", ENXIO, "the card is not connected", "nothing needs to be done" },
	{ "tsm/disconnect", EINVAL, "the card is connected to another TSM", "`tioctl status` shows which" },
	{ "tsm/disconnect", EIO, "a PSP command or a DOE exchange with the card failed", RESET_CARD },
	{ "tsm/disconnect", EINTR, "the attempt was interrupted", TRY_AGAIN },

	{ "sriov_numvfs", EINVAL, "the number is not one the kernel takes", "ask for fewer VFs" },
	{ "sriov_numvfs", ERANGE, "that is more than sriov_totalvfs", "ask for fewer VFs" },
	{ "sriov_numvfs", ENOENT, "no driver is bound to the PF, or it cannot do SR-IOV",
	  "bind the card's own driver to the PF" },
	{ "sriov_numvfs", EBUSY, "VFs are enabled already with another count", "set sriov_numvfs to 0 first" },
	{ "sriov_numvfs", ENOMEM, "no bus numbers or MMIO space are left for the VFs",
	  "boot with pci=realloc, or enable SR-IOV and \"Above 4G Decoding\" in the BIOS" },
	{ "sriov_numvfs", EIO, "the card's InitialVFs and TotalVFs disagree", "update the card's firmware" },
	{ "sriov_numvfs", EPERM, "a VF is assigned to a guest", "detach it first" },
	{ "sriov_numvfs", ENODEV, "the PF it depends on is missing", DMESG },
	{ "sriov_numvfs", ENOSYS, "the PF it depends on has no SR-IOV", DMESG },
	{ "sriov_drivers_autoprobe", EINVAL, "the kernel takes 0 or 1 only", "report this as a bug of tiod" },

	{ "d3cold_allowed", EINVAL, "the kernel takes 0 or 1 only", "report this as a bug of tiod" },
	{ "power/control", EINVAL, "the kernel takes \"on\" or \"auto\" only", "report this as a bug of tiod" },
	{ "reset_method", EINVAL, "the function can no longer be reset in one of these ways",
	  "look at its reset_method, or leave \"reset\" out of Pin= in the VM's file" },
	{ "reset_method", ENOMEM, "the kernel is out of memory", "free memory and try again" },

	{ "driver_override", EINVAL, "the driver's name is too long", "report this as a bug of tiod" },
	{ "driver_override", ENOMEM, "the kernel is out of memory", "free memory and try again" },
	{ "bind", ENODEV, "the driver does not take this function, or the function is gone",
	  "`dmesg` shows what the driver said" },
	{ "bind", EBUSY, "another driver took it meanwhile, or vfio-pci refuses a PF whose VFs are enabled",
	  "`tioctl show` shows the driver and the VFs" },
	{ "bind", EAGAIN, "the function is not ready to be probed yet", TRY_AGAIN },
	{ "bind", EINVAL, "the driver refuses this kind of function (vfio-pci: its denylist or header type)",
	  "`dmesg` shows what the driver said" },
	{ "bind", ENOMEM, "the driver found no memory", "free memory and try again" },
	{ "bind", EIO, "the driver could not start the card", RESET_CARD },
	{ "bind", ENOENT, "that driver is not loaded", "load its module with modprobe" },
	{ "unbind", ENODEV, "the function is not bound to that driver", "`tioctl show` shows the driver" },
	{ "unbind", EBUSY, "its driver does not let go of it",
	  "end what uses the device; `dmesg` shows what the driver said" },
	{ "drivers_probe", ENODEV, "the kernel does not know the function", "`tioctl list -a` shows what there is" },
	{ "drivers_probe", EINVAL, "no driver could be started on it", "`dmesg` shows what the driver said" },
	{ "drivers_probe", EAGAIN, "the function is not ready to be probed yet", TRY_AGAIN },

	{ "cdev", EACCES, "the node's rights do not allow it", "run tiod as root" },
	{ "cdev", ENODEV, "the device is not ready behind its node", TRY_AGAIN },
	{ "cdev", ENOENT, "the node was not made", "check that devtmpfs is on /dev" },
	{ "cdev", EBUSY, "somebody else holds the device", "`tioctl show` shows who" },
	{ "module", ENOENT, "there is no such module for this kernel", "install it, or boot a kernel that has it" },
	{ "module", EPERM, "modules may not be loaded (lockdown, or no CAP_SYS_MODULE)", "run tiod as root" },
	{ "module", ENOEXEC, "the module was built for another kernel", "run depmod -a, or reinstall the kernel" },
	{ "module", EINVAL, "the kernel refused the module", "`dmesg` shows why" },
	{ "module", ENOMEM, "the kernel is out of memory", "free memory and try again" },

	{ "cdev", EAGAIN, "the device could not be reset before it was opened", RESET_CARD },
	{ "cdev", EPERM, "interrupts cannot be isolated on this platform, or tiod lacks the right",
	  "enable interrupt remapping in the BIOS; run tiod as root" },
	{ "cdev", EINVAL, "the kernel's vfio refuses the way it was asked", "report this as a bug of tiod" },
	{ "cdev", ENOMEM, "the kernel is out of memory", "free memory and try again" },

	{ "sriov_vf_msix_count", EINVAL, "the number of vectors is not one the kernel takes", "ask for fewer" },
	{ "sriov_vf_msix_count", EOPNOTSUPP, "the PF's driver cannot change the vectors of a VF",
	  "leave the number out" },
	{ "sriov_vf_msix_count", EBUSY, "the VF has a driver, and its vectors are fixed until that lets go",
	  "unbind the VF first" },
	{ "reset_method", ENXIO, "the function has no reset by power management", "choose another method" },

	{ "tsm/meas_nonce", EINVAL, "the nonce is longer than the kernel takes",
	  "give at most 32 bytes" },
	{ "device-evidence", EOPNOTSUPP, "nobody provides evidence of PCI devices in this kernel",
	  "load the platform's TSM driver; check `ls /sys/class/tsm`" },
	{ "device-evidence", ENODEV, "the kernel holds no evidence of this function",
	  "connect the card with `tioctl connect`, or ask for function 0 of it" },
	{ "device-evidence", EINVAL, "the kernel's family takes other requests than the one tiod knows",
	  "update tiod" },
	{ "device-evidence", ENXIO, "the TSM is gone", "check `ls /sys/class/tsm`; " DMESG },
	{ "device-evidence", EPERM, "the kernel gives evidence to CAP_NET_ADMIN only",
	  "run tiod as root, or add CAP_NET_ADMIN to its unit" },
	{ "device-evidence", EIO, "the TSM or the card failed while making it", RESET_CARD },
	{ "device-evidence", EAGAIN, "somebody else has it made anew all the time", TRY_AGAIN },
	{ "device-evidence", ENOMEM, "memory is short", "free memory and try again" },

	{ NULL, ENOSPC, "the disk is full", "make room and try again" },
	{ NULL, EROFS, "the file system is read-only", "mount it writable" },
	{ NULL, EDQUOT, "the quota is used up", "make room and try again" },
};
/* clang-format on */

static const struct reason *find(const char *attribute, int code)
{
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		const struct reason *r = &reasons[i];

		if (r->code == -code && (!r->attribute || strcmp(r->attribute, attribute) == 0))
			return r;
	}
	return NULL;
}

const char *reasons_cause(const char *attribute, int code)
{
	const struct reason *reason = find(attribute, code);

	return reason ? reason->cause : NULL;
}

void reasons_explain(struct tio_error *err)
{
	const struct reason *reason = find(err->attribute, err->code);
	char buf[24], said[32];
	const char *name = errno_name(err->code, buf);

	if (!err->attribute[0] && !reason)
		return;
	snprintf(said, sizeof(said), " (%s): ", name);
	if (strstr(err->text, said))
		return;
	text_append(err->text, sizeof(err->text), " (%s)", name);
	if (!reason && !err->fix[0])
		error_fix(err, DMESG);
	if (!reason)
		return;
	text_append(err->text, sizeof(err->text), ": %s", reason->cause);
	if (!err->fix[0])
		error_fix(err, "%s", reason->fix);
}
