/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Config space and names, by libpci, which only pci.c knows.
 *
 * Used in workers for functions that are new: their capabilities do not change, and each
 * read costs a slow cycle on the link.  libpci wants to end the process when a device
 * goes away under it; here it comes out as -ENODEV.
 */

#include "core/function.h"

struct tio_error;
struct pci_door;

/* @sys: path of the root folder.  Freed by pci_door_free(). */
int pci_door_new(const char *sys, struct pci_door **ret, struct tio_error *err);
void pci_door_free(struct pci_door *door);

/* Leaves names "": pci.ids is a megabyte. */
void pci_door_skip_names(struct pci_door *door);

/*
 * Fills what config space tells of @f: kind (unless it is a VF), config_complete, tee_io,
 * flr, ide, SR-IOV offset and stride, serial; and its name by pci.ids.  f->bdf, f->kind,
 * f->class and the ids are filled already.  Registers that may not be read leave
 * config_complete false; that is no failure.
 */
int pci_read_capabilities(struct pci_door *door, struct function *f, struct tio_error *err);
