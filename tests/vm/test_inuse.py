# SPDX-License-Identifier: GPL-2.0-or-later
"""Cards in use on a real kernel: each use is named with what to type, and nothing changes.

What may be forced is forced, and comes back.
"""

import contextlib
import errno
import fcntl
import glob
import os
import struct
import subprocess
import sys
import time

from guest import NIC1, NVME1, PCI, Guest, Tap, diff, driver, settle, snapshot, until

BLKRRPART = 0x125f  # linux/fs.h

tap = Tap()
guest = Guest()


def sh(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def disk():
    found = [path for path in glob.glob("/sys/class/block/nvme*n1")
             if f"/{NVME1}/" in os.path.realpath(path)]
    return "/dev/" + os.path.basename(found[0])


def partition(*sizes):
    """A table of the old kind, with partitions of so many MiB."""
    table, start = bytearray(512), 2048
    for i, size in enumerate(sizes):
        struct.pack_into("<B3xB3xII", table, 446 + 16 * i, 0, 0x83, start, size * 2048)
        start += size * 2048
    table[510:512] = b"\x55\xaa"
    settle()
    with open(disk(), "rb+", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # udevd leaves the disk alone meanwhile
        file.write(table)
        tap.ok(until(lambda: is_read_again(file), 60), "the table is read")
    settle()


def is_read_again(file):
    """Not while anybody looks at what was there before."""
    try:
        fcntl.ioctl(file, BLKRRPART)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True


def interface():
    return os.listdir(f"{PCI}{NIC1}/net")[0]


def attach(function, *options):
    code, out, err = guest.tioctl("attach", function, "--vm", "vm1", *options)
    return code, out + err


def refused(function, words, sentence, *options):
    settle()
    before = snapshot()
    code, said = attach(function, *options)
    missing = [word for word in words if word not in said]
    tap.ok(code == 5 and not missing, sentence, code, missing, said, guest.log_end())
    after = snapshot()
    tap.ok(before == after, f"{sentence}: nothing has changed", diff(before, after))


def free(function, sentence, *options):
    """It can be attached, and all is as before when it comes back."""
    settle()
    before = snapshot()
    code, said = attach(function, *options)
    tap.ok(code == 0 and driver(function) == "vfio-pci", sentence, code, said,
           guest.log_end())
    if code == 0:
        guest.must("detach", function)
    after = snapshot()
    tap.ok(before == after, f"{sentence}: it comes back", diff(before, after))
    return said


@contextlib.contextmanager
def undone(*commands):
    try:
        yield
    finally:
        for command in commands:
            sh(*command.split(), check=False)
        settle()


def mounted(part, place, *options):
    os.makedirs(place, exist_ok=True)
    sh("mount", *options, part, place)


NEVER = "no --force takes it away"


# --- File systems and swap ---

def test_mounts():
    part = disk() + "p1"
    sh("mkfs.ext4", "-q", part)
    with undone("umount /mnt/a"):
        mounted(part, "/mnt/a")
        words = [f"{part} is mounted on /mnt/a", "`umount /mnt/a`", NEVER]
        refused(NVME1, words, "a mounted file system")
        refused(NVME1, words, "a mounted file system is never forced", "--force=net,open")
    with undone("umount /mnt/b", "umount /mnt/a"):
        mounted(part, "/mnt/a")
        mounted("/mnt/a", "/mnt/b", "--bind")
        sh("umount", "/mnt/a")
        refused(NVME1, [f"{part} is mounted on /mnt/b", "`umount /mnt/b`"], "a bind mount")
    with undone("umount /mnt/a b"):
        uuid = sh("blkid", "-s", "UUID", "-o", "value", part).strip()
        mounted(f"UUID={uuid}", "/mnt/a b")
        refused(NVME1, [f"{part} is mounted on /mnt/a b", "`umount '/mnt/a b'`"],
                "a mount by UUID, with a blank in its place")
        sh("umount", "/mnt/a b")


def test_mount_elsewhere():
    part = disk() + "p1"
    os.makedirs("/mnt/far", exist_ok=True)
    script = f"mount {part} /mnt/far && touch /run/far && exec sleep 600"
    with subprocess.Popen(["unshare", "-m", "--propagation", "private", "sh", "-c",
                           script]) as holder:
        until(lambda: os.path.exists("/run/far"))
        tap.ok("/mnt/far" not in sh("cat", "/proc/self/mountinfo"), "it is not seen from here")
        refused(NVME1, [f"{part} is mounted on /mnt/far in the mount namespace of process "
                        f"{holder.pid} (sleep)", f"`nsenter -t {holder.pid} -m umount /mnt/far`"],
                "a mount in another namespace")
        holder.kill()


def test_overlay():
    part = disk() + "p1"
    mounted(part, "/mnt/a")
    os.makedirs("/mnt/a/low", exist_ok=True)
    os.makedirs("/mnt/merged", exist_ok=True)
    with undone("umount /mnt/merged", "umount /mnt/a"):
        sh("mount", "-t", "overlay", "-o", "lowerdir=/mnt/a/low:/mnt", "overlay", "/mnt/merged")
        refused(NVME1, [f"{part} is mounted on /mnt/a", f"{part} is below the overlay on "
                        "/mnt/merged", "`umount /mnt/a`; `umount /mnt/merged`"],
                "a layer of an overlay")
        sh("umount", "/mnt/a")
        refused(NVME1, [f"{part} is claimed within the kernel", NEVER],
                "a layer whose own mount is gone")


def test_swap():
    part = disk() + "p2"
    sh("mkswap", part)
    with undone(f"swapoff {part}"):
        sh("swapon", part)
        refused(NVME1, [f"{part} is used as swap space", f"`swapoff {part}`", NEVER], "swap")


# --- What is built on a disk ---

def sectors(part):
    return sh("blockdev", "--getsz", part).strip()


def test_mapped():
    part = disk() + "p2"
    with undone("umount /mnt/a", "dmsetup remove top", "dmsetup remove low"):
        sh("dmsetup", "create", "low", "--table", f"0 {sectors(part)} linear {part} 0")
        sh("dmsetup", "create", "top", "--table",
           f"0 {int(sectors(part)) // 2} linear /dev/mapper/low 0")
        chain = f"{part} is part of the mapped device low, of the mapped device top"
        refused(NVME1, [chain, "`dmsetup remove top`, `dmsetup remove low`", NEVER],
                "mapped devices, one on the other")
        sh("mkfs.ext4", "-q", "/dev/mapper/top")
        mounted("/dev/mapper/top", "/mnt/a")
        refused(NVME1, [f"{chain}, which is mounted on /mnt/a",
                        "`umount /mnt/a`, `dmsetup remove top`, `dmsetup remove low`"],
                "a file system on mapped devices")


def test_array():
    part = disk() + "p2"
    with undone("swapoff /dev/md7", "mdadm --stop /dev/md7", f"mdadm --zero-superblock {part}"):
        sh("mdadm", "--create", "/dev/md7", "--run", "--metadata=1.2", "--level=1", "--force",
           "--raid-devices=1", part)
        refused(NVME1, [f"{part} is part of the array /dev/md7", "`mdadm --stop /dev/md7`",
                        NEVER], "an array")
        sh("mkswap", "/dev/md7")
        sh("swapon", "/dev/md7")
        refused(NVME1, ["the array /dev/md7, which is used as swap space",
                        "`swapoff /dev/md7`, `mdadm --stop /dev/md7`"], "swap on an array")


def test_volumes():
    part = disk() + "p2"
    quiet = ["--config", "global/use_lvmpolld=0 activation/monitoring=0"]
    with undone("umount /mnt/a", "vgchange -an vg-0", "vgremove -f vg-0", f"pvremove {part}"):
        sh("pvcreate", "-f", "-y", part)
        sh("vgcreate", *quiet, "vg-0", part)
        sh("lvcreate", *quiet, "-y", "-L", "16M", "-n", "data", "vg-0")
        sh("mkfs.ext4", "-q", "/dev/vg-0/data")
        mounted("/dev/vg-0/data", "/mnt/a")
        refused(NVME1, [f"{part} is part of the volume group vg-0 (vg--0-data), which is "
                        "mounted on /mnt/a", "`umount /mnt/a`, `vgchange -an vg-0`"],
                "a volume group")


def test_loop():
    part = disk() + "p2"
    loop = sh("losetup", "--show", "-f", part).strip()
    with undone(f"losetup -d {loop}"):
        refused(NVME1, [f"{part} is part of the loop device {loop}", f"`losetup -d {loop}`"],
                "a loop device on a partition")


# --- Nodes ---

def test_open_node():
    node = disk()[:-2]
    with open(node, "rb") as file, subprocess.Popen(["sleep", "600"], stdin=file) as holder:
        file.close()
        words = [f"{node} is open in process {holder.pid} (sleep)", f"`kill {holder.pid}`"]
        refused(NVME1, [*words, "--force=open to take it"], "an open character device")
        refused(NVME1, words, "the wrong word does not force it", "--force=net")
        said = free(NVME1, "an open character device is forced", "--force=open")
        tap.ok(words[0] in said, "which says who had it", said)
        holder.kill()


def test_open_cdev():
    attach(NVME1)
    name = os.listdir(f"{PCI}{NVME1}/vfio-dev")[0]
    with open(f"/dev/vfio/devices/{name}", "rb+", buffering=0) as file, \
            subprocess.Popen(["sleep", "600"], stdin=file) as holder:
        file.close()
        code, out, err = guest.tioctl("detach", NVME1)
        words = (f"/dev/vfio/devices/{name} is open in process {holder.pid} (sleep)",
                 "--force=open")
        tap.ok(code == 5 and all(word in err for word in words),
               "a detach of an open device is refused", code, out, err)
        forced = guest.background("detach", NVME1, "--force=open")
        time.sleep(1)
        holder.kill()
        out, err = forced.communicate(timeout=60)
        tap.ok(forced.returncode == 0 and driver(NVME1) == "nvme",
               "a forced one goes through", out, err, guest.log_end())


# --- Networks ---

def test_addresses():
    name = interface()
    with undone(f"ip addr flush dev {name}", f"ip link set {name} down"):
        sh("ip", "addr", "add", "10.9.0.1/24", "dev", name)
        sh("ip", "link", "set", name, "up")
        words = [f"network interface {name} is up with the address 10.9.0.1",
                 f"`ip addr flush dev {name}`"]
        refused(NIC1, [*words, "--force=net to take it"], "an address")
        sh("ip", "route", "add", "default", "via", "10.9.0.254", "onlink", "dev", name)
        sh("ip", "route", "add", "10.77.0.0/16", "via", "10.9.0.254", "onlink", "dev", name)
        routes = [f"{name} carries the default route via 10.9.0.254",
                  f"{name} carries the route to 10.77.0.0/16 via 10.9.0.254"]
        refused(NIC1, [*words, *routes, f"`ip route flush dev {name}`"], "routes")
        refused(NIC1, words, "the wrong word does not force it", "--force=open")
        said = free(NIC1, "an address is forced", "--force=net")
        tap.ok(all(word in said for word in (words[0], routes[0])), "which says what it was",
               said)


def upper(kind, name, *command):
    sh("ip", "link", "add", *command)
    return [f"network interface {interface()} carries the {kind} {name}",
            f"`ip link delete {name}`", "--force=net"]


def member(kind, name):
    own = interface()
    sh("ip", "link", "add", name, "type", kind)
    sh("ip", "link", "set", own, "down")
    sh("ip", "link", "set", own, "master", name)
    return [f"network interface {own} is a member of the {kind} {name}",
            f"`ip link set {own} nomaster`", "--force=net"]


def test_uppers():
    own = interface()
    for kind in ("bridge", "bond", "team"):
        with undone(f"ip link delete {kind}9"):
            refused(NIC1, member(kind, f"{kind}9"), f"a member of a {kind}")
    with undone("ip link delete tiod.5"):
        refused(NIC1, upper("vlan", "tiod.5", "link", own, "tiod.5", "type", "vlan", "id", "5"),
                "a VLAN")
    with undone("ip link delete mac9"):
        refused(NIC1, upper("macvlan", "mac9", "link", own, "mac9", "type", "macvlan"),
                "a macvlan")
    with undone("ip link delete bridge9"):
        member("bridge", "bridge9")
        free(NIC1, "a member of a bridge is forced", "--force=net")


def test_other_network():
    own = interface()
    with subprocess.Popen(["unshare", "-n", "sleep", "600"]) as holder:
        until(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") !=
              os.readlink("/proc/self/ns/net"))
        sh("ip", "link", "set", own, "netns", str(holder.pid))
        words = ["not in tiod's network namespace"]
        refused(NIC1, [*words, "--force=net"], "an interface in another network namespace")
        code, out, err = guest.tioctl("plan", NIC1, "--vm", "vm1", "--force=net")
        tap.ok(code == 0 and words[0] in out + err, "it is forced by net", code, out, err)
        holder.kill()
    until(lambda: os.path.isdir(f"{PCI}{NIC1}/net/{own}"))


TESTS = (test_mounts, test_mount_elsewhere, test_overlay, test_swap, test_mapped, test_array,
         test_volumes, test_loop, test_open_node, test_open_cdev, test_addresses, test_uppers,
         test_other_network)


def main():
    for module in ("dm_mod", "raid1", "loop", "bridge", "bonding", "team", "macvlan", "8021q"):
        sh("modprobe", module)
    partition(20, 40)
    settle()
    guest.start()
    for test in TESTS:
        if len(sys.argv) > 1 and test.__name__ not in sys.argv[1:]:
            continue
        try:
            test()
        except Exception as error:  # a test that breaks must not hide those after it
            tap.ok(False, f"{test.__name__} runs to its end", repr(error), guest.log_end())
    free(NVME1, "the drive is nobody's in the end")
    guest.stop()
    tap.end()


main()
