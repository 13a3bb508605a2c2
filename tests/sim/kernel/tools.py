# SPDX-License-Identifier: GPL-2.0-or-later
"""Real tools, unmodified, on the simulated host."""
import os
import shutil
import subprocess

from .sim import PCI, Skip, driver_of, exists, name, read, same, test, true, write

EP = "0000:01:00.0"


def run(*command):
    if not shutil.which(command[0], path=os.environ["PATH"] + ":/sbin:/usr/sbin"):
        raise Skip(f"{command[0]} is not installed")
    env = dict(os.environ, PATH=os.environ["PATH"] + ":/sbin:/usr/sbin")
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    return done.returncode, done.stdout


@test("lspci shows the functions, their capabilities, drivers, slots and groups", "dual")
def _(sim):
    code, text = run("lspci", "-Dvvvs", "0000:e1:00.0")
    same(code, 0, text)
    for word in ("3D controller", "Express (v2) Endpoint", "FLReset+", "Physical Slot: 1",
                 "NUMA node: 1", "size=128G", "Data Object Exchange",
                 "Device Serial Number 48-b0-2d-00-00-00-00-01", "Total VFs: 16",
                 "Kernel driver in use: nvidia"):
        true(word in text, f"lspci does not say {word!r}")


@test("lspci draws the tree of ports and functions", "dual")
def _(sim):
    code, text = run("lspci", "-tv")
    same(code, 0, text)
    true("01.1-[e1]--+-00.0" in text, text)


@test("udevadm info tells of functions, nodes and disks", "dual")
def _(sim):
    code, text = run("udevadm", "info", "/sys/bus/pci/devices/0000:61:00.0")
    same(code, 0, text)
    for word in ("DRIVER=nvme", "PCI_ID=144D:A826", "SUBSYSTEM=pci", "MODALIAS=pci:"):
        true(word in text, f"udevadm does not say {word!r}: {text}")
    code, text = run("udevadm", "info", "--query=property", "/sys/class/block/nvme0n1p2")
    same(code, 0, text)
    for word in ("DEVNAME=/dev/nvme0n1p2", "DEVTYPE=partition", "PARTN=2"):
        true(word in text, f"udevadm does not say {word!r}: {text}")
    code, text = run("udevadm", "info", "-a", "/sys/class/tsm/tsm0")
    true("0000:c3:00.5" in text, text)


@test("modprobe loads vfio-pci with what it needs, by alias too, and unloads it", "modules",
      keeps=True)
def _(sim):
    same(exists("/dev/vfio/vfio"), False)
    sim.events.drain(0.15)
    same(run("modprobe", "vfio-pci")[0], 0)
    events = [(e["SUBSYSTEM"], name(e)) for e in sim.events.drain(0.15)]
    same(events[-2:], [("drivers", "vfio-pci"), ("module", "vfio_pci")])
    same([read(f"/sys/module/{m}/initstate") for m in ("iommufd", "vfio", "vfio_pci")],
         ["live\n"] * 3)
    same([os.path.exists(p) for p in ("/dev/iommu", "/dev/vfio/vfio",
                                      "/sys/bus/pci/drivers/vfio-pci")], [True] * 3)
    same(run("rmmod", "vfio")[0] != 0, True, "rmmod of a module in use")
    same(run("modprobe", "-r", "vfio-pci")[0], 0)
    same(exists("/sys/module/vfio_pci"), False)
    same(run("modprobe", "vfio_pci")[0], 0)


@test("a driver whose module is unloaded leaves its device, and takes it again when loaded",
      "modules")
def _(sim):
    same(run("rmmod", "gpudrv")[0], 0)
    same(driver_of(EP), "")
    alias = read(PCI + EP + "/modalias").strip()
    same(run("modprobe", alias)[0], 0)
    same(driver_of(EP), "gpudrv")


@test("modprobe of an unknown module fails", "modules")
def _(sim):
    same(run("modprobe", "nosuchmodule")[0] != 0, True)


@test("lsmod's file lists what is loaded and who uses it, where the kernel has such a file",
      "modules")
def _(sim):
    if not exists("/proc/modules"):
        raise Skip("no /proc/modules")
    true("kvm 65536 1 kvm_amd, Live" in read("/proc/modules"), read("/proc/modules"))


@test("the readiness files of the platform are there")
def _(sim):
    same(read("/sys/module/kvm_amd/parameters/sev_snp"), "Y\n")
    same(read("/sys/module/ccp/parameters/tio"), "Y\n")
    features = read("/sys/class/iommu/ivhd0/amd-iommu/features").strip().split(":")
    same([int(features[0], 16) >> 63, int(features[1], 16) & 2], [1, 2])


@test("an attribute can be given any value for a test", "modules", keeps=True)
def _(sim):
    path = "sys/devices/pci0000:00/0000:00:02.0/0000:01:00.0/power_state"
    sim.ctl("set", path=path, value="D3cold")
    same(read(PCI + EP + "/power_state"), "D3cold\n")
    same(write(PCI + EP + "/power_state", "x") != "", True)
    same(sim.ask("set", path="sys/nowhere/x", value="1")["ok"], False)
