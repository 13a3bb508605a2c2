/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The TSM class, the tsm/ group of PCI functions, IDE streams and SR-IOV, each of
 * which looks at the others.
 */

#include "model/pci.h"

struct tsm {
	struct device device;
	json_t *desc; /* borrowed */
	struct pci_dev *parent;
	int id;
	bool live;
	struct tsm *next;
};

int tsm_load(json_t *list);
/* The next one of the description that is not there, or the named one. */
json_t *tsm_arrive(const json_t *command);
json_t *tsm_leave(const json_t *command);
void tsm_leave_parent(struct pci_dev *parent);
/* The module whose presence makes a TSM came or went. */
void tsm_module(const char *sysname, bool present);
struct tsm *tsm_find(const char *name);
/* Says that a TDI of the function is bound, as a VMM would have it. */
json_t *tsm_bound(const json_t *command);

/* Shows or hides tsm/ and authenticated as the rules say now. */
void tsm_visibility(struct pci_dev *dev);
/* A function was added or is about to go: pci_tsm_init(), pci_tsm_destroy(). */
void tsm_function_added(struct pci_dev *dev);
void tsm_function_going(struct pci_dev *dev);

/* The connected card that @dev is or belongs to, or NULL. */
struct pci_dev *tsm_dsm(const struct pci_dev *dev);

/* --- tsm-amd.c: of function 0, and of what can be a TDI --- */

extern const struct attribute tsm_amd_pf0_attrs[], tsm_amd_tdi_attrs[];

/* --- tsm-hang.c --- */

/* Waits as long as connects hang: 0, or -EINTR for one that may be killed and was. */
int tsm_hang_wait(void);
json_t *tsm_hang(const json_t *command);

/* --- ide.c --- */

struct pci_dev *ide_port(const struct pci_dev *dev);
/* Looks at the registers of a function that was found; forgets them when it loses power. */
void ide_found(struct pci_dev *dev);
void ide_power_lost(const char *name);
/* -EFAULT without a free block at both ends or in the pool, -EBUSY with its ID in use. */
int ide_alloc(struct pci_dev *dev, struct ide_stream *stream);
void ide_enable(struct pci_dev *dev, struct ide_stream *stream);
void ide_free(struct pci_dev *dev, struct ide_stream *stream);
/* Writes the status of one end or both. */
void ide_status(struct pci_dev *dev, uint32_t status, bool endpoint, bool port);
void ide_host_bridge(struct host_bridge *bridge);
/* Gives a host bridge another number of streams; those in use stay. */
json_t *ide_set_streams(const json_t *command);

/* --- sriov.c --- */

extern const struct attribute sriov_attrs[], sriov_vf_attrs[];
void sriov_init(struct pci_dev *dev);
/* Destroys the VFs; lock of the PF and rescan_remove held. */
void sriov_disable(struct pci_dev *pf);
void sriov_place(const struct pci_dev *pf, unsigned int index, unsigned int *bus,
		 unsigned int *devfn);

/* --- iommu.c --- */

void iommu_add(struct pci_dev *dev);
void iommu_remove(struct pci_dev *dev);
int iommu_number(const struct iommu_group *group);
