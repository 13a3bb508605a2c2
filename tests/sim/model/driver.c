/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/driver.h"
#include "model/host.h"
#include "model/tsm.h"

static struct pci_driver *drivers, **drivers_end = &drivers;

static const struct driver_kind plain_kind = { .name = "plain" };
static const struct driver_kind *const kinds[] = { &plain_kind, &nvme_kind, &net_kind,
						   &sound_kind, &drm_kind,  &vfio_kind };

/* --- Matching --- */

void driver_modalias(const struct pci_dev *dev, char *buf, size_t size)
{
	snprintf(buf, size, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X", dev->vendor, dev->id,
		 dev->subvendor, dev->subid, dev->class >> 16 & 0xff, dev->class >> 8 & 0xff,
		 dev->class & 0xff);
}

bool driver_matches(const struct pci_driver *driver, const struct pci_dev *dev)
{
	if (dev->override)
		return strcmp(dev->override, driver->name) == 0;
	return ids_match(driver, dev);
}

struct pci_driver *driver_find(const char *name)
{
	struct pci_driver *driver = drivers;

	while (driver && strcmp(driver->name, name) != 0)
		driver = driver->next;
	return driver;
}

struct pci_driver *driver_first(void)
{
	return drivers;
}

/* --- Kids --- */

struct kid *kid_new(struct pci_dev *dev, const struct device_type *type)
{
	struct kid *kid = calloc(1, sizeof(*kid));

	kid->owner = dev;
	kid->device.type = type;
	kid->next = dev->kids;
	dev->kids = kid;
	return kid;
}

int kid_number(struct kid *kid, struct pool *pool, int first)
{
	int slot = kid->pools[0] ? 1 : 0;

	kid->pools[slot] = pool;
	kid->numbers[slot] = pool_take(pool, first);
	return kid->numbers[slot];
}

static void kids_remove(struct pci_dev *dev)
{
	struct kid *kid;

	while ((kid = dev->kids)) {
		device_remove(&kid->device);
		for (int i = 0; i < 2 && kid->pools[i]; i++)
			pool_drop(kid->pools[i], kid->numbers[i]);
		dev->kids = kid->next;
		if (kid->gone)
			kid->gone(kid);
		free(kid);
	}
}

/* --- Binding --- */

static void add_links(struct pci_driver *driver, struct pci_dev *dev)
{
	static unsigned long count;

	dev->driver = driver;
	dev->bound = ++count;
	dev->driver_links[0] = tree_link_to(dev->device.dir, "driver", driver->dir);
	dev->driver_links[1] = tree_link_to(driver->dir, dev->device.name, dev->device.dir);
}

static void drop_links(struct pci_dev *dev)
{
	for (int i = 0; i < 2; i++)
		if (dev->driver_links[i])
			tree_remove(dev->driver_links[i]);
	memset(dev->driver_links, 0, sizeof(dev->driver_links));
}

/* A VF is left alone when its PF says so, but for one that has an override. */
static bool may_probe(const struct pci_dev *dev)
{
	return !dev->physfn || dev->physfn->sriov.autoprobe || dev->override;
}

/* Does it enable what it is bound to?  One that only keeps others away doesn't. */
static bool enables(const struct pci_driver *driver)
{
	return desc_bool(driver->desc, "enables", driver->kind != &vfio_kind);
}

bool driver_leaves_dma(const struct pci_driver *driver)
{
	return !desc_bool(driver->desc, "dma", enables(driver));
}

/* Lock of the device held.  0 or a negative errno; -EPROBE_DEFER is not the driver's. */
static int probe(struct pci_driver *driver, struct pci_dev *dev)
{
	int r = 0;

	if (dev->dead || dev->gone)
		return -ENODEV;
	if (dev->driver)
		return -EBUSY;
	if (!dev->ready)
		return -SIM_EPROBE_DEFER;

	add_links(driver, dev);
	if (!may_probe(dev) || dev->disconnected)
		r = -ENODEV;
	if (r == 0)
		host_sleep(desc_int(driver->desc, "bind_ms", 0), SIM_UNINTERRUPTIBLE);
	if (r == 0)
		r = -driver->probe_error;
	if (r == 0 && driver->kind->probe)
		r = driver->kind->probe(dev);
	if (r < 0) {
		kids_remove(dev);
		drop_links(dev);
		dev->driver = NULL;
		return r;
	}
	dev->enabled += enables(driver);
	device_event(&dev->device, "bind");
	return 0;
}

int driver_attach(struct pci_dev *dev)
{
	for (struct pci_driver *driver = drivers; driver; driver = driver->next) {
		int r;

		if (dev->driver)
			return 1;
		if (!driver->registered || !driver_matches(driver, dev))
			continue;
		r = probe(driver, dev);
		if (r == 0)
			return 1;
		if (r == -SIM_EPROBE_DEFER)
			return r;
	}
	return dev->driver != NULL;
}

void driver_release(struct pci_dev *dev)
{
	struct pci_driver *driver = dev->driver;

	if (!driver)
		return;
	drop_links(dev);
	if (dev->sriov.numvfs > 0 && !desc_bool(driver->desc, "keeps_vfs", false))
		sriov_disable(dev);
	host_sleep(desc_int(driver->desc, "unbind_ms", 0), SIM_UNINTERRUPTIBLE);
	if (driver->kind->remove)
		driver->kind->remove(dev);
	kids_remove(dev);
	dev->driver = NULL;
	if (dev->enabled > 0)
		dev->enabled -= enables(driver);
	if (!dev->gone)
		device_event(&dev->device, "unbind");
}

/* --- What stands in a driver's directory --- */

static int bind_store(void *obj, const struct sim_caller *who, const char *buf, size_t size)
{
	struct pci_driver *driver = obj;
	struct pci_dev *dev = pci_find(buf);
	int r = -ENODEV;

	if (!dev || !driver_matches(driver, dev))
		return -ENODEV;
	mutex_take(&dev->lock, SIM_UNINTERRUPTIBLE);
	if (driver->registered)
		r = probe(driver, dev);
	mutex_drop(&dev->lock);
	return r == -SIM_EPROBE_DEFER ? -EAGAIN : r;
}

static int unbind_store(void *obj, const struct sim_caller *who, const char *buf, size_t size)
{
	struct pci_driver *driver = obj;
	struct pci_dev *dev = pci_find(buf);
	int r = -ENODEV;

	if (!dev || dev->driver != driver)
		return -ENODEV;
	mutex_take(&dev->lock, SIM_UNINTERRUPTIBLE);
	if (dev->driver == driver && !dev->gone) {
		driver_release(dev);
		r = 0;
	}
	mutex_drop(&dev->lock);
	/* Gone in the meantime: the kernel finds the work done. */
	return r < 0 && dev->driver == NULL ? 0 : r;
}

/* Offers @driver every device that has none, as driver_attach() of the kernel. */
static void offer_all(struct pci_driver *driver)
{
	struct pci_dev *next;

	for (struct pci_dev *dev = pci_first(); dev; dev = next) {
		const json_t *wanted = json_object_get(dev->desc, "driver");

		next = dev->next;
		if (dev->driver || dev->gone || !driver_matches(driver, dev) ||
		    (host.loading && json_is_null(wanted)))
			continue;
		mutex_take(&dev->lock, SIM_UNINTERRUPTIBLE);
		if (driver->registered)
			probe(driver, dev);
		mutex_drop(&dev->lock);
		/* While it waited, the list may have changed. */
		next = dev->gone ? pci_first() : dev->next;
	}
}

static int new_id_store(void *obj, const struct sim_caller *who, const char *buf, size_t size)
{
	int r = ids_add(obj, buf);

	if (r == 0)
		offer_all(obj);
	return r;
}

static int remove_id_store(void *obj, const struct sim_caller *who, const char *buf,
			   size_t size)
{
	return ids_remove(obj, buf);
}

static int nothing_store(void *obj, const struct sim_caller *who, const char *buf, size_t size)
{
	return 0;
}

static const struct attribute driver_attrs[] = {
	{ "bind", 0200, { .store = bind_store } },
	{ "unbind", 0200, { .store = unbind_store } },
	{ "new_id", 0200, { .store = new_id_store } },
	{ "remove_id", 0200, { .store = remove_id_store } },
	{ "uevent", 0200, { .store = nothing_store } },
	{ NULL },
};

/* --- Drivers --- */

static const struct desc_key driver_keys[] = {
	{ "kind", 's' },
	{ "ids", 'a' },
	{ "bind_ms", 'n' },
	{ "unbind_ms", 'n' },
	{ "sriov", 'o' },
	{ "keeps_vfs", 'b' },
	{ "settle_ms", 'n' },
	{ "probe_error", 's' },
	{ "enables", 'b' },
	{ "dma", 'b' },
	{ NULL },
};

static const struct driver_kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	return NULL;
}

int driver_check(const char *name, const json_t *desc)
{
	const json_t *id;
	size_t i;

	if (desc_check(desc, name, driver_keys) < 0)
		return -EINVAL;
	if (!find_kind(desc_text(desc, "kind", "plain")))
		return desc_fail("driver %s: unknown kind \"%s\"", name,
				 desc_text(desc, "kind", ""));
	if (desc_has(desc, "probe_error") && !desc_errno(desc_text(desc, "probe_error", NULL)))
		return desc_fail("driver %s: \"probe_error\" is no errno that is known", name);
	json_array_foreach(json_object_get(desc, "ids"), i, id) if (
		!json_is_string(id)) return desc_fail("driver %s: \"ids\" must be strings",
						      name);
	return 0;
}

struct pci_driver *driver_new(const char *name, json_t *desc, struct module *module)
{
	struct pci_driver *driver = calloc(1, sizeof(*driver));

	driver->name = name;
	driver->desc = desc;
	driver->module = module;
	driver->kind = find_kind(desc_text(desc, "kind", "plain"));
	driver->probe_error = desc_errno(desc_text(desc, "probe_error", NULL));
	*drivers_end = driver;
	drivers_end = &driver->next;
	return driver;
}

static void driver_event(const struct pci_driver *driver, const char *action)
{
	const char *env[] = { "SUBSYSTEM=drivers", NULL };
	char path[96];

	snprintf(path, sizeof(path), "/bus/pci/drivers/%s", driver->name);
	if (!host.loading)
		sim_uevent(action, path, env);
}

void driver_register(struct pci_driver *driver)
{
	char name[80];

	driver->dir = tree_dir(sys_dir("bus/pci/drivers"), driver->name);
	attributes_add(driver->dir, driver_attrs, driver);
	if (driver->module) {
		tree_link_to(driver->dir, "module", driver->module->dir);
		snprintf(name, sizeof(name), "pci:%s", driver->name);
		tree_link_to(dir_make(driver->module->dir, "drivers"), name, driver->dir);
	}
	driver->registered = true;
	offer_all(driver);
	driver_event(driver, "add");
}

static struct pci_dev *bound_last(const struct pci_driver *driver)
{
	struct pci_dev *last = NULL;

	for (struct pci_dev *dev = pci_first(); dev; dev = dev->next)
		if (dev->driver == driver && (!last || dev->bound > last->bound))
			last = dev;
	return last;
}

void driver_unregister(struct pci_driver *driver)
{
	struct pci_dev *dev;

	driver->registered = false;
	while ((dev = bound_last(driver))) {
		mutex_take(&dev->lock, SIM_UNINTERRUPTIBLE);
		if (dev->driver == driver)
			driver_release(dev);
		mutex_drop(&dev->lock);
	}
	tree_remove(driver->dir);
	driver->dir = NULL;
	driver_event(driver, "remove");
}
