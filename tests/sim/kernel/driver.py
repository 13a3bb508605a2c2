# SPDX-License-Identifier: GPL-2.0-or-later
"""Binding, unbinding and driver_override."""
import os
import threading
import time

from .sim import (DRIVERS, PCI, Background, driver_of, exists, name, read, same, test, true,
                  write)

A = "0000:02:00.0"
PROBE = "/sys/bus/pci/drivers_probe"
OVERRIDE = PCI + A + "/driver_override"


@test("driver_override reads (null) while it is unset, and a newline or nothing clears it")
def _(sim):
    same(read(OVERRIDE), "(null)\n")
    same(write(OVERRIDE, "vfio-pci\n"), "")
    same(read(OVERRIDE), "vfio-pci\n")
    same(write(OVERRIDE, "\n"), "")
    same(read(OVERRIDE), "(null)\n")


@test("a zero-byte write to driver_override has no effect")
def _(sim):
    write(OVERRIDE, "vfio-pci")
    same(write(OVERRIDE, ""), "")
    same(read(OVERRIDE), "vfio-pci\n")
    write(OVERRIDE, "\n")


@test("a driver_override of a page or more is EINVAL")
def _(sim):
    same(write(OVERRIDE, "x" * 4095), "EINVAL")
    same(read(OVERRIDE), "(null)\n")


@test("bind of an absent device is ENODEV")
def _(sim):
    same(write(DRIVERS + "plaindrv/bind", "0000:99:00.0"), "ENODEV")


@test("bind of a device that the driver does not match is ENODEV")
def _(sim):
    same(write(DRIVERS + "gpudrv/bind", A), "ENODEV")


@test("bind of a bound device is EBUSY, to its own driver too")
def _(sim):
    same(write(DRIVERS + "plaindrv/bind", A), "EBUSY")
    write(OVERRIDE, "vfio-pci")
    same(write(DRIVERS + "vfio-pci/bind", A), "EBUSY")
    write(OVERRIDE, "\n")


@test("unbind from a driver that does not have the device is ENODEV")
def _(sim):
    same(write(DRIVERS + "gpudrv/unbind", A), "ENODEV")
    same(write(PCI + A + "/driver/unbind", "0000:01:00.0"), "ENODEV")
    same(write(DRIVERS + "plaindrv/unbind", A), "")
    same(write(DRIVERS + "plaindrv/unbind", A), "ENODEV")
    same(write(DRIVERS + "plaindrv/bind", A), "")


@test("unbind and bind send one event each, with what udev needs and DRIVER only when bound")
def _(sim):
    write(PCI + A + "/driver/unbind", A)
    write(PROBE, A)
    events = [e for e in sim.events.drain(0.15) if name(e) == A]
    same([e["ACTION"] for e in events], ["unbind", "bind"])
    same([k in events[0] for k in ("DRIVER", "MODALIAS")], [False, False], "keys of unbind")
    wanted = {"DRIVER": "plaindrv", "SUBSYSTEM": "pci", "PCI_CLASS": "120000",
              "PCI_ID": "1AF4:1102", "PCI_SUBSYS_ID": "1AF4:0000", "PCI_SLOT_NAME": A}
    same({key: events[1].get(key) for key in wanted}, wanted)
    same(events[1]["MODALIAS"], read(PCI + A + "/modalias").strip())


@test("the driver and its device link to each other")
def _(sim):
    same(os.path.realpath(DRIVERS + "plaindrv/" + A), os.path.realpath(PCI + A))
    same(os.path.realpath(PCI + A + "/driver/module"), "/sys/module/plaindrv")
    true(exists("/sys/module/plaindrv/drivers/pci:plaindrv"), "no link from the module")


@test("with an override only that driver matches, and an unknown one leaves it driverless")
def _(sim):
    write(PCI + A + "/driver/unbind", A)
    write(OVERRIDE, "nosuchdrv")
    same(write(PROBE, A), "")
    same(driver_of(A), "")
    same(write(DRIVERS + "plaindrv/bind", A), "ENODEV")
    write(OVERRIDE, "\n")
    same(write(PROBE, A), "")
    same(driver_of(A), "plaindrv")


@test("an override stays over unbind")
def _(sim):
    write(OVERRIDE, "vfio-pci")
    write(PCI + A + "/driver/unbind", A)
    same(read(OVERRIDE), "vfio-pci\n")
    write(PROBE, A)
    same(driver_of(A), "vfio-pci")
    write(DRIVERS + "vfio-pci/unbind", A)
    same(read(OVERRIDE), "vfio-pci\n")
    write(OVERRIDE, "\n")
    write(PROBE, A)


@test("drivers_probe of an absent device is ENODEV, of a bound one a success")
def _(sim):
    same(write(PROBE, "0000:99:00.0"), "ENODEV")
    same(write(PROBE, "junk"), "ENODEV")
    same(write(PROBE, A), "")


@test("a probe that fails gives its errno to bind, and success without a driver to drivers_probe")
def _(sim):
    write(PCI + A + "/driver/unbind", A)
    sim.ctl("probe-error", driver="plaindrv", error="EIO")
    same(write(DRIVERS + "plaindrv/bind", A), "EIO")
    same(write(PROBE, A), "")
    same(driver_of(A), "")
    sim.ctl("probe-error", driver="plaindrv")
    same(write(PROBE, A), "")


@test("bind is EAGAIN and drivers_probe EINVAL until the device that was plugged in is ready",
      "timed")
def _(sim):
    bdf, results = "0000:14:00.0", []

    def plug():
        sim.ctl("plug", name="spare")
    thread = threading.Thread(target=plug)
    thread.start()
    while not any(name(e) == bdf and e["ACTION"] == "add" for e in sim.events.drain(0.01)):
        pass
    results.append(write(DRIVERS + "gpudrv/bind", bdf))
    results.append(write(PROBE, bdf))
    thread.join()
    same(results, ["EAGAIN", "EINVAL"])
    same(driver_of(bdf), "gpudrv")
    sim.ctl("unplug", function=bdf)
    sim.ctl("plug", name=bdf)
    sim.ctl("unplug", function=bdf)
    sim.ctl("plug", name="spare")
    sim.ctl("unplug", function=bdf)


@test("new_id lets a driver take a device, is EEXIST twice and EINVAL for junk")
def _(sim):
    path = DRIVERS + "keepdrv/"
    write(PCI + A + "/driver/unbind", A)
    same(write(path + "new_id", "1af4 1102"), "")
    same(driver_of(A), "keepdrv")
    same(write(path + "new_id", "1af4 1102"), "EEXIST")
    same(write(path + "new_id", "junk"), "EINVAL")
    same(write(path + "remove_id", "1af4 1102"), "")
    same(write(path + "remove_id", "1af4 1102"), "ENODEV")
    write(path + "unbind", A)
    same(write(PROBE, A), "")
    same(driver_of(A), "plaindrv")


@test("a second bind waits for the first and then finds the device busy", "timed")
def _(sim):
    write(PCI + A + "/driver/unbind", A)
    first = Background(DRIVERS + "plaindrv/bind", A).at_work()
    same(write(DRIVERS + "plaindrv/bind", A), "EBUSY")
    same(first.wait(), "")
    true(first.took > 0.9, f"bind took {first.took:.3f} s")


@test("binds of different devices run side by side", "timed")
def _(sim):
    both = [A, "0000:02:00.1"]
    for bdf in both:
        write(PCI + bdf + "/driver/unbind", bdf)
    begin = time.monotonic()
    writes = [Background(DRIVERS + "plaindrv/bind", bdf) for bdf in both]
    same([w.wait() for w in writes], ["", ""])
    true(time.monotonic() - begin < 1.8, "they waited for each other")


@test("enable is EBUSY while a driver has the device")
def _(sim):
    same(write(PCI + A + "/enable", "1"), "EBUSY")
    same(read(PCI + A + "/enable"), "1\n")
