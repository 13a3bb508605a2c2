/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The modules of the host as files, so that the machine's own modprobe and libkmod
 * find them: /lib/modules/RELEASE with an index made by depmod.
 */

#include <stddef.h>

void modules_describe(void); /* inside; nothing if the host has no modules */

/* The name of the file of a module: "vfio_pci" is "vfio-pci"; otherwise @name itself. */
void modules_file_name(const char *name, char *buf, size_t size);
