# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest from inside: the cards, the module's knobs, the monitor, tiod and snapshots.

Used by the test_*.py beside this file, which tests/vm/test runs in the virtual machine.  The
world they share with the simulated host's tests is tests/slice/world.py.
"""

import glob
import json
import os
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "slice"))

from world import CONFIG, RUNTIME, STATE, Tap, World, diff  # noqa: E402,F401

PCI = "/sys/bus/pci/devices/"
KNOBS = "/sys/kernel/debug/tsm-test/"

# As cards.sh plugs them.
NIC1, NVME1, NIC2 = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
PLAIN, BOOT, NVME2 = "0000:04:00.0", "0000:05:00.0", "0000:41:00.0"
TDISP = (NIC1, NVME1, NIC2, NVME2)
IDE_FIRST = 0xe20


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read().decode(errors="replace").strip()
    except OSError as error:
        return f"<{error.strerror}>"


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(str(text))


def knob(name, value):
    write(KNOBS + name, value)


def until(condition, wait=20, step=0.05):
    """Waits for @condition and returns what it said last."""
    end = time.monotonic() + wait
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(step)
    return condition()


def settle():
    subprocess.run(["udevadm", "settle", "--timeout=30"], check=False)


# --- Snapshots: what tiod may change, in the words of sysfs ---

ATTRIBUTES = ("driver_override", "sriov_numvfs", "sriov_drivers_autoprobe", "tsm/connect",
              "tsm/dsm", "tsm/bound", "authenticated", "enable", "d3cold_allowed",
              "power/control", "reset_method")


def parked(registers):
    """A disabled stream's ID is 255 before the first connect and 0 after it: left out."""
    selective = 4 if len(registers) > 8 and registers[1] >> 16 & 0xff == 3 else 2
    size = 5 + 3 * (registers[5] & 15)
    for i in range(selective):
        control = 6 + i * size
        if not registers[control] & 1:
            registers[control] &= 0xffffff
    return registers


def ide_registers(function):
    """The IDE capability where the module has put it; the link block is left out."""
    with open(PCI + function + "/config", "rb", buffering=0) as file:
        file.seek(IDE_FIRST)
        data = file.read(256)
    if len(data) < 256 or data[:2] != b"\x30\0":
        return "none"
    registers = list(struct.unpack("<64I", data))
    return " ".join(f"{r:x}" for r in parked(registers)[5:])


def function_lines(function):
    folder = PCI + function
    for link in ("driver", "iommu_group"):
        if os.path.islink(f"{folder}/{link}"):
            yield f"{link} {os.path.basename(os.readlink(f'{folder}/{link}'))}"
    for name in ATTRIBUTES:
        if os.path.exists(f"{folder}/{name}"):
            yield f"{name} {read(f'{folder}/{name}')}"
    yield "ide " + ide_registers(function)
    yield "cdev " + " ".join(sorted(glob.glob(folder + "/vfio-dev/*/dev")))


def snapshot():
    """Lines; equal states give equal lines.  Groups of removed VFs don't matter."""
    settle()
    lines = [f"{function} {line}" for function in sorted(os.listdir(PCI))
             for line in function_lines(function)]
    for bridge in sorted(glob.glob("/sys/devices/pci*")):
        streams = sorted(glob.glob(bridge + "/stream*"))
        lines.append(f"{bridge} {' '.join(streams)} "
                     f"{read(bridge + '/available_secure_streams')}")
    lines.append("vfio " + " ".join(sorted(os.listdir("/dev/vfio/devices")
                                           if os.path.isdir("/dev/vfio/devices") else [])))
    return "\n".join(lines)


def driver(function):
    link = f"{PCI}{function}/driver"
    return os.path.basename(os.readlink(link)) if os.path.islink(link) else ""


# --- The monitor of the virtual machine, for hot-plug ---

class Monitor:
    """QMP over a serial port, or a socket."""

    def __init__(self, file):
        self.file = file
        self.call("qmp_capabilities")

    @classmethod
    def own(cls):
        return cls(open(os.environ["VM_QMP"], "r+b", buffering=0))

    def line(self):
        text = b""
        while not text.endswith(b"\n"):
            text += self.file.read(1)
        return json.loads(text)

    def call(self, command, **arguments):
        text = json.dumps({"execute": command, "arguments": arguments})
        self.file.write(text.encode() + b"\n")
        while True:
            reply = self.line()
            if "return" in reply:
                return reply["return"]
            if "error" in reply:
                raise RuntimeError(f"{command}: {reply['error']['desc']}")


def slot_is_free(port):
    """pciehp has done with the last card: power and its indicator are the last of it.

    It is deaf for some seconds before.  Where ACPI plugs cards, there is nothing to wait for.
    """
    if not glob.glob(f"/sys/bus/pci_express/drivers/pciehp/{port}:*"):
        return True
    control = subprocess.run(["setpci", "-s", port, "CAP_EXP+18.w"], capture_output=True,
                             text=True, check=True).stdout
    return int(control, 16) & 0x700 == 0x700


# --- Errors that the kernel hears of ---

# Uncorrectable errors of a link with IDE (PCIe 6.0, 7.8.4.2), by their counters' names.
IDE_ERRORS = {"IDECheck": 1 << 28, "MisIDETLP": 1 << 29, "PCRC_CHECK": 1 << 30}


def inject_aer(function, status):
    """Has the kernel hear of the uncorrectable errors @status (bits) of @function.

    Its counters in aer_dev_nonfatal (or aer_dev_fatal, by the severity register) go up a moment
    later, and its driver is asked to recover.  Both it and its root port must have AER, as igb
    and e1000e here have, and nvme has not: OSError(EPROTONOSUPPORT).  The module stays loaded:
    it has put itself before the buses' config space, and removing it would touch buses that are
    gone.  struct aer_error_inj and what it wants: drivers/pci/pcie/aer_inject.c.
    """
    subprocess.run(["modprobe", "aer_inject"], check=True)
    until(lambda: os.path.exists("/dev/aer_inject"))
    domain, bus, device = function.split(":")
    device, number = device.split(".")
    with open("/dev/aer_inject", "wb", buffering=0) as file:
        # bus, dev, fn; uncorrectable and correctable status; the TLP's header; domain
        file.write(struct.pack("=BBBx2I4II", int(bus, 16), int(device, 16), int(number, 16),
                               status, 0, 0, 0, 0, 0, int(domain, 16)))


def aer_count(function, name, severity="nonfatal"):
    """The counter @name of @function; None when it has no AER."""
    for line in read(f"{PCI}{function}/aer_dev_{severity}").splitlines():
        if line.split()[0] == name:
            return int(line.split()[1])
    return None


# --- tiod ---

class Guest(World):
    """World without a simulated host below it."""

    def __init__(self, step_timeout=None):  # pylint: disable=super-init-not-called
        self.sim = None
        self.daemon = None
        self.log = open("/run/tiod.log", "w+", encoding="utf-8")
        self.env = dict(os.environ, TIOD_SOCKET="/run/tiod-test.sock")
        for folder in (RUNTIME, STATE, CONFIG + "/vms.d"):
            os.makedirs(folder, exist_ok=True)
        write(CONFIG + "/tiod.conf",
              "[Daemon]\n" + (f"StepTimeout={step_timeout}\n" if step_timeout else ""))
        for name in ("vm1", "vm2"):
            write(f"{CONFIG}/vms.d/{name}.conf", "[VM]\nMemory=256M\n")
        write(f"{CONFIG}/vms.d/pinned.conf", "[VM]\nMemory=256M\nPin=d3cold,on,reset\n")

    def log_end(self):
        return "\n".join(self.log_text().splitlines()[-6:])

    def job_free(self, wait=60):
        return until(lambda: not self.call("ListJobs")["parameters"]["jobs"], wait)


class Checks:
    """What the tests of this folder say again and again."""

    def __init__(self, guest):
        self.guest = guest
        self.tap = Tap()

    def ok(self, good, sentence, *details):
        return self.tap.ok(good, sentence, *details, self.guest.log_end())

    def same(self, before, sentence, *details):
        after = snapshot()
        return self.ok(before == after, sentence, diff(before, after), *details)

    def must_exit(self, code, *arguments):
        """Runs tioctl, and returns all that it said."""
        got, out, err = self.guest.tioctl(*arguments)
        self.ok(got == code, f"{' '.join(arguments)} exits with {code}", got, out, err)
        return out + err

    def attach(self, *arguments, vm="vm1", code=0):
        return self.must_exit(code, "attach", *arguments, "--vm", vm)

    def detach(self, *arguments, code=0):
        return self.must_exit(code, "detach", *arguments)


def install_rules():
    """The project's udev rules, as a package would."""
    tools = os.path.join(os.path.dirname(os.environ["TIOD"]), "..", "udev")
    with open(os.path.join(HERE, "..", "..", "udev", "90-tiod.rules.in")) as file:
        write("/etc/udev/rules.d/90-tiod.rules", file.read().replace("@UDEVDIR@", tools))
    subprocess.run(["udevadm", "control", "--reload"], check=True)
    subprocess.run(["udevadm", "trigger", "--settle", "--subsystem-match=pci",
                    "--subsystem-match=tsm"], check=True)


def property_of(path, name):
    out = subprocess.run(["udevadm", "info", "--query=property", f"--path={path}"],
                         capture_output=True, text=True, check=False).stdout
    for line in out.splitlines():
        if line.startswith(name + "="):
            return line[len(name) + 1:]
    return None
