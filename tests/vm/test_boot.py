# SPDX-License-Identifier: GPL-2.0-or-later
"""tiod as a service on a real kernel: in its sandbox, at boot, restarted, and after a reboot.

test_boot.sh starts this as a unit.  It ends with 75 to be run again after a reboot; what it
must remember of the first time is in /run/vm.
"""

import json
import os
import signal
import subprocess
import sys

import under_unit
from guest import (NIC1, NVME1, PCI, PLAIN, Checks, Monitor, diff, driver, knob, property_of,
                   read, settle, snapshot, until)
from service import Service, has_right, pid, run, seconds, show, status_of

VF, MAC = "0000:01:10.0", "52:54:00:aa:00:01"
PLUGGED = "0000:06:00.0"
MEMORY = "/run/vm/memory.json"
AGAIN = 75
NOBODY = 65534


guest = Service()
checks = Checks(guest)
tap = checks.tap


def state_of(function):
    """None while there is no such function."""
    reply = guest.call("GetFunction", function=function)
    return None if "error" in reply else reply["parameters"]["function"]["state"]


# --- The first boot ---

def test_started():
    for unit in ("tiod.socket", "tiod.service", "tiod-wait.service", "guest.service"):
        checks.ok(show(unit, "ActiveState") == "active", f"{unit} is active after the boot",
                  run("systemctl", "status", "--no-pager", unit))
    checks.ok(guest.call("GetHost")["parameters"]["ready"], "tiod answers at systemd's socket")
    groups = read("/etc/group")
    checks.ok("\ntiod:" in groups and "\ntiod-admin:" in groups, "the groups are there")


def test_sandbox():
    number = pid()
    checks.ok(status_of(number, "Seccomp") == "2" and status_of(number, "NoNewPrivs") == "1",
              "system calls are filtered", read(f"/proc/{number}/status"))
    checks.ok(status_of(number, "Uid") not in ("", "0"), "it is not root")
    rights = [has_right(number, right) for right in ("SYS_MODULE", "CHOWN", "FOWNER", "SETUID",
                                                     "DAC_OVERRIDE", "SYS_ADMIN")]
    checks.ok(rights == [False] * 4 + [True] * 2, "it has few of root's rights", rights)
    mounts = read(f"/proc/{number}/mountinfo").splitlines()
    sysfs = [line.split()[5].split(",")[0] for line in mounts if line.split()[4] == "/sys"]
    checks.ok(sysfs and sysfs[-1] == "ro", "/sys is read-only but for what is worked on",
              mounts)


def test_work():
    """Each kind of thing that tiod does to the host."""
    before = snapshot()
    checks.ok(not os.path.exists("/sys/module/vfio_pci"), "vfio-pci is not loaded yet")
    checks.attach(NVME1)
    checks.ok(driver(NVME1) == "vfio-pci" and read(f"{PCI}{NVME1}/tsm/connect") == "tsm0",
              "a module is loaded, a card connected and bound", driver(NVME1))
    checks.attach(f"{NIC1}/vf0", "--vfs", "2", "--mac", MAC)
    link = json.loads(run("ip", "-j", "link", "show", "dev",
                          os.listdir(f"{PCI}{NIC1}/net")[0]))
    checks.ok(driver(VF) == "vfio-pci" and
              link[0]["vfinfo_list"][0]["address"] == MAC, "a VF is made, set and bound", link)
    checks.ok(guest.state(NVME1)["link"] == "secure",
              "registers beyond the first 64 bytes are read", guest.state(NVME1))
    test_holder()
    checks.detach(f"{NIC1}/vf0")
    checks.detach(NVME1)
    checks.same(before, "and all of it is undone")


def test_holder():
    """Somebody else's process is found by what it has open."""
    node = "/dev/vfio/devices/" + os.listdir(f"{PCI}{NVME1}/vfio-dev")[0]
    with open(node, "r+b", buffering=0) as file:
        holder = subprocess.Popen(["sleep", "1000"], user=NOBODY, group=NOBODY,
                                  extra_groups=[], pass_fds=(file.fileno(),))
    said = checks.must_exit(5, "detach", NVME1)
    checks.ok(str(holder.pid) in said, "a process of another user is named", said)
    holder.kill()
    holder.wait()


def test_user():
    """The node of a device that a user's VM has is that user's, for as long."""
    checks.attach(NVME1, vm="users")
    node = "/dev/vfio/devices/" + os.listdir(f"{PCI}{NVME1}/vfio-dev")[0]
    checks.ok(os.stat(node).st_uid == NOBODY, "a VM's user is given the node", os.stat(node))
    checks.detach(NVME1)


def test_tags():
    said = {name: property_of(PCI + NVME1, name) for name in ("TIO_DSM", "TIO_TEE_IO")}
    checks.ok(said == {"TIO_DSM": NVME1, "TIO_TEE_IO": "1"},
              "udevd has asked the installed tio_id", said)
    checks.ok(property_of(PCI + PLAIN, "TIO_DSM") is None, "which knows no other cards")


def test_plugged():
    before = snapshot()
    monitor = Monitor.own()
    monitor.call("device_add", driver="nvme", id="new", bus="port6", serial="new")
    came = until(lambda: state_of(PLUGGED) == "attached", 40)
    checks.ok(came, "a card that is plugged in is attached by its rule", guest.tioctl("status"))
    checks.detach(PLUGGED)
    monitor.call("device_del", id="new")
    checks.ok(until(lambda: not os.path.exists(PCI + PLUGGED), 40), "and unplugged")
    checks.same(before, "the host is as before it came")


def test_restart():
    checks.attach(NVME1)
    checks.attach(f"{NIC1}/vf0", "--vfs", "2", "--mac", MAC)
    before, old = snapshot(), pid()
    run("systemctl", "restart", "tiod.service")
    checks.ok(pid() not in (0, old), "it is restarted")
    checks.same(before, "which changes nothing on the host")
    checks.ok(guest.tioctl("status")[0] == 0, "nor in what it shows", guest.tioctl("status"))
    os.kill(pid(), signal.SIGKILL)
    back = until(lambda: pid() not in (0, old) and
                 guest.call("GetHost")["parameters"]["ready"], 30)
    checks.ok(back, "killed, it comes back", run("systemctl", "status", "tiod.service"))
    checks.same(before, "which changes nothing either")
    run("systemctl", "stop", "tiod.service")
    kept = os.listdir("/run/tiod/journal") if os.path.isdir("/run/tiod/journal") else []
    checks.ok(len(kept) >= 2, "stopped, it leaves the journal of what is attached", kept)
    checks.ok(guest.tioctl("status")[0] == 0, "and whoever asks starts it",
              guest.tioctl("status"))
    checks.same(before, "which changes nothing, again")


def test_tsm_comes():
    run("systemctl", "stop", "tiod.socket", "tiod.service")
    knob("present", 0)
    until(lambda: not os.listdir("/sys/class/tsm"))
    checks.ok(show("tiod.service", "ActiveState") == "inactive", "it is stopped")
    knob("present", 1)
    checks.ok(until(lambda: show("tiod.service", "ActiveState") == "active", 30),
              "a TSM that comes starts it", run("systemctl", "status", "tiod.service"))


# --- The second boot ---

def test_back(memory):
    units = ("tiod", "tiod-wait", "tiod-wait@vm1", "guest")
    if not checks.ok(os.path.exists("/run/guest-saw"), "the guest's unit was started",
                     run("systemctl", "status", "--no-pager", *units)):
        return
    with open("/run/guest-saw", encoding="utf-8") as file:
        functions = {one["address"]: one for one in json.load(file)["functions"]}
    for function in (NVME1, VF):
        checks.ok(functions.get(function, {}).get("state") == "attached",
                  f"{function} was attached before the guest's unit started",
                  functions.get(function))
    checks.ok(guest.tioctl("status")[0] == 0, "nothing is wrong", guest.tioctl("status"))
    link = json.loads(run("ip", "-j", "link", "show", "dev",
                          os.listdir(f"{PCI}{NIC1}/net")[0]))
    checks.ok(link[0]["vfinfo_list"][0]["address"] == MAC, "the VF has its address again", link)
    checks.detach(f"{NIC1}/vf0")
    checks.detach(NVME1)
    after = snapshot()
    checks.ok(after == memory["fresh"], "detached, the host is as after the first boot",
              diff(memory["fresh"], after))


def test_order():
    """A guest waits for its tiod-wait, which waits for tiod."""
    waiter = "tiod-wait@vm1.service"
    began = [seconds("tiod.service"), seconds(waiter, "ExecMainStartTimestampMonotonic"),
             seconds(waiter, "ExecMainExitTimestampMonotonic"),
             seconds("guest.service", "ExecMainStartTimestampMonotonic")]
    checks.ok(all(began) and sorted(began) == began,
              "tiod is ready, then it is waited for, then the guest starts", began)


def test_journal():
    refused = [line for line in guest.log_text().splitlines()
               if "ermission denied" in line or "not permitted" in line or "ead-only" in line]
    checks.ok(not refused, "the sandbox has refused nothing", *refused)


def timings():
    begin = seconds("tiod.service", "InactiveExitTimestampMonotonic")
    tap.note(f"boot {os.environ['VM_BOOT']}, in seconds since the kernel's start: tiod started "
             f"{begin:.1f}, ready {seconds('tiod.service'):.1f}, waited for until "
             f"{seconds('tiod-wait.service'):.1f}, guest {seconds('guest.service'):.1f}")


def first():
    settle()
    test_started()
    test_sandbox()
    timings()
    fresh = snapshot()
    test_tags()
    test_work()
    test_user()
    test_plugged()
    test_tsm_comes()
    under_unit.test_all(checks)
    test_restart()
    test_journal()
    with open(MEMORY, "w", encoding="utf-8") as file:
        json.dump({"fresh": fresh, "number": tap.number, "failed": tap.failed}, file)
    sys.exit(AGAIN)


def second():
    with open(MEMORY, encoding="utf-8") as file:
        memory = json.load(file)
    tap.number, tap.failed = memory["number"], memory["failed"]
    settle()
    timings()
    test_order()
    test_back(memory)
    test_journal()
    tap.end()


if os.environ["VM_BOOT"] == "1":
    first()
second()
