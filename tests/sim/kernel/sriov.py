# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtual functions."""
import errno
import os
import time

from .sim import (DRIVERS, PCI, Background, config, driver_of, exists, name, read, same, test,
                  true, try_open, until, write)

PF = "0000:01:00.0"
NUM = PCI + PF + "/sriov_numvfs"
VFS = [f"0000:01:00.{i}" for i in (1, 2, 3, 4)]


def numvfs(count, bdf=PF):
    return write(PCI + bdf + "/sriov_numvfs", str(count))


@test("sriov_numvfs refuses what is no 16-bit number with EINVAL and too many with ERANGE")
def _(sim):
    same([numvfs(x) for x in ("junk", "-1", "65536", "")], ["EINVAL", "EINVAL", "EINVAL", ""])
    same(numvfs(5), "ERANGE")
    same(read(NUM), "0\n")


@test("sriov_numvfs takes hexadecimal, and the same number again without doing anything")
def _(sim):
    same(numvfs("0x2\n"), "")
    sim.events.drain(0.1)
    same(numvfs(2), "")
    same(sim.events.drain(0.1), [])
    same(read(NUM), "2\n")
    same(numvfs(0), "")


@test("sriov_numvfs is EBUSY when there are VFs in another number")
def _(sim):
    numvfs(2)
    same(numvfs(3), "EBUSY")
    same(read(NUM), "2\n")
    numvfs(0)


@test("sriov_numvfs is ENOENT without a driver, and with one that can't do it")
def _(sim):
    write(PCI + PF + "/driver/unbind", PF)
    same(numvfs(1), "ENOENT")
    write(PCI + PF + "/driver_override", "vfio-pci")
    write("/sys/bus/pci/drivers_probe", PF)
    same(numvfs(1), "ENOENT")
    write(PCI + PF + "/driver_override", "\n")
    write(DRIVERS + "vfio-pci/unbind", PF)
    write("/sys/bus/pci/drivers_probe", PF)


@test("sriov_numvfs passes on the ENOMEM of missing buses or memory")
def _(sim):
    same(numvfs(2, "0000:09:00.0"), "ENOMEM")
    same(exists(PCI + "0000:09:00.1"), False)


@test("a driver may enable fewer VFs and call it success")
def _(sim):
    bdf = "0000:0a:00.0"
    same(numvfs(4, bdf), "")
    same(read(PCI + bdf + "/sriov_numvfs"), "2\n")
    numvfs(0, bdf)


@test("VFs go in the order of their numbers")
def _(sim):
    numvfs(3)
    sim.events.drain(0.15)
    numvfs(0)
    gone = [name(e) for e in sim.events.drain(0.15) if e["ACTION"] == "remove"]
    same(len(gone), 3)
    same(gone, sorted(gone))


@test("a VF has neither remove nor rescan")
def _(sim):
    numvfs(1)
    vf = os.path.realpath(PCI + PF + "/virtfn0")
    same([exists(f"{vf}/{n}") for n in ("remove", "rescan")], [False, False])
    numvfs(0)


@test("VFs stand where offset and stride put them, on the next bus too")
def _(sim):
    bdf = "0000:0b:00.0"
    same(numvfs(3, bdf), "")
    links = [os.path.basename(os.readlink(f"{PCI}{bdf}/virtfn{i}")) for i in range(3)]
    same(links, ["0000:0b:1f.6", "0000:0c:00.0", "0000:0c:00.2"])
    same(os.path.realpath(PCI + links[1] + "/physfn"), os.path.realpath(PCI + bdf))
    numvfs(0, bdf)
    same(exists(PCI + bdf + "/virtfn0"), False)


@test("a VF has the PF's vendor, its own device, all ones in its header, and no tsm/")
def _(sim):
    numvfs(1)
    vf = VFS[0]
    same([read(PCI + vf + "/" + a) for a in ("vendor", "device")], ["0x1af4\n", "0x1101\n"])
    same(config(vf)[:4], b"\xff\xff\xff\xff")
    same(read(PCI + vf + "/numa_node"), read(PCI + PF + "/numa_node"))
    same(exists(PCI + vf + "/tsm"), False)
    same(exists(PCI + vf + "/sriov_totalvfs"), False)
    group = os.path.basename(os.readlink(PCI + vf + "/iommu_group"))
    same(os.listdir(f"/sys/kernel/iommu_groups/{group}/devices"), [vf])
    numvfs(0)


@test("enabling sends add and change for each VF and change for the PF, disabling only removes")
def _(sim):
    numvfs(2)
    got = [(e["ACTION"], name(e)) for e in sim.events.drain(0.15)]
    same(got, [("add", VFS[0]), ("change", VFS[0]), ("add", VFS[1]), ("change", VFS[1]),
               ("change", PF)])
    numvfs(0)
    got = [(e["ACTION"], name(e)) for e in sim.events.drain(0.15)]
    same(sorted(got), [("remove", VFS[0]), ("remove", VFS[1])])


@test("without autoprobe a VF stays driverless and bind is ENODEV, but for one with an override")
def _(sim):
    auto = PCI + PF + "/sriov_drivers_autoprobe"
    ids = DRIVERS + "keepdrv/"
    write(ids + "new_id", "1af4 1101")
    same(write(auto, "0"), "")
    same(write(auto, "junk"), "EINVAL")
    numvfs(1)
    same(driver_of(VFS[0]), "")
    same(write(ids + "bind", VFS[0]), "ENODEV")
    write(PCI + VFS[0] + "/driver_override", "vfio-pci")
    write("/sys/bus/pci/drivers_probe", VFS[0])
    same(driver_of(VFS[0]), "vfio-pci")
    numvfs(0)
    write(auto, "1")
    numvfs(1)
    same(driver_of(VFS[0]), "keepdrv")
    numvfs(0)
    write(ids + "remove_id", "1af4 1101")


@test("unbinding the PF takes its VFs along")
def _(sim):
    numvfs(2)
    write(PCI + PF + "/driver/unbind", PF)
    same(exists(PCI + VFS[0]), False)
    same(read(NUM), "0\n")
    write("/sys/bus/pci/drivers_probe", PF)


@test("vfio-pci does not take a PF that has VFs: EBUSY")
def _(sim):
    write(PCI + PF + "/driver/unbind", PF)
    write(PCI + PF + "/driver_override", "keepdrv")
    write("/sys/bus/pci/drivers_probe", PF)
    numvfs(1)
    write(DRIVERS + "keepdrv/unbind", PF)
    same(exists(PCI + VFS[0]), True, "the VF that its driver keeps")
    write(PCI + PF + "/driver_override", "vfio-pci")
    same(write(DRIVERS + "vfio-pci/bind", PF), "EBUSY")
    write(PCI + PF + "/driver_override", "keepdrv")
    write("/sys/bus/pci/drivers_probe", PF)
    numvfs(0)
    write(PCI + PF + "/driver_override", "\n")
    write(DRIVERS + "keepdrv/unbind", PF)
    write("/sys/bus/pci/drivers_probe", PF)


@test("sriov_vf_msix_count is EINVAL below zero and EOPNOTSUPP otherwise")
def _(sim):
    numvfs(1)
    path = PCI + VFS[0] + "/sriov_vf_msix_count"
    same([write(path, "-1"), write(path, "8")], ["EINVAL", errno.errorcode[errno.EOPNOTSUPP]])
    numvfs(0)


@test("reading sriov_numvfs waits for the change that is under way", "timed")
def _(sim):
    change = Background(NUM, "2").at_work()
    same(read(NUM), "2\n")
    same(change.wait(), "")
    numvfs(0)


@test("writing 0 waits for ever while a VF's node is open, and ends when it is closed")
def _(sim):
    numvfs(1)
    write(PCI + VFS[0] + "/driver_override", "vfio-pci")
    write("/sys/bus/pci/drivers_probe", VFS[0])
    fd = try_open("/dev/vfio/devices/vfio0")
    true(isinstance(fd, int), f"open: {fd}")
    change = Background(NUM, "0")
    time.sleep(0.2)
    true(change.is_alive(), "it did not wait")
    os.close(fd)
    same(change.wait(), "")
    until(lambda: not exists(PCI + VFS[0]), "the VF stayed")
