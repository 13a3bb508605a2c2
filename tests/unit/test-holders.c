/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "core/holder.h"
#include "host-tree.h"
#include "host/holders.h"

#define NVME   "0000:61:00.0"
#define NOBODY 65534
#define PATH   "sys/devices/pci0000:60/0000:60:01.1/" NVME

static struct function drive;
static struct snapshot snap;
static const struct plugin_traits *traits;

/*
 * An NVMe drive with one disk of two partitions.  They have no numbers, like disks that nobody
 * can open: to have them claimed takes block devices.
 */
static void one_drive(void)
{
	tree_start();
	tree_function("pci0000:60/0000:60:01.1/" NVME, 0x144da826, 0x010802);
	tree_put("MAJOR=240\nMINOR=1\nDEVNAME=nvme1\n", PATH "/nvme/nvme1/uevent");
	tree_put("DEVNAME=nvme1n1\nDEVTYPE=disk\n", PATH "/nvme/nvme1/nvme1n1/uevent");
	for (int i = 1; i <= 2; i++) {
		char text[128];

		snprintf(text, sizeof(text), "DEVNAME=nvme1n1p%d\nDEVTYPE=partition\n", i);
		tree_put(text, PATH "/nvme/nvme1/nvme1n1/nvme1n1p%d/uevent", i);
	}
	tree_put("", "proc/self/mountinfo");
	tree_put("Filename Type Size Used Priority\n", "proc/swaps");
	drive = (struct function){ .bdf = address(NVME), .iommu_group = -1, .driver = "nvme" };
}

static void end(void)
{
	snapshot_finish(&snap);
	tree_end();
}

TestSuite(holders, .init = one_drive, .fini = end);

static size_t find(void)
{
	struct tio_error err = TIO_ERROR_NONE;

	cr_assert(eq(int, holders_find(&tree.host, &snap, &drive, traits, &err), 0), "%s",
		  err.text);
	return snap.n_holders;
}

static void expect(size_t i, enum holder_kind kind, const char *what, const char *where)
{
	cr_assert(lt(sz, i, snap.n_holders));
	cr_expect(eq(int, snap.holders[i].kind, kind));
	cr_expect(eq(str, snap.holders[i].what, (char *)what));
	cr_expect(eq(str, snap.holders[i].where, (char *)where));
	cr_expect(bdf_equal(snap.holders[i].function, drive.bdf));
}

Test(holders, an_idle_drive_has_none)
{
	cr_expect(eq(sz, find(), 0));
}

Test(holders, a_mount_is_found_by_number_and_its_place_is_unescaped)
{
	tree_put("MAJOR=259\nMINOR=12\nDEVNAME=nvme1n1p2\nDEVTYPE=partition\n",
		 PATH "/nvme/nvme1/nvme1n1/nvme1n1p2/uevent");
	tree_put(
		"36 1 259:12 / /srv/my\\040data\\134x rw,noatime shared:1 - ext4 /dev/root rw\n"
		"37 1 8:1 / /boot rw - ext4 /dev/sda1 rw\n",
		"proc/self/mountinfo");
	cr_expect(eq(sz, find(), 1));
	expect(0, HOLDER_MOUNT, "/dev/nvme1n1p2", "/srv/my data\\x");
}

Test(holders, a_mount_is_found_by_name_where_numbers_are_made_up)
{
	tree_put("36 1 0:42 /@ /data rw - btrfs /dev/nvme1n1p1 rw,subvol=/@\n"
		 "37 1 0:43 / /other rw - btrfs /dev/nvme1n1p12 rw\n",
		 "proc/self/mountinfo");
	cr_expect(eq(sz, find(), 1));
	expect(0, HOLDER_MOUNT, "/dev/nvme1n1p1", "/data");
}

Test(holders, lines_of_mountinfo_are_taken_apart)
{
	static const struct {
		const char *line;
		int result;
		const char *where, *source;
	} cases[] = {
		{ "36 35 98:0 / /mnt rw - ext3 /dev/sda1 rw", 0, "/mnt", "/dev/sda1" },
		{ "36 35 98:0 / /mnt rw master:1 shared:2 - ext3 /dev/a\\040b rw\n", 0, "/mnt",
		  "/dev/a b" },
		{ "36 35 98:0 / /a\\011\\012\\134b rw - x y z", 0, "/a\t\n\\b", "y" },
		/* Not three digits of octal: as it stands. */
		{ "36 35 98:0 / /a\\9\\04 rw - x y z", 0, "/a\\9\\04", "y" },
		{ "36 35 98:0 / /trailing\\ rw - x y z", 0, "/trailing\\", "y" },
		{ "", -EINVAL, "", "" },
		{ "36 35 98:0 /", -EINVAL, "", "" },
		{ "36 35 98 / /mnt rw - ext3 /dev/sda1 rw", -EINVAL, "", "" },
		{ "36 35 98:0 / /mnt rw ext3 /dev/sda1 rw", -EINVAL, "", "" },
		{ "36 35 98:0 / /mnt rw -", -EINVAL, "", "" },
		{ "36 35 98:0 / /mnt rw - ext3", -EINVAL, "", "" },
	};
	struct mount mount;
	char line[256];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		text_copy(line, sizeof(line), cases[i].line);
		cr_assert(eq(int, holders_parse_mount(line, &mount), cases[i].result), "%s",
			  cases[i].line);
		if (cases[i].result < 0)
			continue;
		cr_expect(eq(str, (char *)mount.where, (char *)cases[i].where));
		cr_expect(eq(str, (char *)mount.source, (char *)cases[i].source));
	}
}

Test(holders, swap_and_stacked_devices_are_found)
{
	tree_put("Filename Type Size Used Priority\n/dev/nvme1n1p1 partition 1 0 -2\n"
		 "/swapfile file 1 0 -3\n",
		 "proc/swaps");
	tree_put("vg-root\n", "sys/devices/virtual/block/dm-3/dm/name");
	tree_link("../../devices/virtual/block/dm-3", "sys/class/block/dm-3");
	tree_link("../../devices/virtual/block/md0", "sys/class/block/md0");
	tree_folder("sys/devices/virtual/block/md0");
	tree_link("../../../../../../../../virtual/block/dm-3",
		  PATH "/nvme/nvme1/nvme1n1/nvme1n1p2/holders/dm-3");
	tree_link("../../../../../../../virtual/block/md0",
		  PATH "/nvme/nvme1/nvme1n1/holders/md0");
	cr_expect(eq(sz, find(), 3));
	/* In the order of the tree, which folders do not have: look for each. */
	for (size_t i = 0; i < snap.n_holders; i++) {
		if (snap.holders[i].kind == HOLDER_SWAP)
			expect(i, HOLDER_SWAP, "/dev/nvme1n1p1", "/dev/nvme1n1p1");
		else if (strcmp(snap.holders[i].stack, "the array /dev/md0") == 0)
			expect(i, HOLDER_BLOCK, "/dev/nvme1n1", "");
		else
			expect(i, HOLDER_BLOCK, "/dev/nvme1n1p2", "");
	}
}

Test(holders, a_multipath_disk_is_found_below_its_subsystem)
{
	tree_remove(PATH "/nvme/nvme1/nvme1n1");
	tree_put("MAJOR=259\nMINOR=3\nDEVNAME=nvme0n1\nDEVTYPE=disk\n",
		 "sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/uevent");
	tree_link("../../../pci0000:60/0000:60:01.1/" NVME "/nvme/nvme1",
		  "sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme1");
	tree_link("../../devices/virtual/nvme-subsystem/nvme-subsys0",
		  "sys/class/nvme-subsystem/nvme-subsys0");
	tree_put("36 1 259:3 / /data rw - ext4 /dev/nvme0n1 rw\n", "proc/self/mountinfo");
	cr_expect(eq(sz, find(), 1));
	expect(0, HOLDER_MOUNT, "/dev/nvme0n1", "/data");
}

Test(holders, a_process_with_a_node_open_is_named_once_a_node)
{
	tree_put("qemu-system-x86\n", "proc/4711/comm");
	tree_link("/dev/nvme1", "proc/4711/fd/3");
	tree_link("/dev/nvme1", "proc/4711/fd/4");
	tree_link("socket:[1]", "proc/4711/fd/5");
	tree_link("/dev/nvme11", "proc/4711/fd/6");
	tree_link("/tmp/nvme1", "proc/4711/fd/7");
	tree_link("/dev/nvme1", "proc/net/fd/3");
	cr_expect(eq(sz, find(), 1));
	expect(0, HOLDER_PROCESS, "/dev/nvme1", "");
	cr_expect(eq(int, snap.holders[0].pid, 4711));
	cr_expect(eq(str, snap.holders[0].command, "qemu-system-x86"));
}

Test(holders, a_descriptor_that_only_stands_for_a_node_holds_nothing)
{
	tree_link("/dev/nvme1", "proc/4711/fd/3");
	tree_put("pos:\t0\nflags:\t012000000\nmnt_id:\t27\n", "proc/4711/fdinfo/3");
	cr_expect(eq(sz, find(), 0));
	tree_link("/dev/nvme1", "proc/4711/fd/4");
	tree_put("pos:\t0\nflags:\t02100002\nmnt_id:\t27\n", "proc/4711/fdinfo/4");
	cr_expect(eq(sz, find(), 1));
	expect(0, HOLDER_PROCESS, "/dev/nvme1", "");
	tree_put("pos:\t0\n", "proc/4711/fdinfo/4");
	cr_expect(eq(sz, find(), 1));
}

Test(holders, a_process_whose_first_thread_has_ended_holds_what_the_others_have)
{
	tree_folder("proc/4711/fd");
	tree_folder("proc/4711/task/4711/fd");
	tree_link("/dev/nvme1", "proc/4711/task/4712/fd/3");
	tree_put("flags:\t02\n", "proc/4711/task/4712/fdinfo/3");
	cr_assert(eq(sz, find(), 1));
	expect(0, HOLDER_PROCESS, "/dev/nvme1", "");
	cr_expect(eq(int, snap.holders[0].pid, 4711));
	tree_put("flags:\t012000000\n", "proc/4711/task/4712/fdinfo/3");
	cr_expect(eq(sz, find(), 0));
}

Test(holders, a_node_opened_by_another_name_is_the_same_file)
{
	char path[128];

	drive.driver[0] = '\0';
	tree_put("MAJOR=511\nMINOR=0\nDEVNAME=vfio/devices/vfio0\n",
		 PATH "/vfio-dev/vfio0/uevent");
	tree_put("", "dev/vfio/devices/vfio0");
	tree_put("", "elsewhere/vfio0");
	snprintf(path, sizeof(path), "%s/dev/vfio/devices/vfio0", tree.root);
	tree_link(path, "proc/7/fd/3");
	snprintf(path, sizeof(path), "%s/elsewhere/vfio0", tree.root);
	tree_link(path, "proc/8/fd/3");
	cr_expect(eq(sz, find(), 1));
	expect(0, HOLDER_PROCESS, "/dev/vfio/devices/vfio0", "");
	cr_expect(eq(int, snap.holders[0].pid, 7));
}

Test(holders, a_vfio_group_in_use_is_found)
{
	strcpy(drive.driver, "vfio-pci");
	drive.iommu_group = 14;
	tree_link("/dev/vfio/14", "proc/9/fd/3");
	tree_link("/dev/vfio/1", "proc/10/fd/3");
	cr_expect(eq(sz, find(), 1));
	expect(0, HOLDER_PROCESS, "/dev/vfio/14", "");
}

Test(holders, nvidias_own_node_is_looked_up_in_proc)
{
	strcpy(drive.driver, "nvidia");
	tree_put("Model: \t GB100\nDevice Minor: \t 3\n",
		 "proc/driver/nvidia/gpus/" NVME "/information");
	tree_link("/dev/nvidia3", "proc/9/fd/3");
	cr_expect(eq(sz, find(), 1));
	expect(0, HOLDER_PROCESS, "/dev/nvidia3", "");
}

Test(holders, a_network_interface_in_a_bridge_is_found)
{
	tree_put("INTERFACE=tiodtest0\nIFINDEX=7\n", PATH "/net/tiodtest0/uevent");
	tree_link("../../../../../virtual/net/br0", PATH "/net/tiodtest0/upper_br0");
	tree_link("../../../../../virtual/net/br0", PATH "/net/tiodtest0/master");
	cr_expect(eq(sz, find(), 1));
	expect(0, HOLDER_MASTER, "tiodtest0", "br0");
}

Test(holders, an_address_of_an_interface_that_is_up_counts)
{
	/* The one interface with an address that every network namespace can have. */
	tree_put("INTERFACE=lo\nIFINDEX=1\n", PATH "/net/lo/uevent");
	find();
	if (snap.n_holders == 0)
		cr_skip_test("lo is down here");
	cr_expect(eq(int, snap.holders[0].kind, HOLDER_ADDRESS));
	cr_expect(eq(str, snap.holders[0].what, "lo"));
	cr_expect(eq(str, snap.holders[0].where, "127.0.0.1"));
}

Test(holders, enabled_vfs_hold_their_pf)
{
	drive.vfs = 4;
	cr_expect(eq(sz, find(), 1));
	expect(0, HOLDER_VFS, "4 virtual functions", "");
}

Test(holders, asking_again_forgets_what_was_and_keeps_the_others)
{
	struct holder other = { .function = address("0000:01:00.0"), .kind = HOLDER_SWAP };

	cr_assert(eq(int, snapshot_add_holder(&snap, &other), 0));
	drive.vfs = 4;
	cr_expect(eq(sz, find(), 2));
	cr_expect(eq(sz, find(), 2));
	drive.vfs = 0;
	cr_expect(eq(sz, find(), 1));
	cr_expect(bdf_equal(snap.holders[0].function, other.function));
}

Test(holders, functions_behind_a_bridge_are_not_its_own)
{
	struct function bridge = { .bdf = address("0000:60:01.1"),
				   .kind = FUNCTION_BRIDGE,
				   .iommu_group = -1 };
	struct tio_error err = TIO_ERROR_NONE;

	tree_function("pci0000:60/0000:60:01.1", 0x102214ab, 0x060400);
	tree_put("36 1 0:12 / /data rw - ext4 /dev/nvme1n1 rw\n", "proc/self/mountinfo");
	cr_assert(eq(int, holders_find(&tree.host, &snap, &bridge, NULL, &err), 0));
	cr_expect(eq(sz, snap.n_holders, 0));
	bridge.kind = FUNCTION_ENDPOINT;
	cr_assert(eq(int, holders_find(&tree.host, &snap, &bridge, NULL, &err), 0));
	cr_expect(eq(sz, snap.n_holders, 1), "those of a volume management device are");
}

/* --- What must not be missed --- */

static size_t not_forcible(void)
{
	size_t n = 0;

	for (size_t i = 0; i < snap.n_holders; i++)
		n += holder_force(&snap.holders[i]) == 0 && !holder_is_note(&snap.holders[i]);
	return n;
}

static const struct holder *find_kind(enum holder_kind kind)
{
	for (size_t i = 0; i < snap.n_holders; i++)
		if (snap.holders[i].kind == kind)
			return &snap.holders[i];
	return NULL;
}

Test(holders, a_mounted_disk_is_found_however_deep_it_is)
{
	static const char *const ways[] = {
		"usb3/3-1/3-1:1.0/host6/target6:0:0/6:0:0:0",
		"usb3/3-1/3-1.2/3-1.2.1/3-1.2.1.4/3-1.2.1.4:1.0/host6/target6:0:0/6:0:0:0",
		("host0/port-0:0/expander-0:0/port-0:0:1/expander-0:1/port-0:1:2/expander-0:2/"
		 "port-0:2:3/end_device-0:2:3/target0:0:3/0:0:3:0"),
	};

	tree_put("36 1 0:17 / /data rw - ext4 /dev/sdb1 rw\n", "proc/self/mountinfo");
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		tree_put("DEVNAME=sdb\nDEVTYPE=disk\n", PATH "/%s/block/sdb/uevent", ways[i]);
		tree_put("DEVNAME=sdb1\nDEVTYPE=partition\n", PATH "/%s/block/sdb/sdb1/uevent",
			 ways[i]);
		cr_expect(eq(sz, find(), 1), "%s", ways[i]);
		expect(0, HOLDER_MOUNT, "/dev/sdb1", "/data");
		tree_remove(PATH "/host0");
		tree_remove(PATH "/usb3");
	}
}

Test(holders, a_path_that_is_too_long_is_no_absence)
{
	static const char part[] =
		"a-name-of-sixty-characters-in-all-or-not-quite-that-many--xx";
	char path[CHILD_PATH_MAX + 64] = "";

	while (strlen(path) < CHILD_PATH_MAX - 64)
		text_append(path, sizeof(path), "/%s", part);
	/* Step by step: it is too long for one call of tree_folder(), too. */
	cr_assert(eq(int, chdir(tree.root), 0));
	tree_folder(PATH "/deep");
	cr_assert(eq(int, chdir(PATH "/deep"), 0));
	for (size_t i = 0; i < strlen(path) / sizeof(part); i++) {
		cr_assert(eq(int, mkdir(part, 0755), 0));
		cr_assert(eq(int, chdir(part), 0));
	}
	cr_assert(eq(int, chdir("/"), 0));
	cr_expect(eq(sz, find(), 1));
	cr_expect(eq(int, (int)snap.holders[0].kind, (int)HOLDER_UNSEEN));
	cr_expect(eq(sz, not_forcible(), 1));
}

static void a_volume(void)
{
	tree_put("vg-root\n", "sys/devices/virtual/block/dm-3/dm/name");
	tree_put("LVM-abc\n", "sys/devices/virtual/block/dm-3/dm/uuid");
	tree_link("../../devices/virtual/block/dm-3", "sys/class/block/dm-3");
	tree_link("../../../../../../../../virtual/block/dm-3",
		  PATH "/nvme/nvme1/nvme1n1/nvme1n1p2/holders/dm-3");
}

Test(holders, a_volume_is_told_even_when_a_process_has_it_open)
{
	a_volume();
	tree_put("postgres\n", "proc/4711/comm");
	tree_link("/dev/dm-3", "proc/4711/fd/3");
	cr_expect(eq(sz, find(), 2));
	cr_expect(find_kind(HOLDER_PROCESS) != NULL);
	cr_expect(find_kind(HOLDER_BLOCK) != NULL);
	/* A mount says it all. */
	tree_put("36 1 0:17 / /data rw - ext4 /dev/dm-3 rw\n", "proc/self/mountinfo");
	cr_expect(eq(sz, find(), 2));
	cr_expect(find_kind(HOLDER_MOUNT) != NULL);
}

Test(holders, a_disk_that_cannot_be_asked_for_its_claim_is_no_free_one)
{
	tree_put("MAJOR=259\nMINOR=10\nDEVNAME=nvme1n1\nDEVTYPE=disk\n",
		 PATH "/nvme/nvme1/nvme1n1/uevent");
	cr_expect(eq(sz, find(), 1), "no node");
	expect(0, HOLDER_UNSEEN, "",
	       "whether /dev/nvme1n1 is claimed within the kernel: "
	       "No such file or directory");
	cr_expect(eq(sz, not_forcible(), 1));
	tree_put("", "dev/nvme1n1");
	cr_expect(eq(sz, find(), 1), "not a block device");
	/* Whoever has it open does not keep that from being asked. */
	tree_link("/dev/nvme1n1", "proc/4711/fd/3");
	cr_expect(eq(sz, find(), 2));
	cr_expect(eq(sz, not_forcible(), 1));
}

Test(holders, many_that_can_be_forced_do_not_push_off_one_that_cannot)
{
	a_volume();
	for (int i = 1000; i < 1300; i++)
		tree_link("/dev/nvme1", "proc/%d/fd/3", i);
	find();
	cr_expect(lt(sz, snap.n_holders, 300));
	cr_expect(find_kind(HOLDER_BLOCK) != NULL);
	cr_assert(find_kind(HOLDER_UNSEEN) != NULL, "that the list is cut");
	cr_expect(eq(sz, not_forcible(), 2));
}

static int fail_to_find(struct tio_error *err)
{
	*err = TIO_ERROR_NONE;
	return holders_find(&tree.host, &snap, &drive, traits, err);
}

Test(holders, what_cannot_be_read_is_an_error)
{
	static const char *const files[] = { "self/mountinfo", "swaps", "12/fd" };
	struct tio_error err;
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		/* A link to itself cannot be opened, whoever asks. */
		snprintf(path, sizeof(path), "proc/%s", files[i]);
		tree_remove(path);
		tree_link(strrchr(files[i], '/') ? strrchr(files[i], '/') + 1 : files[i], "%s",
			  path);
		cr_expect(eq(int, fail_to_find(&err), -ELOOP), "%s", files[i]);
		cr_expect(strstr(err.text, files[i]) != NULL, "%s: %s", files[i], err.text);
		cr_expect(ne(str, err.fix, ""));
		cr_assert(eq(int, unlinkat(tree.host.proc_fd, files[i], 0), 0));
	}
	cr_expect(eq(int, fail_to_find(&err), 0), "absent is absent: %s", err.text);
}

static int fail_as_nobody(struct tio_error *err)
{
	int r;

	setfsuid(NOBODY);
	r = fail_to_find(err);
	setfsuid(0);
	return r;
}

/* Of a process that ends just while it is looked at, the kernel says EACCES, too. */
Test(holders, a_process_that_ends_meanwhile_is_no_refusal)
{
	static const struct {
		const char *stat;
		int r;
	} cases[] = {
		{ "97 (a) Z 4) S 1 97 97 0 -1 4194560 12 0\n", -EACCES },
		{ "97 (modprobe) Z 1 97 97 0 -1 4227148 12 0\n", 0 },
		{ "97 (a) b) R 1 97 97 0 -1 4 12 0\n", 0 },
		{ "97 (cut) Z\n", -EACCES },
		{ NULL, 0 },
	};
	struct tio_error err;

	tree_link("mnt:[1]", "proc/self/ns/mnt");
	tree_put("", "proc/97/mountinfo");
	tree_link("mnt:[2]", "proc/97/ns/mnt");
	cr_assert(eq(int, fchmodat(tree.host.proc_fd, "97/ns", 0, 0), 0));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (cases[i].stat)
			tree_put(cases[i].stat, "proc/97/stat");
		else
			tree_remove("proc/97/stat");
		cr_expect(eq(int, fail_as_nobody(&err), cases[i].r), "%s: %s", cases[i].stat,
			  err.text);
	}
}

Test(holders, a_hidden_interface_takes_force)
{
	tree_folder(PATH "/net");
	cr_expect(eq(sz, find(), 1));
	cr_expect(eq(int, (int)snap.holders[0].kind, (int)HOLDER_HIDDEN));
	cr_expect(eq(uint, holder_force(&snap.holders[0]), FORCE_NET));
	cr_expect(not(holder_is_note(&snap.holders[0])));
}
