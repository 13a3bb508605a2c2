/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/config.h"
#include "model/driver.h"
#include "model/host.h"
#include "model/tsm.h"

#define BUCKETS 4096u

static struct pci_dev *all, **all_end = &all, *graveyard;
static struct pci_dev *buckets[BUCKETS];

/* --- Finding --- */

int pci_parse(const char *text, unsigned int *domain, unsigned int *bus, unsigned int *devfn)
{
	unsigned int device, function;
	int used = 0;

	if (sscanf(text, "%4x:%2x:%2x.%1x%n", domain, bus, &device, &function, &used) != 4)
		return -EINVAL;
	if (device > 31 || function > 7 || (text[used] != '\0' && text[used] != '\n'))
		return -EINVAL;
	*devfn = device << 3 | function;
	return 0;
}

static struct pci_dev **bucket(unsigned int domain, unsigned int bus, unsigned int devfn)
{
	return &buckets[(domain * 31 + (bus << 8 | devfn) * 7) % BUCKETS];
}

static struct pci_dev *find_at(unsigned int domain, unsigned int bus, unsigned int devfn)
{
	struct pci_dev *dev = *bucket(domain, bus, devfn);

	while (dev && (dev->domain != domain || dev->bus != bus || dev->devfn != devfn))
		dev = dev->chained;
	return dev;
}

/* Like bus_find_device_by_name(): the exact name, a newline at its end aside. */
struct pci_dev *pci_find(const char *name)
{
	unsigned int domain, bus, devfn;
	struct pci_dev *dev;

	if (!name || pci_parse(name, &domain, &bus, &devfn) < 0)
		return NULL;
	dev = find_at(domain, bus, devfn);
	if (!dev || strncmp(dev->device.name, name, strlen(dev->device.name)) != 0)
		return NULL;
	return dev;
}

struct pci_dev *pci_first(void)
{
	return all;
}

struct pci_dev *pci_root_port(const struct pci_dev *dev)
{
	struct pci_dev *port = dev->parent;

	while (port && port->type != PCI_ROOT_PORT)
		port = port->parent;
	return port;
}

struct pci_dev *pci_function0(const struct pci_dev *dev)
{
	const struct pci_dev *pf = dev->physfn ? dev->physfn : dev;

	return find_at(pf->domain, pf->bus, pf->devfn & ~7u);
}

static void enlist(struct pci_dev *dev)
{
	struct pci_dev **at = bucket(dev->domain, dev->bus, dev->devfn);
	struct pci_dev **sibling = dev->parent ? &dev->parent->children
					       : &dev->bridge->children;

	dev->chained = *at;
	*at = dev;
	*all_end = dev;
	all_end = &dev->next;
	while (*sibling)
		sibling = &(*sibling)->sibling;
	*sibling = dev;
}

static void delist(struct pci_dev *dev)
{
	struct pci_dev **at = bucket(dev->domain, dev->bus, dev->devfn);

	while (*at != dev)
		at = &(*at)->chained;
	*at = dev->chained;

	at = dev->parent ? &dev->parent->children : &dev->bridge->children;
	while (*at != dev)
		at = &(*at)->sibling;
	*at = dev->sibling;

	for (at = &all; *at != dev; at = &(*at)->next)
		;
	*at = dev->next;
	if (!*at)
		all_end = at;
	dev->next = graveyard;
	graveyard = dev;
}

/* --- What its events carry --- */

static void pci_uevent(const struct device *device, struct env *env)
{
	const struct pci_dev *dev = (const struct pci_dev *)device;
	char modalias[80];

	if (dev->driver)
		env_add(env, "DRIVER=%s", dev->driver->name);
	env_add(env, "PCI_CLASS=%04X", dev->class);
	env_add(env, "PCI_ID=%04X:%04X", dev->vendor, dev->id);
	env_add(env, "PCI_SUBSYS_ID=%04X:%04X", dev->subvendor, dev->subid);
	env_add(env, "PCI_SLOT_NAME=%s", dev->device.name);
	driver_modalias(dev, modalias, sizeof(modalias));
	env_add(env, "MODALIAS=%s", modalias);
}

const struct device_type pci_type = { .subsystem = "pci", .bus = true, .uevent = pci_uevent };

/* --- The description of a function --- */

/* clang-format off */
static const struct desc_key function_keys[] = {
	{ "address", 's', true }, { "type", 's' }, { "vendor", 'n' }, { "device", 'n' },
	{ "subvendor", 'n' }, { "subdevice", 'n' }, { "class", 'n', true }, { "revision", 'n' },
	{ "driver", 'S' }, { "group", 'n' }, { "node", 'n' }, { "tdisp", 'b' }, { "tee", 'b' }, { "aer", 'b' }, { "acs", 'n' },
	{ "flr", 'b' }, { "ide", 'o' }, { "doe", 'a' }, { "sriov", 'o' }, { "bars", 'o' },
	{ "children", 'a' }, { "slot", 'n' }, { "port_number", 'n' }, { "serial", 's' },
	{ "speed", 'n' }, { "width", 'n' }, { "label", 's' }, { "nvme", 'o' }, { "net", 'o' },
	{ "insecure", 'b' }, { "reset", 's' }, { "iommu", 's' }, { "bus", 'n' }, { "irq", 'n' },
	{ "no_iommu", 'b' }, { "ready_ms", 'n' }, { "settle_ms", 'n' }, { "multifunction", 'b' },
	{ "about", 's' },
	{ NULL },
};

static const struct desc_key ide_keys[] = {
	{ "streams", 'n' }, { "assoc", 'n' }, { "firmware_stream", 'b' }, { NULL },
};

static const struct desc_key sriov_keys[] = {
	{ "total", 'n', true }, { "offset", 'n' }, { "stride", 'n' }, { "vf_device", 'n', true },
	{ "vf_bar", 's' }, { "max", 'n' }, { "error", 's' }, { "enable_ms", 'n' },
	{ "per_vf_ms", 'n' }, { "disable_ms", 'n' }, { "vf_ready_ms", 'n' }, { NULL },
};

static const struct {
	const char *name;
	enum pci_type type;
} types[] = {
	{ "endpoint", PCI_ENDPOINT }, { "root-port", PCI_ROOT_PORT },
	{ "upstream", PCI_UPSTREAM }, { "downstream", PCI_DOWNSTREAM },
	{ "rc-end", PCI_RC_END }, { "conventional", PCI_CONVENTIONAL },
};
/* clang-format on */

static int find_type(const json_t *desc)
{
	const char *name = desc_text(desc, "type", "endpoint");

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, name) == 0)
			return (int)types[i].type;
	return -EINVAL;
}

static bool is_bridge_desc(const json_t *desc)
{
	int type = find_type(desc);

	return type == PCI_ROOT_PORT || type == PCI_UPSTREAM || type == PCI_DOWNSTREAM;
}

static int check_ranges(const json_t *desc, const char *name)
{
	const json_t *ide = json_object_get(desc, "ide");
	const json_t *sriov = json_object_get(desc, "sriov");
	const char *key;
	json_t *value;

	if (ide && desc_check(ide, name, ide_keys) < 0)
		return -EINVAL;
	if (desc_int(ide, "streams", 1) < 1 || desc_int(ide, "streams", 1) > 16 ||
	    desc_int(ide, "assoc", 3) < 0 || desc_int(ide, "assoc", 3) > 15)
		return desc_fail("%s: ide has 1..16 streams of 0..15 assoc", name);
	if (sriov && desc_check(sriov, name, sriov_keys) < 0)
		return -EINVAL;
	if (desc_has(sriov, "error") && !desc_errno(desc_text(sriov, "error", NULL)))
		return desc_fail("%s: sriov \"error\" is no errno that is known", name);
	json_object_foreach(json_object_get(desc, "bars"), key, value) if (
		strlen(key) != 1 || key[0] < '0' || key[0] > '5' || !json_is_string(value) ||
		!desc_size(json_string_value(
			value))) return desc_fail("%s: bars are \"0\" to \"5\" with sizes like \"16M\"",
						  name);
	return 0;
}

static int check_children(const json_t *desc, const char *name)
{
	const json_t *children = json_object_get(desc, "children"), *child;
	size_t i;

	if (is_bridge_desc(desc) && !desc_has(desc, "bus") && json_array_size(children) == 0)
		return desc_fail("%s: a port without children needs \"bus\"", name);
	if (children && !is_bridge_desc(desc))
		return desc_fail("%s: only a port has \"children\"", name);
	json_array_foreach(children, i, child) if (pci_check(child, name) < 0) return -EINVAL;
	return 0;
}

int pci_check(const json_t *desc, const char *where)
{
	const char *name = desc_text(desc, "address", where);
	unsigned int domain, bus, devfn;

	if (desc_check(desc, name, function_keys) < 0)
		return -EINVAL;
	if (strlen(name) != 12 || pci_parse(name, &domain, &bus, &devfn) < 0)
		return desc_fail("%s: \"address\" must be like \"0000:e1:00.0\", not \"%s\"",
				 where, name);
	if (find_type(desc) < 0)
		return desc_fail("%s: unknown type \"%s\"", name, desc_text(desc, "type", ""));
	if (check_ranges(desc, name) < 0)
		return -EINVAL;
	return check_children(desc, name);
}

/* --- Making --- */

static void read_ids(struct pci_dev *dev)
{
	const json_t *desc = dev->desc;

	dev->vendor = (uint16_t)desc_int(desc, "vendor", 0x1022);
	dev->id = (uint16_t)desc_int(desc, "device", 0x1483);
	dev->subvendor = (uint16_t)desc_int(desc, "subvendor", dev->vendor);
	dev->subid = (uint16_t)desc_int(desc, "subdevice", 0);
	dev->class = (uint32_t)desc_int(desc, "class", 0);
	dev->revision = (uint8_t)desc_int(desc, "revision", 0);
}

static unsigned int secondary_bus(const json_t *desc)
{
	const json_t *child = json_array_get(json_object_get(desc, "children"), 0);
	unsigned int domain, bus = 0, devfn;

	if (!is_bridge_desc(desc))
		return 0;
	if (child)
		pci_parse(desc_text(child, "address", ""), &domain, &bus, &devfn);
	return (unsigned int)desc_int(desc, "bus", bus);
}

static void place_bars(struct pci_dev *dev)
{
	json_t *value;
	const char *key;

	json_object_foreach(json_object_get(dev->desc, "bars"), key, value)
	{
		int bar = key[0] - '0';

		dev->bars[bar].size = desc_size(json_string_value(value));
		bar_place(dev->device.name, bar, &dev->bars[bar]);
	}
}

static struct pci_dev *pci_new(struct host_bridge *bridge, struct pci_dev *parent, json_t *desc)
{
	struct pci_dev *dev = calloc(1, sizeof(*dev));

	dev->desc = json_incref(desc);
	dev->bridge = bridge;
	dev->parent = parent;
	dev->type = (enum pci_type)find_type(desc);
	read_ids(dev);
	dev->node = (int)desc_int(desc, "node", desc_int(bridge->desc, "node", -1));
	dev->flr = dev->type == PCI_ENDPOINT && desc_bool(desc, "flr", true);
	dev->power_on = true;
	dev->d3cold = true;
	dev->msi = true;
	dev->device.type = &pci_type;
	return dev;
}

/* The part of pci_device_add() that a PF and a VF share. */
static void pci_appear(struct pci_dev *dev)
{
	struct node *parent = dev->parent ? dev->parent->device.dir : dev->bridge->device.dir;

	config_build(dev);
	ide_found(dev);
	enlist(dev);
	device_add(&dev->device, parent, false);
	iommu_add(dev);
	pci_attributes(dev);
	tsm_function_added(dev);
	device_event(&dev->device, "add");
}

struct pci_dev *pci_add(struct host_bridge *bridge, struct pci_dev *parent, json_t *desc)
{
	struct pci_dev *dev = pci_new(bridge, parent, desc);
	json_t *child;
	size_t i;

	snprintf(dev->device.name, sizeof(dev->device.name), "%s",
		 desc_text(desc, "address", ""));
	pci_parse(dev->device.name, &dev->domain, &dev->bus, &dev->devfn);
	dev->secondary = secondary_bus(desc);
	dev->tee = desc_bool(desc, "tee", desc_bool(desc, "tdisp", false));
	dev->tsm.insecure = desc_bool(desc, "insecure", false);
	place_bars(dev);
	sriov_init(dev);
	pci_appear(dev);
	config_windows(pci_is_bridge(dev) ? dev : parent);
	slots_add(dev);
	json_array_foreach(json_object_get(desc, "children"), i, child)
		pci_add(bridge, dev, child);
	return dev;
}

struct pci_dev *pci_add_vf(struct pci_dev *pf, unsigned int index)
{
	struct pci_dev *vf = pci_new(pf->bridge, pf->parent, pf->desc);

	vf->physfn = pf;
	vf->d3cold = false; /* it has no power management of its own */
	vf->vf_index = index;
	vf->domain = pf->domain;
	vf->id = pf->sriov.vf_device;
	vf->node = pf->node;
	vf->flr = true;
	vf->tee = pf->tee;
	sriov_place(pf, index, &vf->bus, &vf->devfn);
	snprintf(vf->device.name, sizeof(vf->device.name), "%04x:%02x:%02x.%x", vf->domain,
		 vf->bus, vf->devfn >> 3, vf->devfn & 7);
	if (pf->sriov.vf_bar.size) {
		vf->bars[0] = pf->sriov.vf_bar;
		vf->bars[0].size /= pf->sriov.total;
		vf->bars[0].base += index * vf->bars[0].size;
	}
	pci_appear(vf);
	return vf;
}

/* Until here a bind or a probe is told to come again: see kernel-abi, "not ready". */
static void wait_ready(struct pci_dev *dev)
{
	const json_t *sriov = json_object_get(dev->desc, "sriov");
	long long ms = dev->physfn ? desc_int(sriov, "vf_ready_ms", 0)
				   : desc_int(dev->desc, "ready_ms", 0);

	host_sleep(ms, SIM_UNINTERRUPTIBLE);
	dev->ready = true;
}

static void probe_described(struct pci_dev *dev)
{
	const json_t *wanted = json_object_get(dev->desc, "driver");

	if (host.loading && wanted && !dev->physfn &&
	    (json_is_null(wanted) || !json_string_value(wanted)[0]))
		return;
	mutex_take(&dev->lock, SIM_UNINTERRUPTIBLE);
	if (!dev->gone)
		driver_attach(dev);
	mutex_drop(&dev->lock);
}

void pci_probe_new(struct pci_dev *dev)
{
	wait_ready(dev);
	if (!dev->gone)
		probe_described(dev);
	for (struct pci_dev *child = dev->children; child;) {
		if (child->ready) {
			child = child->sibling;
			continue;
		}
		pci_probe_new(child);
		child = dev->children; /* it waited: look again */
	}
}

/* --- Unmaking --- */

static void pci_stop(struct pci_dev *dev);

/* From the last to the first, so that VFs go before the PF that would take them along. */
static void stop_from(struct pci_dev *child)
{
	if (!child)
		return;
	stop_from(child->sibling);
	pci_stop(child);
}

/* Drivers go first, the lowest devices before their ports, as pci_stop_bus_device(). */
static void pci_stop(struct pci_dev *dev)
{
	stop_from(dev->children);
	mutex_take(&dev->lock, SIM_UNINTERRUPTIBLE);
	driver_release(dev);
	if (dev->sriov.numvfs > 0)
		sriov_disable(dev);
	dev->dead = true;
	mutex_drop(&dev->lock);
}

static void pci_destroy(struct pci_dev *dev)
{
	while (dev->children)
		pci_destroy(dev->children);
	tsm_leave_parent(dev);
	tsm_function_going(dev);
	/* A VF may be removed by itself and with its PF at a time; from here on no waiting. */
	if (dev->gone)
		return;
	slots_remove(dev);
	iommu_remove(dev);
	dev->gone = true;
	device_remove(&dev->device);
	delist(dev);
	sim_wake();
}

void pci_remove(struct pci_dev *dev)
{
	pci_stop(dev);
	pci_destroy(dev);
}
