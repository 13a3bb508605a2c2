/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The character devices of functions, and /dev/iommu: whose they are, and opening them for
 * somebody else.  A node is never trusted by its name: it is taken by a descriptor, without
 * following links, and has to carry the device number that the kernel shows for the function.
 */

#include "core/snapshot.h"
#include "host/host.h"

/* Fills f->node; not known where there is none, or another one in its place. */
void devnode_read(const struct host *host, struct function *f);

/* Fills iommu_node. */
void devnode_read_iommu(const struct host *host, struct snapshot *snap);

/* As host_ops.set_node(). */
int devnode_set(const struct host *host, const struct function *f,
		const struct node_access *access, struct tio_error *err);

/* Descriptors, open for reading and writing, or -errno with a sentence. */
int devnode_open(const struct host *host, const struct function *f, struct tio_error *err);
int devnode_open_iommu(const struct host *host, struct tio_error *err);
