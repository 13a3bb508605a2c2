# SPDX-License-Identifier: GPL-2.0-or-later
"""vfio-pci: nodes, users, groups."""
import os
import time

from .sim import (DRIVERS, PCI, Background, Child, back, exists, name, read, same, test, to_vfio,
                  true, try_open, until, write)

A = "0000:02:00.0"
B = "0000:02:00.1"
NODE = "/dev/vfio/devices/vfio0"


def opened(path):
    fd = try_open(path)
    true(isinstance(fd, int), f"open {path}: {fd}")
    return fd


@test("binding to vfio-pci makes vfioN with its number and node, and unbinding takes them away")
def _(sim):
    to_vfio(A)
    base = PCI + A + "/vfio-dev/vfio0"
    major, minor = read(base + "/dev").strip().split(":")
    same(minor, "0")
    same(os.path.realpath("/sys/class/vfio-dev/vfio0"), os.path.realpath(base))
    same(os.path.realpath(f"/sys/dev/char/{major}:0"), os.path.realpath(base))
    os.close(opened(NODE))
    back(A)
    same([exists(NODE), exists(base), exists(PCI + A + "/vfio-dev")], [False] * 3)


@test("the node's events come before bind and before unbind, with its name")
def _(sim):
    to_vfio(A)
    events = [(e["ACTION"], name(e)) for e in sim.events.drain(0.15)
              if e["SUBSYSTEM"] in ("pci", "vfio-dev")]
    same(events, [("unbind", A), ("add", "vfio0"), ("bind", A)])
    write(PCI + A + "/driver/unbind", A)
    events = [e for e in sim.events.drain(0.15) if e["SUBSYSTEM"] in ("pci", "vfio-dev")]
    same([(e["ACTION"], name(e)) for e in events], [("remove", "vfio0"), ("unbind", A)])
    same(events[0]["DEVNAME"], "vfio/devices/vfio0")
    write(PCI + A + "/driver_override", "\n")
    write("/sys/bus/pci/drivers_probe", A)


@test("vfioN is the lowest free number")
def _(sim):
    to_vfio(A)
    to_vfio(B)
    same(os.listdir(PCI + B + "/vfio-dev"), ["vfio1"])
    back(A)
    to_vfio(A)
    same(os.listdir(PCI + A + "/vfio-dev"), ["vfio0"])
    back(A)
    back(B)


@test("the group's node is there while vfio has any function of it")
def _(sim):
    group = os.path.basename(os.readlink(PCI + A + "/iommu_group"))
    same(sorted(os.listdir(f"/sys/kernel/iommu_groups/{group}/devices")), [A, B])
    to_vfio(A)
    to_vfio(B)
    back(A)
    true(exists(f"/dev/vfio/{group}"), "the group's node went too early")
    back(B)
    same(exists(f"/dev/vfio/{group}"), False)


@test("unbinding from vfio-pci waits while the node is open; a signal does not end that")
def _(sim):
    to_vfio(A)
    fd = opened(NODE)

    def unbinder():
        os.close(fd)  # or it would wait for itself
        return 0 if write(DRIVERS + "vfio-pci/unbind", A) == "" else 1
    child = Child(unbinder)
    time.sleep(0.1)
    same(exists(NODE), False, "the node while it waits")
    child.kill()
    time.sleep(0.15)
    same(child.ended(), False, "it ended")
    os.close(fd)
    child.wait()
    write(PCI + A + "/driver_override", "\n")
    write("/sys/bus/pci/drivers_probe", A)


@test("a killed user lets go of the node")
def _(sim):
    to_vfio(A)

    def user():
        opened(NODE)
        time.sleep(30)
        return 0
    child = Child(user)
    until(lambda: any(f["users"] for f in sim.ctl("list")["functions"]), "nobody opened it")
    unbind = Background(DRIVERS + "vfio-pci/unbind", A)
    time.sleep(0.1)
    true(unbind.is_alive(), "unbind did not wait")
    child.kill()
    child.wait()
    same(unbind.wait(), "")
    write(PCI + A + "/driver_override", "\n")
    write("/sys/bus/pci/drivers_probe", A)


@test("hold and release are as a process with the node open")
def _(sim):
    to_vfio(A)
    sim.ctl("hold", function=A)
    unbind = Background(DRIVERS + "vfio-pci/unbind", A)
    time.sleep(0.1)
    true(unbind.is_alive(), "unbind did not wait")
    same(sim.ask("release", function=B)["ok"], False)
    sim.ctl("release", function=A)
    same(unbind.wait(), "")
    write(PCI + A + "/driver_override", "\n")
    write("/sys/bus/pci/drivers_probe", A)


@test("a node that was just made is ENODEV until it has settled", "timed")
def _(sim):
    to_vfio(B)
    node = "/dev/vfio/devices/" + os.listdir(PCI + B + "/vfio-dev")[0]
    same(try_open(node), "ENODEV")
    until(lambda: isinstance(fd := try_open(node), int) and not os.close(fd), "it never settled")
    back(B)


@test("vfio-pci takes no bridge: EINVAL")
def _(sim):
    port = "0000:00:02.1"
    write(PCI + port + "/driver_override", "vfio-pci")
    write(DRIVERS + "pcieport/unbind", port)
    same(write(DRIVERS + "vfio-pci/bind", port), "EINVAL")
    write(PCI + port + "/driver_override", "\n")
    write("/sys/bus/pci/drivers_probe", port)


@test("without an IOMMU there are no groups and vfio-pci can't bind: EINVAL", "noiommu")
def _(sim):
    same([exists(PCI + A + "/iommu_group"), exists("/sys/kernel/iommu_groups"),
          exists("/sys/class/iommu")], [False] * 3)
    write(PCI + A + "/driver/unbind", A)
    write(PCI + A + "/driver_override", "vfio-pci")
    same(write(DRIVERS + "vfio-pci/bind", A), "EINVAL")
    write(PCI + A + "/driver_override", "\n")
    write("/sys/bus/pci/drivers_probe", A)


@test("without iommufd vfio-dev has no dev and there is neither node nor /dev/iommu", "nocdev")
def _(sim):
    to_vfio(A)
    same(sorted(os.listdir(PCI + A + "/vfio-dev/vfio0")), ["device", "subsystem", "uevent"])
    same([os.path.exists(NODE), os.path.exists("/dev/iommu")], [False, False])
    true(os.path.exists("/dev/vfio/vfio"), "no /dev/vfio/vfio")
    back(A)


@test("/dev/vfio/devices goes with the last node in it")
def _(sim):
    same(exists(os.path.dirname(NODE)), False)
    to_vfio(A)
    same(os.readlink(PCI + A + "/vfio-dev/vfio0/device"), "../../../" + A)
    back(A)
    same(exists(os.path.dirname(NODE)), False)


@test("/dev/iommu and /dev/vfio/vfio can be opened")
def _(sim):
    for path in ("/dev/iommu", "/dev/vfio/vfio"):
        os.close(opened(path))


@test("rmmod of vfio-pci is EBUSY while a node is open, else its devices lose their driver")
def _(sim):
    to_vfio(A)
    fd = opened(NODE)
    same(os.system("rmmod vfio-pci 2>/dev/null") != 0, True)
    os.close(fd)
    sim.settle()
    same(os.system("rmmod vfio-pci"), 0)
    same(exists(PCI + A + "/driver"), False)
    same(os.system("modprobe vfio-pci"), 0)
    true(exists(PCI + A + "/vfio-dev/vfio0"), "the override was not heeded")
    back(A)
