/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The generic netlink family "device-evidence" as it was posted for Linux, served for the
 * cards that are connected; only with the module parameter evidence=1, since Linux 7.2 has no
 * such family.  main.c starts and stops it.
 */

int evidence_start(void);
void evidence_stop(void);
