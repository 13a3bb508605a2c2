/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * PCI functions and host bridges: what the model knows of each, and how they come
 * and go.  A function is made from its JSON object and keeps it, so that a rescan can
 * make it anew; a removed one stays allocated, since a request that waits may still
 * look at it, with @gone set.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/desc.h"
#include "model/device.h"
#include "model/lock.h"

struct pci_driver;
struct iommu_group;
struct tsm;
struct kid;

#define AER_IDE_COUNT   3 /* IDECheck, MisIDETLP, PCRC_CHECK */
#define PCI_CONFIG_SIZE 4096
#define PCI_BARS        6
#define PCI_NUM_WINDOWS 3 /* io, mem, pref */

/* The port type field of the PCIe capability. */
enum pci_type {
	PCI_ENDPOINT = 0,
	PCI_ROOT_PORT = 4,
	PCI_UPSTREAM = 5,
	PCI_DOWNSTREAM = 6,
	PCI_RC_END = 9,
	PCI_CONVENTIONAL = 16, /* no PCIe capability */
};

struct pci_range {
	uint64_t base, size; /* size 0: none */
	bool pref;
};

struct host_bridge {
	unsigned int domain, bus;
	struct device device;
	json_t *desc;             /* borrowed from host.desc */
	struct pci_dev *children; /* by sibling */
	struct pool streams;
	int streams_size;
	bool claimed[256]; /* Stream IDs that were in use when a function was found */
	struct host_bridge *next;
};

struct sriov {
	bool capable, autoprobe, busy;
	unsigned int total, numvfs, offset, stride;
	uint16_t vf_device;
	struct pci_range vf_bar; /* of all VFs together */
	struct pci_dev **vfs;    /* @numvfs of them, owned */
};

struct ide_stream {
	bool live;
	int pool_index; /* H, and the Stream ID */
	int port_block, block;
	struct pci_dev *port;
	struct node *link;
};

struct pci_tsm {
	struct tsm *tsm; /* connected to it, else NULL */
	struct ide_stream stream;
	bool bound;             /* a TDI of this function is bound */
	bool insecure;          /* its streams never get secure */
	bool group_shown;       /* tsm/ is there */
	unsigned int refreshed; /* how often its keys were */
	uint8_t nonce[32];
	bool managed; /* shown as a function below a connected one */
};

struct pci_dev {
	struct device device;
	unsigned int domain, bus, devfn;
	json_t *desc; /* owned reference; of the PF for a VF */
	struct host_bridge *bridge;
	struct pci_dev *parent, *children, *sibling;
	struct pci_dev *next, *chained; /* of all, and of a hash bucket */

	uint16_t vendor, id, subvendor, subid;
	uint32_t class;
	uint8_t revision;
	enum pci_type type;
	int node;
	unsigned int secondary; /* bus below a bridge, 0 for others */
	bool tee, flr;
	struct pci_range bars[PCI_BARS];
	struct pci_range windows[PCI_NUM_WINDOWS];

	uint8_t *config; /* owned */
	unsigned int pcie, sriov_cap, ide_cap, last_ext;

	bool ready;        /* device_add() is over */
	bool dead;         /* about to go: no driver gets it any more */
	bool gone;         /* removed from the tree */
	bool disconnected; /* pulled out: reads all ones */
	struct mutex lock; /* device_lock */

	struct pci_driver *driver;
	unsigned long bound; /* counts the binds of the host: the last is undone first */
	struct node *driver_links[2]; /* driver here, and this one there */
	char *override;               /* owned, NULL when unset */
	struct kid *kids;             /* made by the driver, newest first */
	void *driver_data;
	int enabled;
	bool power_on, d3cold, msi;
	char reset_method[64];

	struct iommu_group *group;
	struct sriov sriov;
	struct pci_dev *physfn;
	unsigned int vf_index;
	struct pci_tsm tsm;
	uint32_t ide_used; /* Selective blocks of its that have a stream, a bit each */
	unsigned int ide_errors[AER_IDE_COUNT]; /* AER's counters */
	unsigned int heard;                     /* of a root port: all that it was told of */
};

extern const struct device_type pci_type;

static inline bool pci_is_bridge(const struct pci_dev *dev)
{
	return dev->secondary != 0;
}

/* --- Finding --- */

struct pci_dev *pci_find(const char *name);
struct pci_dev *pci_first(void);
struct host_bridge *host_bridge_first(void);
/* The port of the root complex above @dev, or NULL. */
struct pci_dev *pci_root_port(const struct pci_dev *dev);
/* Function 0 of the slot that @dev is in, the PF's for a VF; may be @dev itself, or NULL. */
struct pci_dev *pci_function0(const struct pci_dev *dev);
/* "0000:e1:00.0"; all of it, else -EINVAL. */
int pci_parse(const char *text, unsigned int *domain, unsigned int *bus, unsigned int *devfn);

/* --- pci.c: making and unmaking --- */

/* Checks @desc and what hangs below it, so that making it can't fail. */
int pci_check(const json_t *desc, const char *where);
/*
 * Makes the function and its children below a bridge or, with @parent NULL, below the
 * host bridge; sends "add" for each.  Drivers are probed by pci_probe_new().
 */
struct pci_dev *pci_add(struct host_bridge *bridge, struct pci_dev *parent, json_t *desc);
struct pci_dev *pci_add_vf(struct pci_dev *pf, unsigned int index);
/* Ends the adding of @dev and all below it: matching drivers get them. */
void pci_probe_new(struct pci_dev *dev);
/* Stops and removes @dev and all below it; may wait for users.  Lock rescan_remove held. */
void pci_remove(struct pci_dev *dev);

/* --- bus.c --- */

int bus_load(const json_t *desc);
int host_bridge_check(const json_t *desc);
struct host_bridge *host_bridge_add(json_t *desc);
/* Adds what the descriptions have and the tree lacks. */
void bus_rescan(void);
void slots_add(struct pci_dev *port);
void slots_remove(struct pci_dev *port);
json_t *bus_plug(const json_t *command);
json_t *bus_unplug(const json_t *command, bool surprise);

/* --- attrs.c, aer.c --- */

/* Where the function has AER: "aer" of its description, true unless it says otherwise. */
void aer_attributes(struct pci_dev *dev, struct node *dir);

/* @n more of the error @name.  -ENOENT: it is none of IDE's. */
int aer_count(struct pci_dev *dev, const char *name, unsigned int n);

void pci_attributes(struct pci_dev *dev);
void pci_reset(struct pci_dev *dev);

/* --- config.c: the image of the configuration space --- */

void config_build(struct pci_dev *dev);
void config_windows(struct pci_dev *bridge);
uint32_t config_get(const struct pci_dev *dev, unsigned int at);
void config_set(struct pci_dev *dev, unsigned int at, uint32_t value);
/* Gives @size bytes at @ret of the range for the BAR @bar of @name: the same each time. */
void bar_place(const char *name, int bar, struct pci_range *ret);
