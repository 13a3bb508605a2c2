/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/config.h"
#include "model/driver.h"
#include "model/host.h"
#include "model/mm.h"
#include "model/tsm.h"

/* Functions that read a text attribute or write one; @dev is the function. */
#define SHOW(name)                                                                             \
	static ssize_t name##_show(void *obj, const struct sim_caller *who, char *buf)
#define STORE(name)                                                                            \
	static int name##_store(void *obj, const struct sim_caller *who, const char *buf,      \
				size_t size)

/* Is @buf @word, a newline at its end aside? */
static bool streq(const char *buf, const char *word)
{
	size_t n = strlen(word);

	return strncmp(buf, word, n) == 0 && (!buf[n] || strcmp(buf + n, "\n") == 0);
}

/* --- config --- */

static ssize_t config_read(void *obj, const struct sim_caller *who, char *buf, size_t size,
			   off_t off)
{
	const struct pci_dev *dev = obj;
	off_t end = dev->type == PCI_CONVENTIONAL ? 256 : PCI_CONFIG_SIZE;

	if (!who->sys_admin && !who->snapshot)
		end = 64;
	if (off >= end)
		return 0;
	if ((off_t)size > end - off)
		size = (size_t)(end - off);
	if (dev->disconnected)
		memset(buf, 0xff, size);
	else
		memcpy(buf, dev->config + off, size);
	return (ssize_t)size;
}

static ssize_t config_write(void *obj, const struct sim_caller *who, const char *buf,
			    size_t size, off_t off)
{
	struct pci_dev *dev = obj;

	if (!who->sys_admin)
		return -EPERM;
	if (off >= PCI_CONFIG_SIZE)
		return -EFBIG;
	if ((off_t)size > PCI_CONFIG_SIZE - off)
		size = (size_t)(PCI_CONFIG_SIZE - off);
	if (!dev->disconnected)
		memcpy(dev->config + off, buf, size);
	return (ssize_t)size;
}

/* --- Being there --- */

STORE(remove)
{
	struct pci_dev *dev = obj;
	unsigned long value;

	if (parse_number(buf, 0, ~0ul, &value) < 0)
		return -EINVAL;
	if (!value)
		return 0;
	mutex_take(&host.rescan_remove, SIM_UNINTERRUPTIBLE);
	if (!dev->gone)
		pci_remove(dev);
	mutex_drop(&host.rescan_remove);
	return 0;
}

STORE(rescan)
{
	unsigned long value;

	if (parse_number(buf, 0, ~0ul, &value) < 0)
		return -EINVAL;
	if (value)
		bus_rescan();
	return 0;
}

SHOW(enable)
{
	return snprintf(buf, SIM_ATTR_MAX, "%d\n", ((struct pci_dev *)obj)->enabled);
}

STORE(enable)
{
	struct pci_dev *dev = obj;
	unsigned long value;

	if (!who->sys_admin)
		return -EPERM;
	if (parse_number(buf, 0, ~0ul, &value) < 0)
		return -EINVAL;
	if (dev->driver)
		return -EBUSY;
	if (!value && !dev->enabled)
		return -EIO;
	dev->enabled += value ? 1 : -1;
	return 0;
}

/* --- Where it is --- */

SHOW(numa_node)
{
	return snprintf(buf, SIM_ATTR_MAX, "%d\n", ((struct pci_dev *)obj)->node);
}

STORE(numa_node)
{
	struct pci_dev *dev = obj;
	char path[48];
	int node;

	if (!who->sys_admin)
		return -EPERM;
	if (parse_int(buf, &node) < 0)
		return -EINVAL;
	snprintf(path, sizeof(path), "devices/system/node/node%d", node);
	if (node < -1 || (node >= 0 && !tree_find(tree_root("sys"), path)))
		return -EINVAL;
	dev->node = node;
	return 0;
}

SHOW(local_cpulist)
{
	const struct pci_dev *dev = obj;
	char path[64];
	struct node *node;

	snprintf(path, sizeof(path), "devices/system/node/node%d", dev->node);
	node = dev->node >= 0 ? tree_find(tree_root("sys"), path) : NULL;
	return snprintf(buf, SIM_ATTR_MAX, "%s",
			node ? node_cpulist(dev->node) : CPUS_ONLINE "\n");
}

SHOW(resource)
{
	const struct pci_dev *dev = obj;
	int used = 0;

	for (int i = 0; i < (pci_is_bridge(dev) ? 17 : 13); i++) {
		static const struct pci_range none;
		const struct pci_range *range = &none;

		if (i < PCI_BARS)
			range = &dev->bars[i];
		else if (i == 7 && dev->sriov.capable)
			range = &dev->sriov.vf_bar;
		else if (i >= 13 && i < 13 + PCI_NUM_WINDOWS)
			range = &dev->windows[i - 13];
		used += snprintf(
			buf + used, SIM_ATTR_MAX - (size_t)used,
			"0x%016llx 0x%016llx 0x%016llx\n", (unsigned long long)range->base,
			(unsigned long long)(range->size ? range->base + range->size - 1 : 0),
			!range->size  ? 0ull
			: range->pref ? 0x14220cull
				      : 0x40200ull);
	}
	return used;
}

SHOW(subordinate)
{
	return snprintf(buf, SIM_ATTR_MAX, "%u\n", config_get(obj, 0x18) >> 16 & 0xff);
}

/* --- The link: trained to what it can do --- */

static ssize_t show_speed(const struct pci_dev *dev, char *buf)
{
	static const char *const speeds[] = { "Unknown",        "2.5 GT/s PCIe",
					      "5.0 GT/s PCIe",  "8.0 GT/s PCIe",
					      "16.0 GT/s PCIe", "32.0 GT/s PCIe",
					      "64.0 GT/s PCIe" };
	uint32_t speed = config_get(dev, dev->pcie + LNKCAP) & 0xf;

	return snprintf(buf, SIM_ATTR_MAX, "%s\n", speeds[speed < 7 ? speed : 0]);
}

SHOW(current_speed)
{
	const struct pci_dev *dev = obj;

	return dev->disconnected ? snprintf(buf, SIM_ATTR_MAX, "Unknown\n")
				 : show_speed(dev, buf);
}

/* Unlike the others it was read when the card was found. */
SHOW(max_speed)
{
	return show_speed(obj, buf);
}

SHOW(link_width)
{
	const struct pci_dev *dev = obj;
	uint32_t link = dev->disconnected ? ~0u : config_get(dev, dev->pcie + LNKCAP);

	return snprintf(buf, SIM_ATTR_MAX, "%u\n", link >> 4 & 0x3f);
}

/* --- Power, interrupts and reset --- */

SHOW(msi_bus)
{
	return snprintf(buf, SIM_ATTR_MAX, "%d\n", ((struct pci_dev *)obj)->msi);
}

STORE(msi_bus)
{
	unsigned long value;

	if (parse_number(buf, 0, ~0ul, &value) < 0)
		return -EINVAL;
	if (!who->sys_admin)
		return -EPERM;
	((struct pci_dev *)obj)->msi = value != 0;
	return 0;
}

SHOW(d3cold_allowed)
{
	return snprintf(buf, SIM_ATTR_MAX, "%d\n", ((struct pci_dev *)obj)->d3cold);
}

STORE(d3cold_allowed)
{
	unsigned long value;

	if (parse_number(buf, 0, ~0ul, &value) < 0)
		return -EINVAL;
	((struct pci_dev *)obj)->d3cold = value != 0;
	return 0;
}

SHOW(control)
{
	return snprintf(buf, SIM_ATTR_MAX, "%s\n",
			((struct pci_dev *)obj)->power_on ? "on" : "auto");
}

STORE(control)
{
	if (!streq(buf, "on") && !streq(buf, "auto"))
		return -EINVAL;
	((struct pci_dev *)obj)->power_on = streq(buf, "on");
	return 0;
}

/* Its neighbours forbid a VF a reset of the bus, but all of a hot-plug slot can be reset. */
static const char *reset_default(const struct pci_dev *dev)
{
	bool slot = dev->parent && desc_has(dev->parent->desc, "slot");
	bool bus = !dev->physfn || slot, flr = dev->physfn || dev->flr;
	const char *otherwise = !flr ? "bus" : bus ? "flr bus" : "flr";

	return dev->physfn ? otherwise : desc_text(dev->desc, "reset", otherwise);
}

/* Nothing in the kernel knows of IDE here: connect still says that all is well. */
void pci_reset(struct pci_dev *dev)
{
	mutex_take(&dev->lock, SIM_UNINTERRUPTIBLE);
	host_sleep(100, SIM_UNINTERRUPTIBLE);
	if (!dev->physfn && (dev->devfn & 7) == 0)
		ide_status(dev, 0, true, false);
	mutex_drop(&dev->lock);
}

STORE(reset)
{
	unsigned long value;

	if (parse_number(buf, 0, ~0ul, &value) < 0 || value != 1)
		return -EINVAL;
	if (!((struct pci_dev *)obj)->reset_method[0])
		return -ENOTTY;
	pci_reset(obj);
	return 0;
}

SHOW(reset_method)
{
	const char *methods = ((struct pci_dev *)obj)->reset_method;

	return snprintf(buf, SIM_ATTR_MAX, "%s%s", methods, methods[0] ? "\n" : "");
}

/* Is @word one of the words of @list? */
static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (; list; list = strchr(list, ' ')) {
		list += *list == ' ';
		if (strncmp(list, word, n) == 0 && (list[n] == ' ' || !list[n]))
			return true;
	}
	return false;
}

/* drivers/pci/pci.h: PCI_NUM_RESET_METHODS, of which one is no method. */
#define RESET_METHODS_MAX 7

STORE(reset_method)
{
	struct pci_dev *dev = obj;
	char text[SIM_ATTR_MAX], methods[sizeof(dev->reset_method)] = "";
	char *word, *rest = text;
	size_t used = 0, count = 0;

	if (streq(buf, "default")) {
		snprintf(dev->reset_method, sizeof(dev->reset_method), "%s",
			 reset_default(dev));
		return 0;
	}
	snprintf(text, sizeof(text), "%s", buf);
	while ((word = strsep(&rest, " \n"))) {
		if (!*word)
			continue;
		if (!has_word(reset_default(dev), word) || ++count > RESET_METHODS_MAX)
			return -EINVAL;
		used += snprintf(methods + used, sizeof(methods) - used, "%s%s",
				 used ? " " : "", word);
	}
	memcpy(dev->reset_method, methods, sizeof(methods));
	return 0;
}

/* --- driver_override --- */

SHOW(driver_override)
{
	const char *name = ((struct pci_dev *)obj)->override;

	return snprintf(buf, SIM_ATTR_MAX, "%s\n", name ? name : "(null)");
}

STORE(driver_override)
{
	struct pci_dev *dev = obj;
	size_t n = strcspn(buf, "\n");

	if (size >= SIM_ATTR_MAX - 1)
		return -EINVAL;
	free(dev->override);
	dev->override = n ? strndup(buf, n) : NULL;
	return 0;
}

/* --- The tables --- */

static const struct attribute common_attrs[] = {
	{ "config", 0644, { .read = config_read, .write = config_write } },
	{ "resource", 0444, { .show = resource_show } },
	{ "enable", 0644, { .show = enable_show, .store = enable_store } },
	{ "numa_node", 0644, { .show = numa_node_show, .store = numa_node_store } },
	{ "local_cpulist", 0444, { .show = local_cpulist_show } },
	{ "driver_override",
	  0644,
	  { .show = driver_override_show, .store = driver_override_store } },
	{ "msi_bus", 0644, { .show = msi_bus_show, .store = msi_bus_store } },
	{ "d3cold_allowed",
	  0644,
	  { .show = d3cold_allowed_show, .store = d3cold_allowed_store } },
	{ NULL },
};

/* A VF comes and goes with its PF's count only. */
static const struct attribute hotplug_attrs[] = {
	{ "remove", 0220, { .store = remove_store } },
	{ "rescan", 0200, { .store = rescan_store } },
	{ NULL },
};

static const struct attribute bridge_attrs[] = {
	{ "subordinate_bus_number", 0444, { .show = subordinate_show } },
	{ NULL },
};

static const struct attribute reset_attrs[] = {
	{ "reset", 0200, { .store = reset_store } },
	{ "reset_method", 0644, { .show = reset_method_show, .store = reset_method_store } },
	{ NULL },
};

static const struct attribute power_attrs[] = {
	{ "control", 0644, { .show = control_show, .store = control_store } },
	{ NULL },
};

/* --- Constant ones --- */

static void add_ids(struct pci_dev *dev, struct node *dir)
{
	char modalias[80];

	attr_printf(dir, "vendor", "0x%04x\n", dev->vendor);
	attr_printf(dir, "device", "0x%04x\n", dev->id);
	attr_printf(dir, "subsystem_vendor", "0x%04x\n", dev->subvendor);
	attr_printf(dir, "subsystem_device", "0x%04x\n", dev->subid);
	attr_printf(dir, "class", "0x%06x\n", dev->class);
	attr_printf(dir, "revision", "0x%02x\n", dev->revision);
	driver_modalias(dev, modalias, sizeof(modalias));
	attr_printf(dir, "modalias", "%s\n", modalias);
	attr_printf(dir, "irq", "%lld\n", dev->physfn ? 0 : desc_int(dev->desc, "irq", 0));
	tree_text(dir, "dma_mask_bits", "64\n");
	tree_text(dir, "consistent_dma_mask_bits", "64\n");
	tree_text(dir, "ari_enabled", dev->sriov.capable || dev->physfn ? "1\n" : "0\n");
	tree_text(dir, "power_state", "D0\n");
	if (dev->class >> 8 == 0x0300)
		tree_text(dir, "boot_vga", "1\n");
	if (desc_has(dev->desc, "label") && !dev->physfn)
		attr_printf(dir, "label", "%s\n", desc_text(dev->desc, "label", ""));
}

static const struct attribute link_attrs[] = {
	{ "current_link_speed", 0444, { .show = current_speed_show } },
	{ "current_link_width", 0444, { .show = link_width_show } },
	{ "max_link_speed", 0444, { .show = max_speed_show } },
	{ "max_link_width", 0444, { .show = link_width_show } },
	{ NULL },
};

/* Every feature of every mailbox, and the discovery that all of them have. */
static void add_doe(struct pci_dev *dev, struct node *dir)
{
	static const char *const cma[] = { "0001:01", "0001:02" };
	const json_t *boxes = json_object_get(dev->desc, "doe"), *box, *feature;
	size_t i, j;

	if (dev->physfn || (!boxes && !desc_bool(dev->desc, "tdisp", false)))
		return;
	dir = tree_dir(dir, "doe_features");
	tree_text(dir, "doe_discovery", "0001:00\n");
	for (i = 0; !boxes && i < 2; i++)
		attr_printf(dir, cma[i], "%s\n", cma[i]);
	json_array_foreach(boxes, i, box) json_array_foreach(
		box, j, feature) if (!tree_find(dir, json_string_value(feature)))
		attr_printf(dir, json_string_value(feature), "%s\n",
			    json_string_value(feature));
}

void pci_attributes(struct pci_dev *dev)
{
	struct node *dir = dev->device.dir, *power = tree_dir(dir, "power");
	struct node *config;

	attributes_add(dir, common_attrs, dev);
	config = tree_find(dir, "config");
	tree_set_size(config, dev->type == PCI_CONVENTIONAL ? 256 : PCI_CONFIG_SIZE);
	if (!dev->physfn)
		attributes_add(dir, hotplug_attrs, dev);
	attributes_add(power, power_attrs, dev);
	tree_text(power, "runtime_status", "active\n");
	add_ids(dev, dir);
	add_doe(dev, dir);
	if (dev->type != PCI_CONVENTIONAL && dev->type != PCI_RC_END)
		attributes_add(dir, link_attrs, dev);
	aer_attributes(dev, dir);
	if (pci_is_bridge(dev)) {
		attr_printf(dir, "secondary_bus_number", "%u\n", dev->secondary);
		attributes_add(dir, bridge_attrs, dev);
		return;
	}
	snprintf(dev->reset_method, sizeof(dev->reset_method), "%s", reset_default(dev));
	if (dev->reset_method[0])
		attributes_add(dir, reset_attrs, dev);
	if (dev->sriov.capable)
		attributes_add(dir, sriov_attrs, dev);
	if (dev->physfn)
		attributes_add(dir, sriov_vf_attrs, dev);
}
