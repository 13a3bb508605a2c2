/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/config.h"
#include "model/driver.h"
#include "model/host.h"
#include "model/tsm.h"

void sriov_place(const struct pci_dev *pf, unsigned int index, unsigned int *bus,
		 unsigned int *devfn)
{
	unsigned int rid = pf->devfn + pf->sriov.offset + pf->sriov.stride * index;

	*bus = pf->bus + (rid >> 8);
	*devfn = rid & 0xff;
}

void sriov_init(struct pci_dev *dev)
{
	const json_t *desc = json_object_get(dev->desc, "sriov");
	struct sriov *sriov = &dev->sriov;

	if (!desc)
		return;
	sriov->capable = true;
	sriov->autoprobe = true;
	sriov->total = (unsigned int)desc_int(desc, "total", 0);
	sriov->offset = (unsigned int)desc_int(desc, "offset", 1);
	sriov->stride = (unsigned int)desc_int(desc, "stride", 1);
	sriov->vf_device = (uint16_t)desc_int(desc, "vf_device", 0);
	sriov->vf_bar.size = desc_size(desc_text(desc, "vf_bar", "0")) * sriov->total;
	if (sriov->vf_bar.size) {
		bar_place(dev->device.name, PCI_BARS, &sriov->vf_bar);
		sriov->vf_bar.pref = true;
	}
}

static void set_registers(struct pci_dev *pf, unsigned int count)
{
	config_set(pf, pf->sriov_cap + SRIOV_CTL, SRIOV_CTL_ARI | (count ? SRIOV_CTL_ON : 0));
	config_set(pf, pf->sriov_cap + SRIOV_NUM_VF, count);
}

/* --- Coming --- */

static void add_vf(struct pci_dev *pf, unsigned int index)
{
	struct pci_dev *vf = pci_add_vf(pf, index);
	char name[24];

	snprintf(name, sizeof(name), "virtfn%u", index);
	tree_link_to(pf->device.dir, name, vf->device.dir);
	tree_link_to(vf->device.dir, "physfn", pf->device.dir);
	device_event(&vf->device, "change");
	pf->sriov.vfs[pf->sriov.numvfs++] = vf;
	pci_probe_new(vf);
}

/* Do all VFs fit on buses below the same port?  The kernel says ENOMEM where they don't. */
static bool buses_suffice(const struct pci_dev *pf, unsigned int count)
{
	unsigned int bus, devfn;

	sriov_place(pf, count - 1, &bus, &devfn);
	return bus <= 0xff;
}

/* The driver's sriov_configure(): what it does is in the JSON of the function or its own. */
static int configure(struct pci_dev *pf, unsigned int count)
{
	const json_t *own = json_object_get(pf->desc, "sriov");
	const json_t *driver = json_object_get(pf->driver->desc, "sriov");
	long long max = desc_int(own, "max", desc_int(driver, "max", pf->sriov.total));
	const char *error = desc_text(own, "error", desc_text(driver, "error", NULL));
	long long per_vf = desc_int(own, "per_vf_ms", desc_int(driver, "per_vf_ms", 0));

	if (error)
		return -desc_errno(error);
	if (!buses_suffice(pf, count))
		return -ENOMEM;
	host_sleep(desc_int(own, "enable_ms", desc_int(driver, "enable_ms", 0)),
		   SIM_UNINTERRUPTIBLE);
	if (count > max)
		count = (unsigned int)max;

	set_registers(pf, count);
	pf->sriov.vfs = calloc(count, sizeof(*pf->sriov.vfs));
	for (unsigned int i = 0; i < count && !pf->gone; i++) {
		host_sleep(per_vf, SIM_UNINTERRUPTIBLE);
		add_vf(pf, i);
	}
	device_event(&pf->device, "change");
	return 0;
}

/* --- Going --- */

static void remove_vf(struct pci_dev *pf, struct pci_dev *vf, unsigned int index)
{
	struct node *link;
	char name[24];

	snprintf(name, sizeof(name), "virtfn%u", index);
	link = tree_find(pf->device.dir, name);
	if (link)
		tree_remove(link);
	if (!vf->gone)
		pci_remove(vf);
}

void sriov_disable(struct pci_dev *pf)
{
	const json_t *own = json_object_get(pf->desc, "sriov");

	for (unsigned int i = 0; i < pf->sriov.numvfs; i++)
		remove_vf(pf, pf->sriov.vfs[i], i);
	pf->sriov.numvfs = 0;
	free(pf->sriov.vfs);
	pf->sriov.vfs = NULL;
	set_registers(pf, 0);
	host_sleep(desc_int(own, "disable_ms", 0), SIM_UNINTERRUPTIBLE);
}

/* --- Attributes --- */

/* Its driver may say that there are fewer (pci_sriov_set_totalvfs) for as long as it is bound.
 */
static unsigned int total_vfs(const struct pci_dev *dev)
{
	const json_t *driver = dev->driver ? json_object_get(dev->driver->desc, "sriov") : NULL;

	return (unsigned int)desc_int(driver, "total", dev->sriov.total);
}

/* sriov_numvfs is 0 until all is done, and a read waits for the device's lock anyway. */
static ssize_t numvfs_show(void *obj, const struct sim_caller *who, char *buf)
{
	struct pci_dev *dev = obj;

	if (!who->snapshot) {
		mutex_take(&dev->lock, SIM_UNINTERRUPTIBLE);
		mutex_drop(&dev->lock);
	}
	return snprintf(buf, SIM_ATTR_MAX, "%u\n", dev->sriov.numvfs);
}

static bool can_configure(const struct pci_dev *dev)
{
	return dev->driver && json_object_get(dev->driver->desc, "sriov");
}

static int set_numvfs(struct pci_dev *dev, unsigned int count)
{
	if (dev->gone)
		return -ENODEV;
	if (count == dev->sriov.numvfs)
		return 0;
	if (!can_configure(dev))
		return -ENOENT;
	if (count == 0) {
		sriov_disable(dev);
		return 0;
	}
	if (dev->sriov.numvfs > 0)
		return -EBUSY;
	return configure(dev, count);
}

static int numvfs_store(void *obj, const struct sim_caller *who, const char *buf, size_t size)
{
	struct pci_dev *dev = obj;
	unsigned long count;
	int r;

	if (parse_number(buf, 0, 0xffff, &count) < 0)
		return -EINVAL;
	if (count > total_vfs(dev))
		return -ERANGE;
	/* This order, which remove has too, so that the two can't lock each other out. */
	mutex_take(&host.rescan_remove, SIM_UNINTERRUPTIBLE);
	mutex_take(&dev->lock, SIM_UNINTERRUPTIBLE);
	r = set_numvfs(dev, (unsigned int)count);
	mutex_drop(&dev->lock);
	mutex_drop(&host.rescan_remove);
	return r;
}

static ssize_t totalvfs_show(void *obj, const struct sim_caller *who, char *buf)
{
	return snprintf(buf, SIM_ATTR_MAX, "%u\n", total_vfs(obj));
}

static ssize_t offset_show(void *obj, const struct sim_caller *who, char *buf)
{
	return snprintf(buf, SIM_ATTR_MAX, "%u\n", ((struct pci_dev *)obj)->sriov.offset);
}

static ssize_t stride_show(void *obj, const struct sim_caller *who, char *buf)
{
	return snprintf(buf, SIM_ATTR_MAX, "%u\n", ((struct pci_dev *)obj)->sriov.stride);
}

static ssize_t vf_device_show(void *obj, const struct sim_caller *who, char *buf)
{
	return snprintf(buf, SIM_ATTR_MAX, "%x\n", ((struct pci_dev *)obj)->sriov.vf_device);
}

static ssize_t autoprobe_show(void *obj, const struct sim_caller *who, char *buf)
{
	return snprintf(buf, SIM_ATTR_MAX, "%u\n", ((struct pci_dev *)obj)->sriov.autoprobe);
}

static int autoprobe_store(void *obj, const struct sim_caller *who, const char *buf,
			   size_t size)
{
	return parse_bool(buf, &((struct pci_dev *)obj)->sriov.autoprobe);
}

static ssize_t total_msix_show(void *obj, const struct sim_caller *who, char *buf)
{
	return snprintf(buf, SIM_ATTR_MAX, "0\n");
}

static int msix_count_store(void *obj, const struct sim_caller *who, const char *buf,
			    size_t size)
{
	int count;

	if (parse_int(buf, &count) < 0 || count < 0)
		return -EINVAL;
	return -EOPNOTSUPP;
}

const struct attribute sriov_attrs[] = {
	{ "sriov_totalvfs", 0444, { .show = totalvfs_show } },
	{ "sriov_numvfs", 0644, { .show = numvfs_show, .store = numvfs_store } },
	{ "sriov_offset", 0444, { .show = offset_show } },
	{ "sriov_stride", 0444, { .show = stride_show } },
	{ "sriov_vf_device", 0444, { .show = vf_device_show } },
	{ "sriov_vf_total_msix", 0444, { .show = total_msix_show } },
	{ "sriov_drivers_autoprobe",
	  0644,
	  { .show = autoprobe_show, .store = autoprobe_store } },
	{ NULL },
};

const struct attribute sriov_vf_attrs[] = {
	{ "sriov_vf_msix_count", 0200, { .store = msix_count_store } },
	{ NULL },
};
