/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * `tio-sim run HOST.json -- CMD`: a host from its description, in namespaces of its own,
 * for as long as CMD runs.
 *
 * Two processes: the server, which knows the tree and answers for it, and the init of
 * the simulation (init.c), its child, in mount and PID namespaces below.  The server
 * keeps the mounts of the machine and never looks into the simulated ones: it would wait
 * for itself.
 */

#include <stdbool.h>

struct run_options {
	const char *host;
	const char *rules; /* folder of udev rules, or NULL */
	char **command;    /* NULL-terminated */
	bool udevd;
	bool keep_env;
	bool foreground; /* has the terminal: found out by run_main() */
};

int run_main(const struct run_options *options); /* the exit status */

/* Exit statuses as those of env(1) and its relatives. */
enum { EXIT_OWN_FAULT = 125, EXIT_CANNOT_RUN = 126, EXIT_NOT_FOUND = 127 };
