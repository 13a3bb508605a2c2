/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "core/holder.h"

/* Each kind has its sentence, what to type, and what forces it. */
static const struct {
	struct holder holder;
	const char *sentence, *fix;
	unsigned force;
} kinds[] = {
	{ { .kind = HOLDER_MOUNT, .what = "/dev/sda1", .where = "/my data's" },
	  "/dev/sda1 is mounted on /my data's",
	  "`umount '/my data'\\''s'`" },
	{ { .kind = HOLDER_FAR_MOUNT,
	    .what = "/dev/sda1",
	    .where = "/data",
	    .pid = 7,
	    .command = "nginx" },
	  "/dev/sda1 is mounted on /data in the mount namespace of process 7 (nginx)",
	  "`nsenter -t 7 -m umount /data`" },
	{ { .kind = HOLDER_OVERLAY, .what = "/dev/sda1", .where = "/merged" },
	  "/dev/sda1 is below the overlay on /merged",
	  "`umount /merged`" },
	{ { .kind = HOLDER_SWAP, .what = "/dev/sda1", .where = "/dev/sda1" },
	  "/dev/sda1 is used as swap space",
	  "`swapoff /dev/sda1`" },
	{ { .kind = HOLDER_POOL, .what = "/dev/sda1", .where = "tank" },
	  "/dev/sda1 is part of the ZFS pool tank",
	  "`zpool export tank`" },
	{ { .kind = HOLDER_CLAIMED, .what = "/dev/sda1" },
	  "/dev/sda1 is claimed within the kernel by something that does not show itself",
	  "`lsblk /dev/sda1` and `dmesg` may tell what it is" },
	{ { .kind = HOLDER_ADDRESS, .what = "eth0", .where = "10.0.0.1" },
	  "network interface eth0 is up with the address 10.0.0.1",
	  "`ip addr flush dev eth0`",
	  FORCE_NET },
	{ { .kind = HOLDER_MASTER, .what = "eth0", .where = "br0", .sort = "bridge" },
	  "network interface eth0 is a member of the bridge br0",
	  "`ip link set eth0 nomaster`",
	  FORCE_NET },
	{ { .kind = HOLDER_UPPER, .what = "eth0", .where = "eth0.5", .sort = "vlan" },
	  "network interface eth0 carries the vlan eth0.5",
	  "`ip link delete eth0.5`",
	  FORCE_NET },
	{ { .kind = HOLDER_ROUTE,
	    .what = "eth0",
	    .where = "via 10.0.0.254",
	    .sort = "default route" },
	  "network interface eth0 carries the default route via 10.0.0.254",
	  "`ip route flush dev eth0`",
	  FORCE_NET },
	{ { .kind = HOLDER_PROCESS, .what = "/dev/nvme0", .pid = 12, .command = "nvme" },
	  "/dev/nvme0 is open in process 12 (nvme)",
	  "end that process (`kill 12`)",
	  FORCE_OPEN },
	{ { .kind = HOLDER_PROCESS, .what = "/dev/nvme0", .pid = 12, .command = "x) (uid 0" },
	  "/dev/nvme0 is open in process 12 (\"x) (uid 0\")",
	  "end that process (`kill 12`)",
	  FORCE_OPEN },
	{ { .kind = HOLDER_GUEST,
	    .what = "/dev/vfio/devices/vfio0",
	    .where = "a\" b\x1b",
	    .pid = 12,
	    .command = "qemu" },
	  "/dev/vfio/devices/vfio0 is open in the virtual machine \"a\\\" b\\x1b\" (process 12, "
	  "qemu)",
	  "shut that virtual machine down",
	  FORCE_OPEN },
	{ { .kind = HOLDER_GUEST,
	    .what = "/dev/vfio/devices/vfio0",
	    .where = "web1",
	    .pid = 12,
	    .command = "qemu" },
	  "/dev/vfio/devices/vfio0 is open in the virtual machine web1 (process 12, qemu)",
	  "shut that virtual machine down",
	  FORCE_OPEN },
	{ { .kind = HOLDER_HIDDEN },
	  "its network interface is not in tiod's network namespace, so what uses it there is "
	  "not seen",
	  "end the container that has it, or move it back (`ip -n NAMESPACE link set INTERFACE "
	  "netns 1`)",
	  FORCE_NET },
	{ { .kind = HOLDER_UNSEEN, .where = "there are too many", .undo = "end some" },
	  "not all of its users could be looked for: there are too many",
	  "end some" },
	{ { .kind = HOLDER_VFS, .what = "4 virtual functions" },
	  "it has VFs enabled (4 virtual functions)",
	  "attach a VF instead, or set sriov_numvfs to 0" },
};

Test(holder, every_kind_is_told_with_its_fix)
{
	char text[600];

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct holder *h = &kinds[i].holder;

		cr_expect(eq(str, (char *)holder_describe(h, text, sizeof(text)),
			     (char *)kinds[i].sentence));
		cr_expect(eq(str, (char *)holder_fix(h, text, sizeof(text)),
			     (char *)kinds[i].fix));
		cr_expect(eq(uint, holder_force(h), kinds[i].force), "%s", kinds[i].sentence);
		cr_expect(not(holder_is_note(h)));
	}
}

Test(holder, no_kind_is_without_a_sentence)
{
	struct holder h = { .what = "x" };
	char text[600];

	for (int kind = 0; kind < HOLDER_KIND_COUNT; kind++) {
		h.kind = (enum holder_kind)kind;
		holder_describe(&h, text, sizeof(text));
		cr_expect(gt(sz, strlen(text), 5), "kind %d", kind);
	}
}

Test(holder, on_the_way_back_only_who_has_it_open_counts)
{
	struct holder open = { .kind = HOLDER_PROCESS }, mount = { .kind = HOLDER_MOUNT },
		      maybe = { .kind = HOLDER_MAYBE }, unseen = { .kind = HOLDER_UNSEEN };

	cr_expect(holder_forbids(&mount, false, ~0u));
	cr_expect(not(holder_forbids(&mount, true, 0)));
	cr_expect(holder_forbids(&open, false, FORCE_NET));
	cr_expect(holder_forbids(&open, true, FORCE_NET));
	cr_expect(not(holder_forbids(&open, true, FORCE_OPEN)));
	cr_expect(not(holder_forbids(&maybe, false, 0)));
	cr_expect(holder_forbids(&unseen, true, ~0u));
}

Test(holder, a_stack_is_told_upwards_and_taken_apart_downwards)
{
	struct holder h = { .kind = HOLDER_MOUNT, .what = "/dev/nvme0n1p3", .where = "/srv" };
	char text[600];

	holder_stack_on(&h, STACK_MD, "md0", "");
	holder_stack_on(&h, STACK_CRYPT, "safe", "");
	holder_stack_on(&h, STACK_LVM, "vg0-data", "vg0");
	cr_expect(eq(str, (char *)holder_describe(&h, text, sizeof(text)),
		     "/dev/nvme0n1p3 is part of the array /dev/md0, of the encrypted volume "
		     "safe, of the volume group vg0 (vg0-data), which is mounted on /srv"));
	cr_expect(eq(str, (char *)holder_fix(&h, text, sizeof(text)),
		     "`umount /srv`, `vgchange -an vg0`, `cryptsetup close safe`, `mdadm "
		     "--stop /dev/md0`"));
	h.kind = HOLDER_BLOCK;
	cr_expect(eq(str, (char *)holder_describe(&h, text, sizeof(text)),
		     "/dev/nvme0n1p3 is part of the array /dev/md0, of the encrypted volume "
		     "safe, of the volume group vg0 (vg0-data)"));
}

Test(holder, a_long_stack_is_cut_and_stays_text)
{
	struct holder h = { .kind = HOLDER_MOUNT, .what = "/dev/nvme0n1p3", .where = "/srv" };
	char text[64];

	for (int i = 0; i < 20; i++)
		holder_stack_on(&h, STACK_DM, "a-name-that-is-rather-long", "");
	cr_expect(eq(sz, strlen(h.stack), sizeof(h.stack) - 1));
	cr_expect(eq(sz, strlen(h.undo), sizeof(h.undo) - 1));
	cr_expect(eq(sz, strlen(holder_describe(&h, text, sizeof(text))), sizeof(text) - 1));
}

Test(holder, the_words_of_force)
{
	struct tio_error err = TIO_ERROR_NONE;
	unsigned mask = 0;
	char text[64];

	cr_expect(eq(int, force_add("open", &mask, &err), 0));
	cr_expect(eq(uint, mask, FORCE_OPEN));
	cr_expect(eq(int, force_add("net", &mask, &err), 0));
	cr_expect(eq(str, (char *)force_format(mask, text, sizeof(text)), "net,open"));
	cr_expect(eq(int, force_add("swap", &mask, &err), -EINVAL));
	cr_expect(eq(int, (int)err.kind, (int)ERROR_INVALID));
	cr_expect(strstr(err.fix, "net,open") != NULL, "%s", err.fix);
	cr_expect(eq(int, force_add("", &mask, &err), -EINVAL));
	cr_expect(eq(uint, mask, FORCE_NET | FORCE_OPEN));
}
