/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Module loads of the simulation: caught on their way to the kernel (seccomp user
 * notification) and answered by the model.  The kernel itself never sees them.
 */

int trap_install(void);       /* inside: for all processes to come; the listener, or -errno */
int trap_start(int listener); /* server: answers on it, which is taken */
void trap_stop(void);
