/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * The driver core for PCI: drivers, matching, bind and unbind, and the class
 * devices that a bound driver makes (nvme, net, sound, drm, vfio).
 */

#include <jansson.h>
#include <stdbool.h>

#include "model/pci.h"

/* A child that a driver made for its device. */
struct kid {
	struct device device;
	struct pci_dev *owner;
	struct pool *pools[2]; /* whence its numbers are */
	int numbers[2];
	json_t *desc;                  /* borrowed from the function's description, or NULL */
	void (*gone)(struct kid *kid); /* frees what is beside; may be NULL */
	void *data;
	struct kid *next;
};

/* Makes a kid of @dev below @parent; the newest is removed first. */
struct kid *kid_new(struct pci_dev *dev, const struct device_type *type);
/* Takes a lowest free number of @pool, at least @first, which goes back with the kid. */
int kid_number(struct kid *kid, struct pool *pool, int first);

/* What a driver does with its devices; one row a kind, named in the JSON by "kind". */
struct driver_kind {
	const char *name;
	int (*probe)(struct pci_dev *dev); /* 0 or a negative errno, as the driver's */
	/* Ends the use; may wait, uninterruptibly. */
	void (*remove)(struct pci_dev *dev);
};

extern const struct driver_kind nvme_kind, net_kind, sound_kind, drm_kind, vfio_kind;

struct dynamic_id;
struct module;

struct pci_driver {
	const char *name;
	json_t *desc;          /* borrowed */
	struct module *module; /* borrowed, NULL when built in */
	const struct driver_kind *kind;
	bool registered;
	struct node *dir;
	struct dynamic_id *ids; /* owned */
	int probe_error;        /* asked for by a test */
	struct pci_driver *next;
};

int driver_check(const char *name, const json_t *desc);
struct pci_driver *driver_new(const char *name, json_t *desc, struct module *module);
struct pci_driver *driver_find(const char *name);
struct pci_driver *driver_first(void);
/* Registers: the directory appears and driverless devices are probed. */
void driver_register(struct pci_driver *driver);
/* Unbinds all its devices first. */
void driver_unregister(struct pci_driver *driver);

/* Finds and probes a driver.  1 bound, 0 none would have it, -EPROBE_DEFER not ready. */
int driver_attach(struct pci_dev *dev);
/* Unbinds with the device's lock held. */
void driver_release(struct pci_dev *dev);
/* As pci-stub, vfio-pci and pcieport do. */
bool driver_leaves_dma(const struct pci_driver *driver);
bool driver_matches(const struct pci_driver *driver, const struct pci_dev *dev);
void driver_modalias(const struct pci_dev *dev, char *buf, size_t size);

/* The kernel's own number, which never reaches user space. */
#define SIM_EPROBE_DEFER 517

/* --- ids.c --- */

/* By the driver's own table, or by an ID that was given to it. */
bool ids_match(const struct pci_driver *driver, const struct pci_dev *dev);
/* What is written to new_id and remove_id: 0, -EINVAL, -EEXIST, -ENODEV. */
int ids_add(struct pci_driver *driver, const char *buf);
int ids_remove(struct pci_driver *driver, const char *buf);

/* --- module.c --- */

struct module {
	const char *name; /* as the file is named */
	char sysname[64]; /* with underscores */
	json_t *desc;     /* borrowed */
	bool live;
	struct node *dir;
	struct node *holders;
	struct module *next;
};

int modules_load(json_t *modules);
struct module *module_find(const char *name);

/* --- vfio.c --- */

void vfio_iommufd(bool present);
void vfio_container(bool present);
/* How many files are open of @dev's node. */
int vfio_users(const struct pci_dev *dev);
void vfio_hold(struct pci_dev *dev, int change);
