/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The kernel of the simulated host: what its PCI, driver, SR-IOV, TSM, IDE,
 * VFIO, IOMMU, hugepage and module code would do, on the tree of tree.h.
 *
 * main.c loads a host once and then only passes on what comes from outside:
 * files through fuse.c, module loads through modules.c, commands through ctl.c.
 */

#include <jansson.h>
#include <stddef.h>

/*
 * Builds the host that @desc describes (see HOSTS.md) into the tree.  Returns 0, or
 * -EINVAL with a sentence in @why that names the offending key.  Uevents are not sent
 * for what is there from the start.
 */
int model_load(const json_t *desc, char *why, size_t size);

/*
 * The end: waits for what the model still does on its own (pciehp's work after a device
 * was pulled out), once all waiting has been ended.  Lock not held.
 */
void model_finish(void);

/*
 * A module named by its file ("vfio-pci") is inserted or removed, with its parameters.
 * Drivers register, devices without one are probed.  0 or what the kernel would say:
 * ENOENT (not of this host), EEXIST (already there), EBUSY (in use).  Lock held.
 */
int model_module_insert(const char *name, const char *params);
int model_module_remove(const char *name);

/*
 * The modules that this host could load, for /lib/modules: calls @fn with the name,
 * the names it depends on (comma-separated, "" if none) and its aliases
 * (NULL-terminated).
 */
void model_modules_each(void (*fn)(void *arg, const char *name, const char *depends,
				   const char *const *aliases),
			void *arg);

/* The mounts and swaps that the host has: calls @fn with "/dev/nvme0n1p2", "/data", "ext4". */
void model_mounts_each(void (*fn)(void *arg, const char *source, const char *where,
				  const char *type),
		       void *arg);

/*
 * A command of `tio-sim ctl` that is about the model: {"do": "plug", …}.  Returns a new
 * reference: {"ok": true, …} or {"ok": false, "error": "sentence"}; NULL when @command is
 * not one of the model's.  Lock held.
 */
json_t *model_ctl(const json_t *command);
