/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "host-tree.h"

#define PORT   "0000:e0:01.1"
#define GPU    "0000:e1:00.0"
#define AUDIO  "0000:e1:00.1"
#define VF     "0000:e1:00.3"
#define BRIDGE "sys/devices/pci0000:e0"

static void put_ide(struct config *config, unsigned int streams)
{
	config_extended(config, 0x100, 0x0030, 0);
	config_put(config, 0x104, 1u << 1 | (streams - 1) << 16);
	config_put(config, 0x110, 1u | 7u << 24); /* of the first block: enabled, stream 7 */
	config_put(config, 0x114, 2);
}

/* A root port with a GPU of two functions and one VF behind it, and a TSM. */
static void small_host(void)
{
	struct config config = { 0 };

	tree_start();
	config_express(&config, 4, 0);
	put_ide(&config, 2);
	tree_function("pci0000:e0/" PORT, 0x102214ab, 0x060400);
	tree_config(PORT, &config, sizeof(config.bytes));

	config = (struct config){ 0 };
	config_express(&config, 0, 1u << 30 | 1u << 28);
	put_ide(&config, 1);
	tree_function("pci0000:e0/" PORT "/" GPU, 0x10de2901, 0x030200);
	tree_config(GPU, &config, sizeof(config.bytes));
	tree_attr(GPU, "driver_override", "vfio-pci\n");
	tree_attr(GPU, "sriov_totalvfs", "16\n");
	tree_attr(GPU, "sriov_numvfs", "2\n");
	tree_attr(GPU, "sriov_offset", "2\n");
	tree_attr(GPU, "sriov_stride", "1\n");
	tree_attr(GPU, "sriov_drivers_autoprobe", "0\n");
	tree_attr(GPU, "tsm/connect", "\n");
	tree_attr(GPU, "tsm/bound", "\n");
	tree_attr(GPU, "doe_features/0001:01", "0001:01\n");
	tree_link("../../../../kernel/iommu_groups/24",
		  "sys/bus/pci/devices/" GPU "/iommu_group");
	tree_link("../0000:e1:00.3", "sys/bus/pci/devices/" GPU "/virtfn1");

	tree_function("pci0000:e0/" PORT "/" AUDIO, 0x10de22e8, 0x040300);
	tree_function("pci0000:e0/" PORT "/" VF, 0x10de2901, 0x030200);
	tree_link("../" GPU, "sys/bus/pci/devices/" VF "/physfn");

	tree_function("pci0000:e0/0000:e0:07.0", 0x102214ca, 0x108000);
	tree_folder("sys/devices/pci0000:e0/0000:e0:07.0/tsm/tsm0");
	tree_link("../../devices/pci0000:e0/0000:e0:07.0/tsm/tsm0", "sys/class/tsm/tsm0");
	tree_put("0000:e1:00\n", "sys/bus/pci/slots/7/address");
	tree_folder("sys/kernel/iommu_groups/24");
	tree_put("", "dev/iommu");
}

TestSuite(scan, .init = small_host, .fini = tree_end);

static struct snapshot scan_some(const struct snapshot *known, const struct bdf *dirty,
				 size_t n, bool links)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct snapshot snap = { 0 };

	cr_assert(eq(int, host_scan(&tree.host, known, dirty, n, links, &snap, &err), 0), "%s",
		  err.text);
	return snap;
}

/* Reads @dirty again, NULL: all that is @known. */
static struct snapshot scan_all(const struct snapshot *known, const char *dirty, bool links)
{
	struct bdf list[16];
	size_t n = 0;

	if (dirty)
		list[n++] = address(dirty);
	for (size_t i = 0; known && !dirty && i < known->n_functions; i++)
		list[n++] = known->functions[i].bdf;
	return scan_some(known, list, n, links);
}

static struct function *find(const struct snapshot *snap, const char *name)
{
	struct function *f = snapshot_find(snap, address(name));

	cr_assert(ne(ptr, f, NULL), "%s", name);
	return f;
}

Test(scan, a_pf_is_read_with_all_there_is)
{
	struct snapshot snap = scan_all(NULL, NULL, false);
	struct function *f = find(&snap, GPU);

	cr_expect(eq(sz, snap.n_functions, 5));
	cr_expect(eq(int, f->kind, FUNCTION_ENDPOINT));
	cr_expect(eq(uint, f->vendor, 0x10de));
	cr_expect(eq(uint, f->device, 0x2901));
	cr_expect(eq(uint, f->subvendor, 0x1234));
	cr_expect(eq(uint, f->subdevice, 0xabcd));
	cr_expect(eq(uint, f->class, 0x030200));
	cr_expect(eq(str, f->modalias, "pci:v000010DEd00002901sv"));
	cr_expect(eq(str, f->slot, "7"));
	cr_expect(eq(str, f->host_bridge, "pci0000:e0"));
	cr_expect(bdf_equal(f->dsm, address(GPU)));
	cr_expect(bdf_equal(f->root_port, address(PORT)));
	cr_expect(eq(uint, f->root_port_ide.selective_streams, 2));
	cr_expect(eq(uint, f->ide.selective_streams, 1));
	cr_expect(eq(int, f->numa_node, 1));
	cr_expect(eq(int, f->iommu_group, 24));
	cr_expect(f->tee_io && f->flr && f->doe_cma && !f->doe_session);
	cr_expect(eq(u64, f->largest_bar, 0x1000000000));
	cr_expect(eq(uint, f->vfs_total, 16));
	cr_expect(eq(uint, f->vfs, 2));
	cr_expect(eq(uint, f->vf_offset, 2));
	cr_expect(not(f->vfs_autoprobe));
	cr_expect(eq(str, f->driver, ""));
	cr_expect(eq(str, f->override, "vfio-pci"));
	cr_expect(f->tsm_group);
	snapshot_finish(&snap);
}

Test(scan, an_override_of_null_is_none)
{
	struct snapshot snap = scan_all(NULL, NULL, false);

	cr_expect(eq(str, find(&snap, AUDIO)->override, ""));
	cr_expect(bdf_equal(find(&snap, AUDIO)->dsm, address(GPU)));
	cr_expect(eq(int, find(&snap, AUDIO)->iommu_group, -1));
	snapshot_finish(&snap);
}

Test(scan, a_vf_knows_its_pf_family_and_index)
{
	struct snapshot snap = scan_all(NULL, NULL, false);
	struct function *f = find(&snap, VF);

	cr_expect(eq(int, f->kind, FUNCTION_VF));
	cr_expect(bdf_equal(f->physfn, address(GPU)));
	cr_expect(bdf_equal(f->dsm, address(GPU)));
	cr_expect(eq(uint, f->vf_index, 1));
	cr_expect(eq(str, f->slot, "7"));
	snapshot_finish(&snap);
}

Test(scan, the_host_is_looked_at_too)
{
	struct snapshot snap = scan_all(NULL, NULL, false);

	cr_expect(eq(sz, snap.n_tsms, 1));
	cr_expect(eq(str, snap.tsms[0].name, "tsm0"));
	cr_expect(bdf_equal(snap.tsms[0].parent, address("0000:e0:07.0")));
	cr_expect(snap.iommu && snap.iommufd && !snap.vfio_pci);
	snapshot_finish(&snap);
}

Test(scan, without_links_nobody_waits_for_a_connect)
{
	struct snapshot snap;

	/* To read these would fail here, as it would wait on a host that connects. */
	tree_remove("sys/bus/pci/devices/" GPU "/tsm/connect");
	tree_folder("sys/bus/pci/devices/" GPU "/tsm/connect");
	snap = scan_all(NULL, NULL, false);
	cr_expect(find(&snap, GPU)->tsm_group);
	cr_expect(not(find(&snap, GPU)->link_known));
	snapshot_finish(&snap);
}

Test(scan, with_links_the_tsm_is_read)
{
	struct snapshot snap;

	tree_attr(GPU, "tsm/connect", "tsm0\n");
	tree_attr(GPU, "tsm/bound", "tsm0\n");
	snap = scan_all(NULL, NULL, true);
	cr_expect(find(&snap, GPU)->link_known);
	cr_expect(eq(str, find(&snap, GPU)->tsm, "tsm0"));
	cr_expect(eq(str, find(&snap, GPU)->bound, "tsm0"));
	snapshot_finish(&snap);
}

Test(scan, a_stream_tells_the_link_without_waiting)
{
	struct snapshot snap, later;

	tree_link(PORT "/" GPU, BRIDGE "/stream0.0.0");
	snap = scan_all(NULL, NULL, false);
	cr_expect(find(&snap, GPU)->link_known);
	cr_expect(eq(str, find(&snap, GPU)->tsm, "tsm0"));
	cr_expect(function_link_is_secure(find(&snap, GPU)));
	cr_expect(eq(uint, find(&snap, GPU)->stream.endpoint.stream_id, 7));

	tree_remove(BRIDGE "/stream0.0.0");
	later = scan_all(&snap, NULL, false);
	cr_expect(find(&later, GPU)->link_known);
	cr_expect(eq(str, find(&later, GPU)->tsm, ""));
	cr_expect(not(find(&later, GPU)->stream.present));
	snapshot_finish(&snap);
	snapshot_finish(&later);
}

Test(scan, a_known_function_keeps_what_is_constant)
{
	struct config config = { 0 };
	struct snapshot snap = scan_all(NULL, NULL, false), later;

	/* Were its config read again, it would have lost its capabilities. */
	tree_config(GPU, &config, sizeof(config.bytes));
	tree_attr(GPU, "sriov_numvfs", "4\n");
	later = scan_all(&snap, NULL, false);
	cr_expect(find(&later, GPU)->tee_io);
	cr_expect(eq(uint, find(&later, GPU)->vfs, 4));
	snapshot_finish(&snap);
	snapshot_finish(&later);
}

Test(scan, only_the_dirty_ones_are_read_again)
{
	struct snapshot snap = scan_all(NULL, NULL, false), later;

	tree_attr(GPU, "driver_override", "pci-stub\n");
	tree_attr(AUDIO, "driver_override", "pci-stub\n");
	later = scan_all(&snap, AUDIO, false);
	cr_expect(eq(str, find(&later, GPU)->override, "vfio-pci"));
	cr_expect(eq(str, find(&later, AUDIO)->override, "pci-stub"));
	snapshot_finish(&snap);
	snapshot_finish(&later);
}

Test(scan, without_dirty_ones_only_what_is_new_is_read)
{
	struct snapshot snap = scan_all(NULL, NULL, false), later;

	tree_attr(GPU, "driver_override", "pci-stub\n");
	tree_function("pci0000:e0/" PORT "/0000:e1:00.4", 0x10de2901, 0x030200);
	later = scan_some(&snap, NULL, 0, false);
	cr_expect(eq(str, find(&later, GPU)->override, "vfio-pci"));
	find(&later, "0000:e1:00.4");
	snapshot_finish(&snap);
	snapshot_finish(&later);
}

Test(scan, what_is_gone_is_left_out_and_what_is_new_comes_in)
{
	struct snapshot snap = scan_all(NULL, NULL, false), later;

	tree_remove("sys/bus/pci/devices/" VF);
	tree_function("pci0000:e0/" PORT "/0000:e1:00.4", 0x10de2901, 0x030200);
	/* Removed between the listing and the look at it: a link to nowhere. */
	tree_link("../../../devices/pci0000:e0/0000:e0:09.0",
		  "sys/bus/pci/devices/0000:e0:09.0");
	later = scan_all(&snap, AUDIO, false);
	cr_expect(eq(sz, later.n_functions, 5));
	cr_expect(eq(ptr, snapshot_find(&later, address(VF)), NULL));
	find(&later, "0000:e1:00.4");
	snapshot_finish(&snap);
	snapshot_finish(&later);
}

Test(scan, another_card_at_the_address_is_read_whole)
{
	struct config config = { 0 };
	struct snapshot snap = scan_all(NULL, NULL, false), later;

	tree_attr(GPU, "uevent", "PCI_CLASS=20000\nPCI_ID=15B3:1023\n");
	tree_config(GPU, &config, sizeof(config.bytes));
	later = scan_all(&snap, NULL, false);
	cr_expect(eq(uint, find(&later, GPU)->vendor, 0x15b3));
	cr_expect(not(find(&later, GPU)->tee_io));
	snapshot_finish(&snap);
	snapshot_finish(&later);
}

Test(scan, two_scans_of_the_same_host_are_the_same_bytes)
{
	struct snapshot snap = scan_all(NULL, NULL, true), later = scan_all(&snap, NULL, false);

	cr_assert(eq(sz, snap.n_functions, later.n_functions));
	for (size_t i = 0; i < snap.n_functions; i++)
		cr_expect(memcmp(&snap.functions[i], &later.functions[i],
				 sizeof(struct function)) == 0);
	snapshot_finish(&snap);
	snapshot_finish(&later);
}

Test(scan, with_only_the_header_the_kernels_verdict_counts)
{
	struct config config = { 0 };
	struct snapshot snap;

	tree_config(GPU, &config, 64);
	tree_config(PORT, &config, 64);
	snap = scan_all(NULL, NULL, false);
	cr_expect(not(find(&snap, GPU)->config_complete));
	cr_expect(eq(int, find(&snap, GPU)->kind, FUNCTION_ENDPOINT));
	cr_expect(find(&snap, GPU)->tee_io);
	cr_expect(eq(int, find(&snap, PORT)->kind, FUNCTION_BRIDGE));
	cr_expect(bdf_equal(find(&snap, GPU)->root_port, address(PORT)));
	snapshot_finish(&snap);
}

Test(scan, refresh_and_discover_say_who_is_gone)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct function f;

	cr_assert(eq(int, host_ops.discover(&tree.host, address(GPU), &f, &err), 0));
	cr_expect(bdf_equal(f.root_port, address(PORT)));
	cr_expect(eq(uint, f.root_port_ide.selective_streams, 2));
	tree_attr(GPU, "sriov_numvfs", "7\n");
	cr_assert(eq(int, host_ops.refresh(&tree.host, &f, &err), 0));
	cr_expect(eq(uint, f.vfs, 7));

	tree_remove("sys/bus/pci/devices/" GPU);
	cr_expect(eq(int, host_ops.refresh(&tree.host, &f, &err), -ENODEV));
	cr_expect(eq(str, err.text, "there is no PCI function " GPU));
	cr_expect(eq(int, host_ops.discover(&tree.host, address(GPU), &f, &err), -ENODEV));
	cr_expect(eq(int, err.kind, ERROR_NO_FUNCTION));
}

Test(scan, a_root_without_pci_is_an_error)
{
	struct tio_error err = TIO_ERROR_NONE;
	struct snapshot snap = { 0 };

	tree_remove("sys/bus/pci/devices");
	cr_expect(eq(int, host_scan(&tree.host, NULL, NULL, 0, false, &snap, &err), -ENOENT));
	cr_expect(eq(str, err.text, "open bus/pci/devices: No such file or directory"));
}

static void count(void *arg, const struct progress *progress)
{
	unsigned int *n = arg;

	cr_expect(eq(uint, progress->index, 64 * ++*n));
}

Test(scan, what_it_reads_is_told_now_and_then)
{
	unsigned int n = 0;
	struct snapshot all, again;
	char path[64];

	for (unsigned int i = 0; i < 125; i++) {
		snprintf(path, sizeof(path), "pci0000:e0/0000:e0:%02x.%x", 8 + i / 8, i % 8);
		tree_function(path, 0x10221480, 0x060000);
	}
	tree.host.progress = count;
	tree.host.arg = &n;
	all = scan_some(NULL, NULL, 0, true);
	cr_assert(eq(sz, all.n_functions / 64, 2));
	cr_expect(eq(uint, n, 2));

	again = scan_all(&all, GPU, true);
	cr_expect(eq(uint, n, 2), "what is not read again is no sign of life");
	snapshot_finish(&all);
	snapshot_finish(&again);
}
