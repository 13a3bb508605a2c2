# SPDX-License-Identifier: GPL-2.0-or-later
"""Removing, rescanning and hot-plug."""
import os
import time

from .sim import (DRIVERS, PCI, config, driver_of, exists, name, read, same, test, to_vfio, true,
                  try_open, until, write)

A = "0000:02:00.0"
PORT = "0000:00:02.1"
RESCAN = "/sys/bus/pci/rescan"


@test("remove takes nothing but a number, and 0 does nothing")
def _(sim):
    same([write(PCI + A + "/remove", t) for t in ("junk", "0")], ["EINVAL", ""])
    true(exists(PCI + A), "it is gone")


@test("remove sends unbind and remove, and a rescan finds the function and its driver again")
def _(sim):
    same(write(PCI + A + "/remove", "1"), "")
    got = [(e["ACTION"], name(e)) for e in sim.events.drain(0.15)]
    same(got, [("unbind", A), ("remove", A)])
    same(exists(PCI + A), False)
    same(write(RESCAN, "1"), "")
    got = [(e["ACTION"], name(e)) for e in sim.events.drain(0.15)]
    same(got, [("add", A), ("bind", A)])


@test("a removed port takes all below it along, and a rescan of it brings all back")
def _(sim):
    write(PCI + PORT + "/remove", "1")
    same([exists(PCI + b) for b in (PORT, A, "0000:02:00.1")], [False] * 3)
    write(PCI + "0000:00:02.0/rescan", "1")
    same([driver_of(b) for b in (PORT, A)], ["pcieport", "plaindrv"])


@test("a function that was open when its directory went answers ENODEV")
def _(sim):
    with open(PCI + A + "/vendor", encoding="ascii") as file:
        write(PCI + A + "/remove", "1")
        try:
            file.read()
            error = 0
        except OSError as got:
            error = got.errno
    same(error, 19)
    write(RESCAN, "1")


@test("unplugging empties the slot, and plugging by its name brings the same functions back")
def _(sim):
    same(read("/sys/bus/pci/slots/2/adapter"), "1\n")
    sim.ctl("unplug", function=A)
    same([exists(PCI + A), exists(PCI + "0000:02:00.1")], [False, False])
    same(read("/sys/bus/pci/slots/2/adapter"), "0\n")
    write(RESCAN, "1")
    same(exists(PCI + A), False, "a rescan found what was pulled")
    sim.ctl("plug", name=A)
    same(driver_of(A), "plaindrv")


@test("a slot's power switches its functions off and on")
def _(sim):
    same([write("/sys/bus/pci/slots/2/power", t) for t in ("2", "1")], ["EINVAL", "ENODEV"])
    same(write("/sys/bus/pci/slots/2/power", "0"), "")
    same(write("/sys/bus/pci/slots/2/power", "off"), "ENODEV", "it is off already")
    same(exists(PCI + A), False)
    same(write("/sys/bus/pci/slots/2/power", "1"), "")
    same(driver_of(A), "plaindrv")


@test("plug refuses a function that does not fit below the port, by name")
def _(sim):
    wrong = {"address": "0000:30:00.0", "class": "0x120000"}
    reply = sim.ask("plug", below="0000:00:04.2", functions=[wrong])
    same([reply["ok"], "0000:30:00.0" in reply["error"]], [False, True])
    wrong = {"address": "0000:14:00.0", "class": "0x120000", "clas": 1}
    reply = sim.ask("plug", below="0000:00:04.2", functions=[wrong])
    same([reply["ok"], '"clas"' in reply["error"]], [False, True])
    same(sim.ask("plug", name="nothing")["ok"], False)


@test("a function described in the command can be plugged in, with a driver of its own", keeps=True)
def _(sim):
    new = {"address": "0000:14:00.0", "vendor": "0x1af4", "device": "0x1102", "class": "0x120000"}
    sim.ctl("plug", below="0000:00:04.2", functions=[new])
    same(driver_of("0000:14:00.0"), "plaindrv")
    sim.ctl("unplug", function="0000:14:00.0")


@test("a device that is pulled out while vfio's user has it stays, reading ones, until he lets go")
def _(sim):
    to_vfio(A)
    node = "/dev/vfio/devices/" + os.listdir(PCI + A + "/vfio-dev")[0]
    fd = try_open(node)
    true(isinstance(fd, int), f"open: {fd}")
    before = config(A)
    same(sim.ctl("surprise-remove", function=A)["pending"], True)
    time.sleep(0.05)
    same([set(config(A)) == {0xff}, set(before) == {0xff}], [True, False])
    os.close(fd)
    until(lambda: not exists(PCI + A), "it stayed")
    until(lambda: not exists(PCI + "0000:02:00.1"), "its neighbour stayed")
    sim.ctl("plug", name=A)
    same(read(PCI + A + "/driver_override"), "(null)\n")


def drop_capabilities():
    """capset(2) with nothing, which works for an ordinary user's host too."""
    import ctypes
    head = (ctypes.c_uint32 * 2)(0x20080522, 0)
    same(ctypes.CDLL(None).capset(head, (ctypes.c_uint32 * 6)()), 0, "capset")


@test("config shows 64 bytes to who opens it without CAP_SYS_ADMIN")
def _(sim):
    same(len(config(A)), 4096)
    ready, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        size = 0
        try:
            drop_capabilities()
            size = len(config(A))
        finally:
            os.write(tell, str(size).encode())
            os._exit(0)
    os.waitpid(pid, 0)
    same(os.read(ready, 16), b"64")
    os.close(ready)
    os.close(tell)


@test("uevent can be written: it sends the event as asked for, and EINVAL for no action")
def _(sim):
    same(write(PCI + A + "/uevent", "change"), "")
    events = [e for e in sim.events.drain(0.15) if name(e) == A]
    same([(e["ACTION"], e["SYNTH_UUID"]) for e in events], [("change", "0")])
    same(write(PCI + A + "/uevent", "shout"), "EINVAL")


@test("an event asked for carries a UUID and arguments, or is EINVAL")
def _(sim):
    uuid = "12345678-1234-1234-1234-123456789abc"
    for text in ("change x", "change " + uuid[:-1], f"change {uuid} A", f"change {uuid} =1",
                 f"change {uuid}A=1", f"change {uuid} A=1 "):
        same(write(PCI + A + "/uevent", text), "EINVAL", text)
    same(write(PCI + A + "/uevent", f"add {uuid} A=1 B=two\n"), "")
    events = [e for e in sim.events.drain(0.15) if name(e) == A]
    same([(e["ACTION"], e["SYNTH_UUID"], e["SYNTH_ARG_A"], e["SYNTH_ARG_B"]) for e in events],
         [("add", uuid, "1", "two")])


@test("numa_node, d3cold_allowed and power/control take what the kernel takes")
def _(sim):
    same([write(PCI + A + "/numa_node", t) for t in ("7", "x", "-1", "0")],
         ["EINVAL", "EINVAL", "", ""])
    same([write(PCI + A + "/d3cold_allowed", t) for t in ("x", "0", "1")], ["EINVAL", "", ""])
    same([write(PCI + A + "/power/control", t) for t in ("off", "auto\n", "on")],
         ["EINVAL", "", ""])


@test("attach and detach of a function with VFs and link leaves no trace", "dual")
def _(sim):
    nic = "0000:41:00.0"
    write(PCI + nic + "/sriov_drivers_autoprobe", "0")
    write(PCI + nic + "/sriov_numvfs", "64")
    same(os.path.basename(os.readlink(PCI + nic + "/virtfn63")), "0000:41:08.0")
    write(PCI + nic + "/tsm/connect", "tsm0")
    to_vfio("0000:41:00.4")
    write(DRIVERS + "vfio-pci/unbind", "0000:41:00.4")
    write(PCI + nic + "/tsm/disconnect", "tsm0")
    write(PCI + nic + "/sriov_numvfs", "0")
    write(PCI + nic + "/sriov_drivers_autoprobe", "1")


@test("a drive that goes to vfio and comes back is nvme1 again with its disk", "dual")
def _(sim):
    drive = "0000:61:00.0"
    to_vfio(drive)
    same([exists("/sys/block/nvme1n1"), exists("/sys/class/nvme/nvme1")], [False, False])
    write(PCI + drive + "/driver_override", "\n")
    write(PCI + drive + "/driver/unbind", drive)
    write("/sys/bus/pci/drivers_probe", drive)
    same(driver_of(drive), "nvme")
    same(exists("/sys/block/nvme1n1"), True)


@test("the audio function and the USB controller are in the groups that they should be in",
      "dual")
def _(sim):
    def group(bdf):
        return sorted(os.listdir(PCI + bdf + "/iommu_group/devices"))
    same(group("0000:e1:00.0"), ["0000:e1:00.0", "0000:e1:00.1"])
    same(group("0000:21:00.0"), ["0000:20:01.1", "0000:20:01.2", "0000:21:00.0", "0000:21:00.1",
                                 "0000:22:00.0"])
    same([driver_of(b) for b in ("0000:e1:00.0", "0000:e1:00.1", "0000:22:00.0")],
         ["nvidia", "snd_hda_intel", "xhci_hcd"])
