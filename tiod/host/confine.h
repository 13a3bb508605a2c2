/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Leaves a process nothing but its memory and the sockets that it has; of plugins' processes.
 *
 * It counts most where giving up user and rights is itself not allowed, as in tiod's unit.
 */

/* From now on all other system calls fail with EPERM.  0; -errno where there is no seccomp. */
int confine_to_sockets(void);
