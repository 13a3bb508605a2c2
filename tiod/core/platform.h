/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Whose security manager a TSM is, and which of the kernels' ways to it a function has.
 *
 * Both are told by what is there and never by a version: kernels are patched and patches go
 * back.  For reports and sentences only; nothing is decided by them.
 */

#include "core/snapshot.h"

/*
 * "AMD SEV-TIO", "Intel TDX Connect", "Arm CCA", or "unknown platform (PARENT)", which is
 * written to @buf.
 */
const char *platform_name(const struct tsm *tsm, char *buf, size_t size);

/*
 * What tsm/ of a function is:
 *   "none"            there is no tsm/
 *   "upstream"        connect, disconnect, dsm, bound: Linux 6.19 and later
 *   "amd-sysfs"       AMD's development kernel with certs, meas, report, … as files
 *   "amd-status"      as that, but with the status files only
 *   "evidence"        upstream's files, and the netlink family "device-evidence"
 */
const char *platform_flavour(const struct snapshot *snap, const struct function *f);
