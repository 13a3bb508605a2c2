/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Namespaces of the simulation: user, mount, network, IPC and UTS for the server;
 * PID and mount again for the init below it.  A failure ends the program with a sentence
 * that says what to do about it.
 */

#include <sys/types.h>

void namespaces_enter(void);
pid_t namespaces_fork_init(void); /* as fork(2) */
