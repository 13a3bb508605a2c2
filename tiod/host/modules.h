/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Loading kernel modules with libkmod, which only modules.c knows.
 *
 * Blocks as long as the module's start takes; install commands of modprobe.d are run.
 */

#include <stdbool.h>

struct tio_error;

/*
 * @name: a module's ("vfio-pci") or a modalias ("pci:v000010DE…"), which may name several.
 * There already, or built in, is a success.  modprobe.d's blacklist holds for aliases
 * only.  -ENOENT: there is none.
 */
int modules_load(int sys_fd, const char *name, struct tio_error *err);

/* Loaded and started, by its name; of one that is built in it says no. */
bool modules_is_present(int sys_fd, const char *name);
