/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "model/driver.h"
#include "model/host.h"
#include "model/tsm.h"
#include "out.h"

static struct host_bridge *bridges, **bridges_end = &bridges;
static json_t *parked;       /* borrowed: name → {"below", "functions"} */
static json_t *parked_names; /* first address → the name that it was plugged in by */

struct host_bridge *host_bridge_first(void)
{
	return bridges;
}

static json_t *failed(const char *error)
{
	return json_pack("{s:b,s:s}", "ok", 0, "error", error);
}

/* --- Host bridges --- */

static const struct desc_key bridge_keys[] = {
	{ "address", 's', true },
	{ "node", 'n' },
	{ "functions", 'a', true },
	{ NULL },
};

int host_bridge_check(const json_t *desc)
{
	const char *address = desc_text(desc, "address", "a host bridge");
	unsigned int domain, bus;
	const json_t *function;
	int used = 0;
	size_t i;

	if (desc_check(desc, address, bridge_keys) < 0)
		return -EINVAL;
	if (sscanf(address, "%4x:%2x%n", &domain, &bus, &used) != 2 || address[used])
		return desc_fail(
			"host bridge: \"address\" must be like \"0000:e0\", not \"%s\"",
			address);
	json_array_foreach(json_object_get(desc, "functions"), i,
			   function) if (pci_check(function, address) < 0) return -EINVAL;
	return 0;
}

static const struct device_type bridge_type = { .subsystem = NULL };

struct host_bridge *host_bridge_add(json_t *desc)
{
	struct host_bridge *bridge = calloc(1, sizeof(*bridge));
	json_t *function;
	size_t i;

	bridge->desc = desc;
	sscanf(desc_text(desc, "address", ""), "%x:%x", &bridge->domain, &bridge->bus);
	bridge->device.type = &bridge_type;
	snprintf(bridge->device.name, sizeof(bridge->device.name), "pci%04x:%02x",
		 bridge->domain, bridge->bus);
	device_add(&bridge->device, sys_dir("devices"), false);
	ide_host_bridge(bridge);
	*bridges_end = bridge;
	bridges_end = &bridge->next;
	json_array_foreach(json_object_get(desc, "functions"), i, function)
		pci_add(bridge, NULL, function);
	return bridge;
}

/* --- Scanning --- */

static struct pci_dev *scan(struct host_bridge *bridge, struct pci_dev *parent, json_t *list)
{
	struct pci_dev *first = NULL, *dev;
	json_t *desc;
	size_t i;

	json_array_foreach(list, i, desc)
	{
		dev = pci_find(desc_text(desc, "address", NULL));
		if (dev) {
			scan(bridge, dev, json_object_get(desc, "children"));
			continue;
		}
		dev = pci_add(bridge, parent, desc);
		first = first ? first : dev;
	}
	return first;
}

/* Drivers come when all functions have been found. */
static void probe_all_new(void)
{
	struct pci_dev *dev = pci_first();

	while (dev) {
		if (dev->ready) {
			dev = dev->next;
			continue;
		}
		pci_probe_new(dev);
		dev = pci_first(); /* it waited: look again */
	}
}

void bus_rescan(void)
{
	mutex_take(&host.rescan_remove, SIM_UNINTERRUPTIBLE);
	for (struct host_bridge *bridge = bridges; bridge; bridge = bridge->next)
		scan(bridge, NULL, json_object_get(bridge->desc, "functions"));
	probe_all_new();
	mutex_drop(&host.rescan_remove);
}

/* --- /sys/bus/pci --- */

static int rescan_store(void *obj, const struct sim_caller *who, const char *buf, size_t size)
{
	unsigned long value;

	if (parse_number(buf, 0, ~0ul, &value) < 0)
		return -EINVAL;
	if (value)
		bus_rescan();
	return 0;
}

/* That drivers refuse is no error here; that the device isn't ready is. */
static int drivers_probe_store(void *obj, const struct sim_caller *who, const char *buf,
			       size_t size)
{
	struct pci_dev *dev = pci_find(buf);
	int r;

	if (!dev)
		return -ENODEV;
	mutex_take(&dev->lock, SIM_UNINTERRUPTIBLE);
	r = dev->gone ? -ENODEV : driver_attach(dev);
	mutex_drop(&dev->lock);
	return r < 0 ? -EINVAL : 0;
}

static bool autoprobe = true;

static ssize_t autoprobe_show(void *obj, const struct sim_caller *who, char *buf)
{
	return snprintf(buf, SIM_ATTR_MAX, "%d\n", autoprobe);
}

static int autoprobe_store(void *obj, const struct sim_caller *who, const char *buf,
			   size_t size)
{
	autoprobe = buf[0] != '0';
	return 0;
}

static const struct attribute bus_attrs[] = {
	{ "rescan", 0200, { .store = rescan_store } },
	{ "drivers_probe", 0200, { .store = drivers_probe_store } },
	{ "drivers_autoprobe", 0644, { .show = autoprobe_show, .store = autoprobe_store } },
	{ NULL },
};

int bus_load(const json_t *desc)
{
	json_t *list = json_object_get(desc, "bridges"), *bridge, *value;
	const char *name;
	size_t i;

	parked = json_object_get(desc, "parked");
	parked_names = json_object();
	sys_dir("bus/pci/devices");
	sys_dir("bus/pci/slots");
	attributes_add(sys_dir("bus/pci"), bus_attrs, NULL);
	json_array_foreach(list, i, bridge) if (host_bridge_check(bridge) < 0) return -EINVAL;
	json_object_foreach(parked, name, value)
	{
		json_t *function;

		json_array_foreach(json_object_get(value, "functions"), i,
				   function) if (pci_check(function, name) < 0) return -EINVAL;
	}
	json_array_foreach(list, i, bridge) host_bridge_add(bridge);
	probe_all_new();
	return 0;
}

/* --- Hot-plug --- */

/*
 * Moves the descriptions below @port to the parked ones, under the name that they were
 * plugged in by, else the first address.
 */
static void park(struct pci_dev *port)
{
	json_t *children = json_object_get(port->desc, "children");
	json_t *first = json_array_get(children, 0);
	const char *address = desc_text(first, "address", "");

	if (!first)
		return;
	json_object_set_new(
		parked, desc_text(parked_names, address, address),
		json_pack("{s:s,s:O}", "below", port->device.name, "functions", children));
	json_object_set_new(port->desc, "children", json_array());
	if (!desc_has(port->desc, "bus"))
		json_object_set_new(port->desc, "bus", json_integer(port->secondary));
}

static struct pci_dev *last_child(const struct pci_dev *port)
{
	struct pci_dev *child = port->children;

	while (child->sibling)
		child = child->sibling;
	return child;
}

/*
 * pciehp's work, for which the kernel has a thread of its own too; the last function goes
 * first, as in pciehp_unconfigure_device().
 */
static void empty_slot(struct pci_dev *port)
{
	mutex_take(&host.rescan_remove, SIM_UNINTERRUPTIBLE);
	while (!port->gone && port->children)
		pci_remove(last_child(port));
	mutex_drop(&host.rescan_remove);
}

struct emptying {
	pthread_t thread;
	struct pci_dev *port;
	struct emptying *next;
};

static struct emptying *emptyings; /* guarded by the big lock */

static void *empty_slot_thread(void *arg)
{
	const struct emptying *emptying = arg;

	sim_lock();
	empty_slot(emptying->port);
	sim_unlock();
	out_flush();
	return NULL;
}

void model_finish(void)
{
	struct emptying *emptying;

	sim_lock();
	emptying = emptyings;
	emptyings = NULL;
	sim_unlock();
	while (emptying) {
		struct emptying *next = emptying->next;

		pthread_join(emptying->thread, NULL);
		free(emptying);
		emptying = next;
	}
}

static bool in_use_below(const struct pci_dev *dev)
{
	if (vfio_users(dev) > 0)
		return true;
	for (const struct pci_dev *child = dev->children; child; child = child->sibling)
		if (in_use_below(child))
			return true;
	return false;
}

static void pull_out(struct pci_dev *dev)
{
	dev->disconnected = true;
	for (struct pci_dev *child = dev->children; child; child = child->sibling)
		pull_out(child);
}

static void start_emptying(struct pci_dev *port)
{
	struct emptying *emptying;

	if (!in_use_below(port)) {
		empty_slot(port);
		return;
	}
	emptying = calloc(1, sizeof(*emptying));
	emptying->port = port;
	if (pthread_create(&emptying->thread, NULL, empty_slot_thread, emptying) != 0) {
		free(emptying);
		return;
	}
	emptying->next = emptyings;
	emptyings = emptying;
}

json_t *bus_unplug(const json_t *command, bool surprise)
{
	struct pci_dev *dev = pci_find(desc_text(command, "function", NULL));
	struct pci_dev *port = dev ? dev->parent : NULL;
	bool pending;

	if (!dev)
		return failed("there is no such function");
	if (!port)
		return failed("the function is not below a port, so it can't be pulled");
	park(port);
	for (struct pci_dev *child = port->children; surprise && child; child = child->sibling)
		pull_out(child);
	pending = in_use_below(port);
	start_emptying(port);
	return json_pack("{s:b,s:b}", "ok", 1, "pending", pending);
}

/* The functions must be addressed on the bus below the port. */
static int check_plugged(const struct pci_dev *port, const json_t *functions)
{
	unsigned int domain, bus, devfn;
	const json_t *function;
	size_t i;

	if (json_array_size(functions) == 0)
		return desc_fail("\"functions\" must be an array with one at least");
	json_array_foreach(functions, i, function)
	{
		const char *name = desc_text(function, "address", "plug");

		if (pci_check(function, "plug") < 0)
			return -EINVAL;
		pci_parse(name, &domain, &bus, &devfn);
		if (bus != port->secondary || domain != port->domain)
			return desc_fail("%s is not on the bus below %s", name,
					 port->device.name);
		if (pci_find(name))
			return desc_fail("%s is there already", name);
	}
	return 0;
}

/* Lock rescan_remove held. */
static void fill_slot(struct pci_dev *port, json_t *functions)
{
	json_t *function;
	size_t i;

	if (!json_object_get(port->desc, "children"))
		json_object_set_new(port->desc, "children", json_array());
	json_array_foreach(functions, i, function)
		json_array_append(json_object_get(port->desc, "children"), function);
	json_array_foreach(functions, i, function)
		ide_power_lost(desc_text(function, "address", ""));
	scan(port->bridge, port, functions);
	probe_all_new();
}

static void unpark(const char *name, const json_t *what)
{
	const json_t *first = json_array_get(json_object_get(what, "functions"), 0);

	json_object_set_new(parked_names, desc_text(first, "address", ""), json_string(name));
	json_object_del(parked, name);
}

/* @name is what it is parked by, or NULL.  It may be parked anew while the slot fills. */
static json_t *plug(const json_t *what, const char *name)
{
	struct pci_dev *port = pci_find(desc_text(what, "below", NULL));
	json_t *functions = json_object_get(what, "functions");

	if (!port || !pci_is_bridge(port))
		return failed("\"below\" must name a port that is there");
	if (check_plugged(port, functions) < 0)
		return failed(desc_error());
	if (name)
		unpark(name, what);
	fill_slot(port, functions);
	return json_pack("{s:b}", "ok", 1);
}

/* What is parked by @name, or has a function of that address first. */
static json_t *find_parked(const char **name)
{
	json_t *what = json_object_get(parked, *name), *value;
	const char *key;

	json_object_foreach(parked, key, value)
	{
		const json_t *first = json_array_get(json_object_get(value, "functions"), 0);

		if (!what && strcmp(desc_text(first, "address", ""), *name) == 0) {
			*name = key;
			return value;
		}
	}
	return what;
}

static json_t *plug_parked(const char *name)
{
	json_t *what, *reply;

	what = find_parked(&name);
	if (!what)
		return failed("nothing of that name is parked");
	json_incref(what);
	reply = plug(what, name);
	json_decref(what);
	return reply;
}

json_t *bus_plug(const json_t *command)
{
	const char *name = desc_text(command, "name", NULL);
	json_t *reply;

	mutex_take(&host.rescan_remove, SIM_UNINTERRUPTIBLE);
	reply = name ? plug_parked(name) : plug(command, NULL);
	mutex_drop(&host.rescan_remove);
	return reply;
}

/* --- Slots --- */

static ssize_t slot_power_show(void *obj, const struct sim_caller *who, char *buf)
{
	return snprintf(buf, SIM_ATTR_MAX, "%d\n", ((struct pci_dev *)obj)->children != NULL);
}

/* 1 plugs in again what was unplugged from here. */
static int slot_power_store(void *obj, const struct sim_caller *who, const char *buf,
			    size_t size)
{
	struct pci_dev *port = obj;
	/* Read as leniently as the kernel does: what is no number is 0, and turns it off. */
	unsigned long on = isdigit((unsigned char)buf[0]) ? strtoul(buf, NULL, 10) & 0xff : 0;
	const char *name;
	json_t *value;

	if (on > 1)
		return -EINVAL;
	if (!on && port->children) {
		park(port);
		empty_slot(port);
		return 0;
	}
	if (!on || port->children)
		return -ENODEV;
	json_object_foreach(parked, name, value)
	{
		json_t *command;

		if (strcmp(desc_text(value, "below", ""), port->device.name) != 0)
			continue;
		command = json_pack("{s:s}", "name", name);
		json_decref(bus_plug(command));
		json_decref(command);
		return 0;
	}
	return -ENODEV;
}

static const struct attribute slot_attrs[] = {
	{ "power", 0644, { .show = slot_power_show, .store = slot_power_store } },
	{ "adapter", 0444, { .show = slot_power_show } },
	{ NULL },
};

static struct node *slot_dir(const struct pci_dev *port)
{
	char name[24];

	snprintf(name, sizeof(name), "%lld", desc_int(port->desc, "slot", 0));
	return dir_make(sys_dir("bus/pci/slots"), name);
}

void slots_add(struct pci_dev *port)
{
	struct node *dir;

	if (!pci_is_bridge(port) || !desc_has(port->desc, "slot"))
		return;
	dir = slot_dir(port);
	attributes_add(dir, slot_attrs, port);
	attr_printf(dir, "address", "%04x:%02x:00\n", port->domain, port->secondary);
}

void slots_remove(struct pci_dev *port)
{
	if (pci_is_bridge(port) && desc_has(port->desc, "slot"))
		tree_remove(slot_dir(port));
}
