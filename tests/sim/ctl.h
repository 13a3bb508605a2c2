/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The control socket: one JSON object a line, {"do": VERB, …}, answered by one line.
 * Served on threads of its own, so that it works while requests hang.
 */

#define CTL_SOCKET "/run/tio-sim/ctl"

int ctl_listen(const char *path); /* the listening socket, or -errno */
int ctl_start(int listening_fd);
void ctl_stop(void);

/* `tio-sim ctl …` inside the simulation; returns the exit status. */
int ctl_main(int argc, char **argv);
