# SPDX-License-Identifier: GPL-2.0-or-later
"""A VM within the guest takes devices over with exactly the arguments that tioctl printed.

Software emulation all the way down.  The inner QEMU's own query-pci shows the device behind
its root port; while it runs, detach is refused and names it.
"""

import json
import os
import shlex
import socket
import subprocess
import time

from guest import NIC1, NVME1, PCI, Guest, Monitor, Tap, diff, glob, snapshot, until

QMP = "/run/inner-qmp"

tap = Tap()
guest = Guest()


class Inner:
    """A QEMU with @arguments, its firmware running: that gives out the bus numbers."""

    def __init__(self, arguments, fds=()):
        self.qemu = subprocess.Popen(  # pylint: disable=consider-using-with
            [os.environ["VM_QEMU"], "-nodefaults", "-machine", "q35", "-accel", "tcg", "-m",
             "128M", "-display", "none", "-qmp", f"unix:{QMP},server=on,wait=off", *arguments],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=fds)
        self.socket = socket.socket(socket.AF_UNIX)
        if not until(self.connect, 60):
            self.qemu.kill()
            raise RuntimeError(self.qemu.stderr.read().decode())
        self.monitor = Monitor(self.socket.makefile("rwb", buffering=0))

    def connect(self):
        if self.qemu.poll() is not None:
            return False
        try:
            self.socket.connect(QMP)
            return True
        except OSError:
            return False

    def behind_root_port(self, ids):
        """(bus number of the port, device) for each of @ids, or None."""
        found = []
        for bus in self.monitor.call("query-pci"):
            for port in bus["devices"]:
                for device in port.get("pci_bridge", {}).get("devices", ()):
                    if device["qdev_id"] in ids:
                        found.append((port, device))
        return found if len(found) == len(ids) else None

    def end(self):
        self.monitor.call("quit")
        self.qemu.wait(30)
        self.socket.close()
        return self.qemu.stderr.read().decode()


def printed(*devices, vm="vm1"):
    """Attaches, and takes what stands on standard output as a shell would."""
    text = guest.must("attach", *devices, "--vm", vm)
    lines = [line for line in text.splitlines() if line.startswith("-")]
    tap.note("printed: " + " ".join(lines))
    return shlex.split(" ".join(lines).replace(" \\ ", " ").replace(" \\", " "))


def identity(function):
    values = []
    for name in ("vendor", "device"):
        with open(f"{PCI}{function}/{name}", encoding="ascii") as file:
            values.append(int(file.read(), 16))
    return {"vendor": values[0], "device": values[1]}


def ids_of(arguments):
    return [word.split("id=")[1].split(",")[0] for word in arguments
            if word.startswith("vfio-pci,")]


def shown(inner, arguments, functions, how):
    """query-pci names each device behind a root port; a VF's IDs are made up by VFIO."""
    start = time.monotonic()
    found = until(lambda: inner.behind_root_port(ids_of(arguments)), 60, 0.3)
    tap.ok(found, f"query-pci shows {' and '.join(functions)} behind root ports, {how}",
           json.dumps(inner.monitor.call("query-pci"))[:2000])
    for port, device in found or ():
        tap.note(f"after {time.monotonic() - start:.1f} s: port {port['qdev_id']} bus "
                 f"{port['pci_bridge']['bus']['secondary']}: {device['qdev_id']} "
                 f"{device['id']} class {device['class_info']['class']:#06x}")
    if found:
        ids = [{k: device["id"][k] for k in ("vendor", "device")} for _, device in found]
        tap.ok(identity(functions[0]) in ids, "with the IDs of the host's device",
               [device["id"] for _, device in found])


def test_paths():
    before = snapshot()
    arguments = printed(NVME1)
    inner = Inner(arguments)
    shown(inner, arguments, [NVME1], "opened by path")
    code, out, err = guest.tioctl("detach", NVME1)
    tap.ok(code == 5 and str(inner.qemu.pid) in out + err and "qemu" in out + err,
           "detach is refused and names the QEMU that has it open", code, out, err)
    tap.note(f"tioctl says: {(out + err).strip().splitlines()[-1]}")
    errors = inner.end()
    tap.ok("error" not in errors.lower(), "QEMU had nothing against the arguments", errors)
    guest.must("detach", NVME1)
    after = snapshot()
    tap.ok(before == after, "the host is as before the VM had the device", diff(before, after))


def test_two():
    before = snapshot()
    vf = "0000:01:10.0"
    guest.must("attach", NVME1, "--vm", "vm1")
    guest.must("attach", NIC1, "--vfs", "1", "--vf", "0", "--vm", "vm1")
    text = guest.must("qemu", "vm1")
    arguments = shlex.split(text.replace("\\\n", " "), comments=True)
    inner = Inner(arguments)
    shown(inner, arguments, [NVME1, vf], "both of `tioctl qemu`")
    inner.end()
    guest.must("detach", "--vm", "vm1")
    after = snapshot()
    tap.ok(before == after, "the host is as before the VM had both", diff(before, after))


def test_fds():
    """As libvirt does it: whoever starts QEMU opens the nodes and passes them."""
    arguments = printed(NVME1)
    node = os.path.basename(glob.glob(f"{PCI}{NVME1}/vfio-dev/vfio*")[0])
    iommu = os.open("/dev/iommu", os.O_RDWR)
    device = os.open("/dev/vfio/devices/" + node, os.O_RDWR)
    words = []
    for word in arguments:
        if word.startswith("iommufd,"):
            word += f",fd={iommu}"
        if word.startswith("vfio-pci,"):
            # QEMU takes either host= or fd=.
            parts = [part for part in word.split(",") if not part.startswith("host=")]
            word = ",".join(parts + [f"fd={device}"])
        words.append(word)
    inner = Inner(words, fds=(iommu, device))
    os.close(iommu)
    os.close(device)
    shown(inner, words, [NVME1], "by passed descriptors")
    code, out, err = guest.tioctl("detach", NVME1)
    tap.ok(code == 5 and str(inner.qemu.pid) in out + err,
           "detach is refused with passed descriptors, too", code, out, err)
    inner.end()
    guest.must("detach", NVME1)


def main():
    guest.start()
    test_paths()
    test_fds()
    test_two()
    guest.stop()
    tap.end()


main()
