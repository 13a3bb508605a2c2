/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The root that processes of the simulation see: the machine's own files, with the
 * simulated /sys, /proc files, /dev and /run in place.  For init.c, inside.
 *
 * The root is a tmpfs into which each top folder of the machine is bound, so that any
 * mount point can be made without touching the machine.
 */

/* Builds the root and changes to it.  Ends the program with a sentence on failure. */
void mounts_build(void);

/* Mounts a tmpfs that calls itself @source on @where, which is made if it is not there. */
void mounts_add(const char *source, const char *where);
void mounts_add_all(void); /* those of the model */
