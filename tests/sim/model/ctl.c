/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "model/config.h"
#include "model/driver.h"
#include "model/host.h"
#include "model/mm.h"
#include "model/tsm.h"

static json_t *done(void)
{
	return json_pack("{s:b}", "ok", 1);
}

static json_t *refused(const char *error)
{
	return json_pack("{s:b,s:s}", "ok", 0, "error", error);
}

static struct pci_dev *find(const json_t *command)
{
	return pci_find(desc_text(command, "function", NULL));
}

static json_t *do_unplug(const json_t *command)
{
	return bus_unplug(command, false);
}

static json_t *do_surprise_remove(const json_t *command)
{
	return bus_unplug(command, true);
}

/* The stream broke: the ends fall to insecure and say that they were told so. */
static json_t *do_ide_fail(const json_t *command)
{
	const char *end = desc_text(command, "end", "both");
	bool endpoint = strcmp(end, "port") != 0, port = strcmp(end, "endpoint") != 0;
	struct pci_dev *dev = find(command);

	if (!dev || !dev->tsm.stream.live)
		return refused("there is no such function, or it has no stream");
	ide_status(dev,
		   IDE_STS_FAIL | (desc_bool(command, "secure", false) ? IDE_STS_SECURE : 0),
		   endpoint, port);
	if (endpoint)
		aer_count(dev, "IDECheck", 1);
	if (port)
		aer_count(dev->tsm.stream.port, "IDECheck", 1);
	return done();
}

static json_t *do_aer(const json_t *command)
{
	struct pci_dev *dev = find(command);

	if (!dev)
		return refused("there is no such function");
	if (aer_count(dev, desc_text(command, "error", "IDECheck"),
		      (unsigned int)desc_int(command, "n", 1)) < 0)
		return refused("\"error\" is IDECheck, MisIDETLP or PCRC_CHECK");
	return done();
}

/* As a card that hangs: it stays where it is, and its config space reads as all ones. */
static json_t *do_silent(const json_t *command)
{
	struct pci_dev *dev = find(command);

	if (!dev)
		return refused("there is no such function");
	dev->disconnected = desc_bool(command, "on", true);
	return done();
}

/* From now on its streams are enabled without ever getting secure. */
static json_t *do_ide_insecure(const json_t *command)
{
	struct pci_dev *dev = find(command);

	if (!dev)
		return refused("there is no such function");
	dev->tsm.insecure = desc_bool(command, "on", true);
	ide_status(dev, dev->tsm.insecure ? 0 : IDE_STS_SECURE, true, true);
	return done();
}

static json_t *do_numa(const json_t *command)
{
	struct pci_dev *dev = find(command);

	if (!dev)
		return refused("there is no such function");
	dev->node = (int)desc_int(command, "node", -1);
	return done();
}

/* As if a process had its node open, or let go of it. */
static json_t *hold(const json_t *command, int change)
{
	struct pci_dev *dev = find(command);

	if (!dev || !dev->driver || dev->driver->kind != &vfio_kind)
		return refused("there is no such function, or it is not bound to vfio");
	vfio_hold(dev, change);
	return done();
}

static json_t *do_hold(const json_t *command)
{
	return hold(command, 1);
}

static json_t *do_unhold(const json_t *command)
{
	return hold(command, -1);
}

static json_t *do_reset(const json_t *command)
{
	struct pci_dev *dev = find(command);

	if (!dev)
		return refused("there is no such function");
	pci_reset(dev);
	return done();
}

/* {"driver": "nvidia", "error": "EIO"}: its probes fail so; without "error" no more. */
static json_t *do_probe_error(const json_t *command)
{
	struct pci_driver *driver = driver_find(desc_text(command, "driver", ""));

	if (!driver)
		return refused("there is no such driver");
	driver->probe_error = desc_errno(desc_text(command, "error", NULL));
	return done();
}

/* Puts a constant in the place of an attribute: it can't be written any more. */
static json_t *do_set(const json_t *command)
{
	const char *path = desc_text(command, "path", ""), *name = strrchr(path, '/');
	const char *value = desc_text(command, "value", NULL);
	struct node *node, *parent;
	char dir[512];

	if (strncmp(path, "sys/", 4) != 0 || !value || strlen(path) >= sizeof(dir))
		return refused("\"path\" must begin with sys/, and \"value\" be a string");
	snprintf(dir, sizeof(dir), "%.*s", (int)(name - path), path);
	parent = tree_find(tree_root("sys"), strchr(dir, '/') ? dir + 4 : "");
	if (!parent)
		return refused("there is no such directory");
	node = tree_find(parent, name + 1);
	if (node)
		tree_remove(node);
	attr_printf(parent, name + 1, "%s\n", value);
	return done();
}

static json_t *do_speed(const json_t *command)
{
	host.speed = desc_real(command, "factor", host.speed);
	return done();
}

static json_t *do_list(const json_t *command)
{
	json_t *list = json_array();

	for (const struct pci_dev *dev = pci_first(); dev; dev = dev->next)
		json_array_append_new(
			list,
			json_pack("{s:s,s:s,s:s,s:i,s:i,s:i}", "function", dev->device.name,
				  "driver", dev->driver ? dev->driver->name : "", "tsm",
				  dev->tsm.tsm ? dev->tsm.tsm->device.name : "", "vfs",
				  (int)dev->sriov.numvfs, "users", vfio_users(dev), "refreshed",
				  (int)dev->tsm.refreshed));
	return json_pack("{s:b,s:o}", "ok", 1, "functions", list);
}

static const struct verb {
	const char *name;
	json_t *(*run)(const json_t *command);
} verbs[] = {
	{ "plug", bus_plug },
	{ "unplug", do_unplug },
	{ "surprise-remove", do_surprise_remove },
	{ "tsm-add", tsm_arrive },
	{ "tsm-remove", tsm_leave },
	{ "tsm-hang", tsm_hang },
	{ "tdi-bound", tsm_bound },
	{ "streams", ide_set_streams },
	{ "ide-fail", do_ide_fail },
	{ "ide-insecure", do_ide_insecure },
	{ "aer", do_aer },
	{ "silent", do_silent },
	{ "numa", do_numa },
	{ "hugepages", mm_set },
	{ "hold", do_hold },
	{ "unhold", do_unhold },
	{ "release", do_unhold },
	{ "reset", do_reset },
	{ "probe-error", do_probe_error },
	{ "set", do_set },
	{ "speed", do_speed },
	{ "list", do_list },
};

json_t *model_ctl(const json_t *command)
{
	const char *name = desc_text(command, "do", "");

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return verbs[i].run(command);
	return NULL;
}
