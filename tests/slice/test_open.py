# SPDX-License-Identifier: GPL-2.0-or-later
"""The open devices of a VM, for whoever runs its QEMU and may not open them."""

import grp
import json
import os
import socket
import subprocess
import sys

from checks import run_all
from world import SOCKET, TIOCTL, Tap

DRIVE, NIC = "0000:61:00.0", "0000:41:00.0"
STRANGER = 65534
FILES = {"handed": "[VM]\nMemory=1G\nGroup=games\n"}

# Says what it was started with, and what stands behind each descriptor.
PROGRAM = """
import json, os, re, sys
found = {}
for word in sys.argv[1:]:
    for number in re.findall(r"fd=(\\d+)", word):
        st = os.fstat(int(number))
        found[number] = [st.st_dev, st.st_ino]
print(json.dumps({"words": sys.argv[1:], "files": found, "uid": os.getuid(),
                  "open": sorted(int(n) for n in os.listdir("/proc/self/fd"))}))
"""


def identity(path):
    st = os.stat(path)
    return [st.st_dev, st.st_ino]


def nodes(world, *functions):
    return [identity("/dev/iommu")] + [
        identity(f"/dev/vfio/devices/{world.state(f)['cdev']}") for f in functions]


def open_devices(vm):
    """The reply, and what stands behind the descriptors that came along."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(SOCKET)
        s.sendall(json.dumps({"method": "io.tiod.OpenDevices",
                              "parameters": {"vm": vm}}).encode() + b"\0")
        data, fds = b"", []
        while not data.endswith(b"\0"):
            more, came, _, _ = socket.recv_fds(s, 65536, 253)
            data += more
            fds += came
    found = []
    for fd in fds:
        st = os.fstat(fd)
        found.append([st.st_dev, st.st_ino])
        os.close(fd)
    return json.loads(data[:-1]), found


def run_as(uid, *args):
    """tioctl as somebody else, in a group that the VM's file names, or in none."""
    groups = [grp.getgrnam("games").gr_gid] if uid != STRANGER else []
    return subprocess.run([TIOCTL, *args], env=dict(os.environ, TIOD_SOCKET=SOCKET),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          user=uid, group=STRANGER, extra_groups=groups, check=False)


def own_files(world):
    """What tiod has open of the devices."""
    folder = f"/proc/{world.daemon.pid}/fd"
    paths = [os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)]
    return [path for path in paths if "/vfio" in path or path.endswith("iommu")]


def test_refused(checks):
    checks.calls("io.tiod.NotReady", "OpenDevices",
                 ["no function is assigned", "tioctl attach DEV --vm handed"],
                 "a VM without a device has nothing to open", vm="handed")
    checks.refused("run handed", 2, ["run needs a program"], "run without a program")
    checks.refused("run handed -- /bin/true", 6, ["no function is assigned"],
                   "a program is not run without devices")
    checks.calls("io.tiod.NoSuchVm", "OpenDevices", ["no file describes"],
                 "a VM that is none", vm="none")


def test_descriptors(checks):
    world = checks.world
    before = checks.host()
    world.must("attach", DRIVE, f"{NIC}/vf0", "--vfs", "2", "--vm", "handed")
    reply, found = open_devices("handed")
    listed = [one["name"] for one in reply["parameters"]["devices"]]
    checks.tap.ok(listed[0] == "iommu" and set(listed[1:]) == {DRIVE, "0000:41:00.1"},
                  "all of the VM's devices are listed", reply)
    checks.tap.ok(found == nodes(world, *listed[1:]),
                  "and each descriptor is the node of the one it is listed for", found)
    checks.tap.ok(not own_files(world), "tiod keeps none of them open", own_files(world))
    text = " ".join(reply["parameters"]["handoff"]["arguments"])
    checks.tap.ok("iommufd,id=iommufd0,fd=@FD0@" in text and "fd=@FD1@" in text and
                  "fd=@FD2@" in text and "host=" not in text,
                  "the arguments name descriptors instead of devices", text)

    run = run_as(4010, "run", "handed", "--", "/usr/bin/python3", "-c", PROGRAM, "-append", "",
                 "a b")
    told = json.loads(run.stdout or "{}")
    words = told.get("words", [])
    checks.tap.ok(run.returncode == 0 and words[:3] == ["-append", "", "a b"] and
                  told["uid"] == 4010, "run starts the program with its own words, as its user",
                  run.stdout, run.stderr)
    checks.tap.ok(list(told.get("files", {}).values()) == nodes(world, *listed[1:]),
                  "with arguments that name the open files of its devices", run.stdout)
    left = [n for n in told.get("open", []) if n > 2 and str(n) not in told["files"]]
    checks.tap.ok(len(left) <= 1, "and with nothing else of tioctl's open", told)
    run = run_as(STRANGER, "run", "handed", "--", "/bin/echo", "it ran")
    checks.tap.ok(run.returncode == 3 and "it ran" not in run.stdout and
                  "may not call" in run.stderr, "a stranger is refused", run)
    run = run_as(4010, "run", "handed", "--", "/no/such/program")
    checks.tap.ok(run.returncode == 1 and "/no/such/program" in run.stderr,
                  "a program that is not there is told", run)
    world.must("detach", "--vm", "handed")
    checks.same(before, checks.host(), "afterwards the host is as it was")


def test_not_the_functions(checks):
    """A node that is another one is not opened."""
    world = checks.world
    world.must("attach", DRIVE, "--vm", "handed")
    path = f"/dev/vfio/devices/{world.state(DRIVE)['cdev']}"
    with open("/run/secret", "w", encoding="ascii") as file:
        file.write("not a device")
    subprocess.run(["mount", "--bind", "/run/secret", path], check=True)
    reply, found = open_devices("handed")
    checks.tap.ok("is not the character device" in str(reply) and not found,
                  "another file in the place of its node is not handed out", reply, found)
    subprocess.run(["umount", path], check=True)
    reply, found = open_devices("handed")
    checks.tap.ok("error" not in reply and len(found) == 2, "the true one is", reply)
    world.must("detach", DRIVE)


def test_fallen_link(checks):
    """Nobody has looked at the registers since: they count all the same."""
    checks.world.must("attach", DRIVE, "--vm", "handed")
    for end in ("endpoint", "port"):
        checks.sim("ide-fail", function=DRIVE, end=end)
        reply, found = open_devices("handed")
        checks.tap.ok("link is not secure" in str(reply) and not found,
                      f"over a link that is insecure at the {end} nothing is handed out", reply)
        checks.run("run handed -- /bin/echo started", 6, ["link is not secure",
                                                          f"`tioctl reconnect {DRIVE}`"])
        checks.reaches(DRIVE, "degraded", "and status knows from then on")
        checks.run(f"reconnect {DRIVE}", 0)
    checks.sim("ide-fail", function=DRIVE)
    checks.run(f"ide {DRIVE}", 0, out=["not in the secure state"])
    checks.reaches(DRIVE, "degraded", "status says what ide has shown")
    checks.run(f"reconnect {DRIVE}", 0)
    checks.tap.ok("error" not in open_devices("handed")[0], "made anew, it is fine")
    handed = checks.world.log_text().count("the devices of handed are handed out")
    checks.sim("ide-fail", function=DRIVE)
    checks.run("run handed -- /bin/echo started", 6)
    checks.tap.ok(checks.world.log_text().count("the devices of handed are handed out") == handed,
                  "and the log tells of no hand-over that was none")
    checks.world.must("detach", DRIVE)


PLAIN = [test_refused, test_descriptors, test_not_the_functions, test_fallen_link]

if os.getuid() == 0:
    run_all({"plain": PLAIN}, vms=FILES, config="WatchInterval=0\n")
else:
    tap = Tap()
    tap.skip("open devices are handed out", "there is nobody else to hand them to here")
    tap.end()
