/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "model/device.h"
#include "model/driver.h"
#include "model/mm.h"
#include "model/tsm.h"

struct host host;

int host_sleep(long long ms, enum sim_wait_mode mode)
{
	int scaled = (int)((double)ms * host.speed);

	return host.loading || scaled <= 0 ? 0 : sim_sleep(scaled, mode);
}

/* --- The description --- */

/* clang-format off */
static const struct desc_key host_keys[] = {
	{ "about", 's' }, { "speed", 'r' }, { "kernel", 'o' }, { "nodes", 'a', true },
	{ "modules", 'o' }, { "drivers", 'o' }, { "bridges", 'a', true }, { "tsm", 'a' },
	{ "iommus", 'a' }, { "parked", 'o' }, { "mounts", 'a' }, { "swaps", 'a' },
	{ NULL },
};

static const struct desc_key kernel_keys[] = {
	{ "iommu", 'b' }, { "iommufd", 'b' }, { "vfio_cdev", 'b' }, { "vfio_group", 'b' },
	{ "vfio_container", 'b' },
	{ "vf_tsm", 'b' }, { "rid_all", 'b' }, { "streams", 'n' }, { "flavour", 's' }, { "cmdline", 's' },
	{ NULL },
};
/* clang-format on */

static int load_kernel(const json_t *kernel)
{
	const char *flavour = desc_text(kernel, "flavour", "upstream");
	const char *speed = getenv("TIO_SIM_SPEED");

	if (kernel && desc_check(kernel, "kernel", kernel_keys) < 0)
		return -EINVAL;
	if (strcmp(flavour, "upstream") != 0 && strcmp(flavour, "amd-sysfs") != 0)
		return desc_fail("kernel: \"flavour\" is \"upstream\" or \"amd-sysfs\"");
	host.iommu = desc_bool(kernel, "iommu", true);
	host.iommufd = desc_bool(kernel, "iommufd", true);
	host.vfio_cdev = desc_bool(kernel, "vfio_cdev", host.iommufd);
	host.vfio_group = desc_bool(kernel, "vfio_group", true);
	host.vfio_container = desc_bool(kernel, "vfio_container", true);
	host.amd_sysfs = strcmp(flavour, "amd-sysfs") == 0;
	host.vf_tsm = desc_bool(kernel, "vf_tsm", host.amd_sysfs);
	host.rid_all = desc_bool(kernel, "rid_all", true);
	host.streams = (unsigned int)desc_int(kernel, "streams", 256);
	host.speed = speed ? strtod(speed, NULL) : desc_real(host.desc, "speed", 0);
	return 0;
}

/* What every tool looks for, whether there is anything in it or not. */
static void add_skeleton(void)
{
	static const char *const dirs[] = { "block",     "class/block", "class/net",
					    "dev/block", "dev/char",    "firmware",
					    "fs/cgroup", "kernel/mm",   "devices/virtual" };
	static const char *const cpu_files[] = { "online", "possible", "present" };

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		sys_dir(dirs[i]);
	if (host.iommu)
		sys_dir("class/iommu");
	if (host.iommu)
		sys_dir("kernel/iommu_groups");
	for (size_t i = 0; i < sizeof(cpu_files) / sizeof(cpu_files[0]); i++)
		tree_text(sys_dir("devices/system/cpu"), cpu_files[i], CPUS_ONLINE "\n");
}

/* "devices/virtual/iommu/ivhd0"-like: the units, each below its own PCI function. */
static const struct desc_key iommu_keys[] = {
	{ "parent", 's', true },
	{ "features", 's', true },
	{ NULL },
};

static int load_iommus(const json_t *list)
{
	static const struct device_type type = { .subsystem = "iommu" };
	const json_t *desc;
	size_t i;

	json_array_foreach(list, i, desc)
	{
		struct device *device = calloc(1, sizeof(*device));
		struct pci_dev *parent;
		struct node *amd;

		if (desc_check(desc, "iommus", iommu_keys) < 0)
			return -EINVAL;
		parent = pci_find(desc_text(desc, "parent", NULL));
		if (!parent)
			return desc_fail("iommus: there is no function %s",
					 desc_text(desc, "parent", ""));
		device->type = &type;
		snprintf(device->name, sizeof(device->name), "ivhd%zu", i);
		device_add(device, parent->device.dir, true);
		amd = tree_dir(device->dir, "amd-iommu");
		attr_printf(amd, "features", "%s\n", desc_text(desc, "features", ""));
		tree_text(amd, "cap", "\n");
		parent->driver_data = device;
	}
	return 0;
}

static int load_drivers(json_t *drivers)
{
	const char *name;
	json_t *desc;

	json_object_foreach(drivers, name, desc)
	{
		if (driver_check(name, desc) < 0)
			return -EINVAL;
		driver_register(driver_new(name, desc, NULL));
	}
	return 0;
}

/* "mounts": [["/dev/nvme0n1p2", "/data", "ext4"]], "swaps": ["/dev/nvme0n1p3"] */
static int check_mounts(void)
{
	const json_t *mount, *swap;
	size_t i;

	json_array_foreach(json_object_get(host.desc, "mounts"), i, mount) if (
		json_array_size(mount) != 3 || !json_is_string(json_array_get(mount, 0)) ||
		!json_is_string(json_array_get(mount, 1)) ||
		!json_is_string(json_array_get(
			mount,
			2))) return desc_fail("mounts: each is [\"source\", \"where\", \"type\"]");
	json_array_foreach(
		json_object_get(host.desc, "swaps"), i,
		swap) if (!json_is_string(swap)) return desc_fail("swaps: each is a string");
	return 0;
}

static void add_proc(void)
{
	const json_t *kernel = json_object_get(host.desc, "kernel"), *swap;
	char text[2048];
	size_t i;

	snprintf(text, sizeof(text), "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	json_array_foreach(json_object_get(host.desc, "swaps"), i, swap) snprintf(
		text + strlen(text), sizeof(text) - strlen(text), "%-40s%s\t%s\t%s\t%d\n",
		json_string_value(swap), "partition", "8388604", "0\t", -2 - (int)i);
	tree_text(tree_root("proc"), "swaps", text);
	attr_printf(tree_root("proc"), "cmdline", "%s\n",
		    desc_text(kernel, "cmdline", "BOOT_IMAGE=/vmlinuz ro"));
}

static int load_all(void)
{
	if (desc_check(host.desc, "host", host_keys) < 0)
		return -EINVAL;
	if (load_kernel(json_object_get(host.desc, "kernel")) < 0 || check_mounts() < 0)
		return -EINVAL;
	if (!json_object_get(host.desc, "parked"))
		json_object_set_new(host.desc, "parked", json_object());
	add_skeleton();
	add_proc();
	if (mm_load(json_object_get(host.desc, "nodes")) < 0 ||
	    load_drivers(json_object_get(host.desc, "drivers")) < 0 ||
	    modules_load(json_object_get(host.desc, "modules")) < 0 || bus_load(host.desc) < 0)
		return -EINVAL;
	if (host.iommu && load_iommus(json_object_get(host.desc, "iommus")) < 0)
		return -EINVAL;
	return tsm_load(json_object_get(host.desc, "tsm"));
}

int model_load(const json_t *desc, char *why, size_t size)
{
	int r;

	host.desc = json_deep_copy(desc);
	host.loading = true;
	r = load_all();
	host.loading = false;
	if (r < 0)
		snprintf(why, size, "%s", desc_error());
	return r;
}

void model_mounts_each(void (*fn)(void *arg, const char *source, const char *where,
				  const char *type),
		       void *arg)
{
	const json_t *mount;
	size_t i;

	json_array_foreach(json_object_get(host.desc, "mounts"), i, mount)
		fn(arg, json_string_value(json_array_get(mount, 0)),
		   json_string_value(json_array_get(mount, 1)),
		   json_string_value(json_array_get(mount, 2)));
}
