/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * What /proc and the kernel say about a process that asked for something.
 */

#include <stdbool.h>
#include <sys/types.h>

bool process_is_dying(pid_t pid); /* a fatal signal is pending, or it is gone */
bool process_is_gone(pid_t pid);  /* dead, reaped or not */
pid_t process_parent(pid_t pid);  /* 0: unknown, or outside of the simulation */
bool process_is_admin(pid_t pid); /* has CAP_SYS_ADMIN in our user namespace */
bool process_has_cap(pid_t pid, unsigned int cap); /* of the first 32 */
