# SPDX-License-Identifier: GPL-2.0-or-later
"""Attributes whose values and errnos tests/vm/conformance has seen on a kernel that runs."""
import os

from .sim import (DRIVERS, PCI, Background, config, driver_of, exists, ext_cap, read, same,
                  test, to_vfio, write)

EP = "0000:01:00.0"
A = "0000:02:00.0"
BRIDGE = "/sys/devices/pci0000:00/"


def writes(path, *texts):
    return [write(path, text) for text in texts]


def pairs(path, *texts):
    """What each write answers and what is read then."""
    return [(write(path, text), read(path)) for text in texts]


@test("a host bridge gives the lowest stream below its number, and counts those that are used")
def _(sim):
    other, pool = "0000:12:00.0", BRIDGE + "available_secure_streams"
    sim.ctl("streams", bridge="0000:00", nr=1)
    same(writes(PCI + EP + "/tsm/connect", "tsm0"), [""])
    same([write(f"{PCI}{other}/tsm/connect", "tsm0"), read(pool)], ["EFAULT", "0\n"])
    sim.ctl("streams", bridge="0000:00", nr=2)
    same([write(f"{PCI}{other}/tsm/connect", "tsm0"), read(pool)], ["", "0\n"])
    write(PCI + EP + "/tsm/disconnect", "tsm0")
    sim.ctl("streams", bridge="0000:00", nr=1)
    same([write(PCI + EP + "/tsm/connect", "tsm0"), read(pool)], ["", "0\n"])
    sim.ctl("streams", bridge="0000:00", nr=0)
    same(exists(pool), False)
    for bdf in (EP, other):
        same(write(f"{PCI}{bdf}/tsm/disconnect", "tsm0"), "")
    same(write(PCI + EP + "/tsm/connect", "tsm0"), "EFAULT")
    sim.ctl("streams", bridge="0000:00", nr=256)
    same(sim.ask("streams", bridge="0000:77", nr=1)["ok"], False)


@test("a card whose link is down reads all ones, and connect says what it said")
def _(sim):
    write(PCI + EP + "/tsm/connect", "tsm0")
    width = read(PCI + EP + "/current_link_width")
    sim.ctl("silent", function=EP, on=True)
    same(set(config(EP)), {0xff})
    same([read(PCI + EP + "/" + a) for a in ("vendor", "current_link_speed", "max_link_width",
                                             "tsm/connect")],
         [read(PCI + EP + "/vendor"), "Unknown\n", "63\n", "tsm0\n"])
    same(write(PCI + EP + "/tsm/disconnect", "tsm0"), "")
    sim.ctl("silent", function=EP, on=False)
    same(read(PCI + EP + "/current_link_width"), width)
    same([write(PCI + EP + "/tsm/" + a, "tsm0") for a in ("connect", "disconnect")], ["", ""])


@test("a card below a port without IDE keeps the blocks that the kernel never looked at")
def _(sim):
    def block(bdf):
        image = config(bdf)
        at = ext_cap(image, 0x30) + 12
        return image[at + 4:at + 8]
    same([block("0000:07:00.0"), block(EP)], [bytes(4), bytes([0, 0, 0, 0xff])])


@test("numbers are taken as the kernel's parsers take them")
def _(sim):
    write(PCI + EP + "/sriov_numvfs", "1")
    path = os.path.realpath(PCI + EP + "/virtfn0") + "/sriov_vf_msix_count"
    same(writes(path, "0", "0x10", "+3", "-0", "2147483647"), ["ENOTSUP"] * 5)
    same(writes(path, "-1", "2147483648", "1x", " 1", "-+1", "\n"), ["EINVAL"] * 6)
    write(PCI + EP + "/sriov_numvfs", "0")
    same(pairs(PCI + A + "/numa_node", "0", "1x", " 1", "-1", "0x0"),
         [("", "0\n"), ("EINVAL", "0\n"), ("EINVAL", "0\n"), ("", "-1\n"), ("", "0\n")])


@test("reset_method keeps the order and drops the blanks")
def _(sim):
    path = PCI + EP + "/reset_method"
    same(pairs(path, "bus flr", " flr ", "\nflr", "flr flr", "flr,bus", 8 * "flr ",
               "default"),
         [("", "bus flr\n"), ("", "flr\n"), ("", "flr\n"), ("", "flr flr\n"),
          ("EINVAL", "flr flr\n"), ("EINVAL", "flr flr\n"), ("", "flr bus\n")])


@test("a driver enables a function once more, and takes back no more than that")
def _(sim):
    path = PCI + A + "/enable"
    same([read(path), write(path, "1")], ["1\n", "EBUSY"])
    write(DRIVERS + "plaindrv/unbind", A)
    same(pairs(path, "0", "1", "1"), [("EIO", "0\n"), ("", "1\n"), ("", "2\n")])
    write(DRIVERS + "plaindrv/bind", A)
    same(read(path), "3\n")
    write(DRIVERS + "plaindrv/unbind", A)
    same(pairs(path, "0", "0"), [("", "1\n"), ("", "0\n")])
    write(DRIVERS + "plaindrv/bind", A)


@test("new_id takes what no entry of the driver has, and remove_id what was given to it")
def _(sim):
    new, remove = (DRIVERS + "plaindrv/" + a for a in ("new_id", "remove_id"))
    same(writes(new, "1af4 1102", "1af4", "-1 -1", "1af4 9000 1 2 0 0 9"),
         ["EEXIST", "EINVAL", "EINVAL", "EINVAL"])
    same(writes(new, "1af4 9000 1af4 1 020000 ffffff", "1af4 9000", "1af4 9000 1 1"),
         ["", "", "EEXIST"])
    same(writes(remove, "1af4 9000 5", "1af4 9000 1af4 1 020000 ffffff", "1af4 9000",
                "1af4 9000", "1af4 1102"), ["ENODEV", "", "", "ENODEV", "ENODEV"])


@test("an IOMMU group's type can be changed while no driver uses its domain")
def _(sim):
    path = PCI + A + "/iommu_group/type"
    same(pairs(path, "junk", "identity", "DMA-FQ"),
         [("EINVAL", "DMA-FQ\n"), ("EPERM", "DMA-FQ\n"), ("EPERM", "DMA-FQ\n")])
    for bdf in (A, "0000:02:00.1"):
        write(DRIVERS + "plaindrv/unbind", bdf)
    same(pairs(path, "identity\n", "DMA"), [("", "identity\n"), ("", "DMA\n")])
    to_vfio(A)
    same(pairs(path, "identity", "DMA"), [("", "identity\n"), ("", "DMA\n")])
    write(DRIVERS + "vfio-pci/unbind", A)
    write(PCI + A + "/driver_override", "\n")
    write(DRIVERS + "plaindrv/bind", A)
    same(pairs(path, "auto", "DMA-FQ"), [("", "DMA-FQ\n"), ("EPERM", "DMA-FQ\n")])
    write(DRIVERS + "plaindrv/bind", "0000:02:00.1")
    same(driver_of(A), "plaindrv")


@test("a root port says what it has heard of, and no other function does")
def _(sim):
    sums = ["aer_rootport_total_err_" + kind for kind in ("cor", "fatal", "nonfatal")]
    same([read(PCI + "0000:00:02.0/" + name) for name in sums], ["0\n"] * 3)
    same([exists(PCI + EP + "/" + name) for name in sums], [False] * 3)


@test("a connect that hangs ends when it is let go of, and junk is refused")
def _(sim):
    sim.ctl("tsm-hang", how="forever")
    running = Background(PCI + EP + "/tsm/connect", "tsm0")
    running.join(0.2)
    same(running.is_alive(), True)
    sim.ctl("tsm-hang", how="off")
    same(running.wait(), "")
    same(write(PCI + EP + "/tsm/disconnect", "tsm0"), "")
    same(sim.ask("tsm-hang", how="junk")["ok"], False)
