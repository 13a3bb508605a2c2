# SPDX-License-Identifier: GPL-2.0-or-later
"""What tiod does as a service and nowhere else: its helper, the watchdog, the units around it.

test_boot.py calls test_all() in the first boot.
"""

import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.request

from guest import NIC1, NVME1, PCI, diff, driver, knob, read, snapshot, until
from service import has_right, pid, restart, run, show, status_of

NOBODY = 65534
WAIT = 180  # of emulated processors on a busy machine much is asked
TEXTFILE = "/var/lib/prometheus/node-exporter"
# Says what stands behind the descriptors that QEMU would get.
OPENED = "; ".join((
    "import os, re, sys",
    r"numbers = {int(n) for word in sys.argv for n in re.findall(r'fd=(\d+)', word)}",
    "print(sorted(os.readlink(f'/proc/self/fd/{n}') for n in numbers))"))


def node_of(function):
    return "/dev/vfio/devices/" + os.listdir(f"{PCI}{function}/vfio-dev")[0]


def ready(checks, old):
    """A tiod other than @old is there and knows the host."""
    return until(lambda: pid() not in (0, old) and
                 checks.guest.call("GetHost")["parameters"]["ready"], WAIT)


def drop_in(unit, text):
    folder = f"/run/systemd/system/{unit}.d"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/50-test.conf", "w", encoding="ascii") as file:
        file.write(text)
    run("systemctl", "daemon-reload")


# --- The helper ---

def test_private(checks):
    """Only tiod may ask its helper."""
    child = os.fork()
    if child == 0:
        os.setuid(NOBODY)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as ours:
            os._exit(ours.connect_ex("/run/tiod/helper"))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    checks.ok(code == 13, "a stranger may not ask tiod's helper", code)


def test_no_helper(checks):
    before = snapshot()
    run("systemctl", "stop", "tiod-helper.socket")
    said = checks.attach(NVME1, vm="users", code=6)
    checks.ok("systemctl restart tiod-helper.socket" in said,
              "without its helper, tiod says how to start it", said)
    checks.same(before, "and takes back what it had done")
    run("systemctl", "start", "tiod-helper.socket")
    os.unlink("/run/tiod/helper")
    checks.attach(NVME1, vm="users", code=6)
    run("systemctl", "restart", "tiod-helper.socket")
    checks.attach(NVME1, vm="users")
    checks.ok(os.stat(node_of(NVME1)).st_uid == NOBODY,
              "which helps, be the socket stopped or its file gone")
    run("systemctl", "stop", "tiod-helper.socket")
    checks.detach(NVME1)
    checks.same(before, "a whole detach needs no helper")
    run("systemctl", "start", "tiod-helper.socket")


def test_plugins(checks):
    """None is refused where they may do next to nothing."""
    said = checks.must_exit(0, "plugins")
    checks.ok("nvme" in said and "intel" in said, "plugins are loaded", said)


# --- What is handed out ---

def test_handed_out(checks):
    checks.attach(NVME1)
    checks.attach(f"{NIC1}/vf0", f"{NIC1}/vf1", "--vfs", "2")
    wanted = sorted(["/dev/iommu", node_of(NVME1), node_of("0000:01:10.0"),
                     node_of("0000:01:10.2" if os.path.exists(PCI + "0000:01:10.2") else
                             "0000:01:10.1")])
    said = checks.must_exit(0, "run", "vm1", "--", "python3", "-c", OPENED)
    checks.ok(str(wanted) in said, "open devices are handed to who runs QEMU", wanted, said)
    limits = read(f"/proc/{pid()}/limits")
    checks.ok(re.search(r"^Max open files +\d+ +65536 ", limits, re.M),
              "and there is room for those of many", limits)
    shutil.rmtree("/run/evidence", ignore_errors=True)
    checks.must_exit(0, "evidence", NVME1, "-o", "/run/evidence")
    checks.ok(os.path.getsize("/run/evidence/slot0.bin") > 0, "evidence is saved",
              os.listdir("/run/evidence"))
    checks.detach(f"{NIC1}/vf0", f"{NIC1}/vf1")
    checks.detach(NVME1)


def test_published(checks):
    """Files for others, in a folder that is not tiod's, as contrib/kubernetes.md has it."""
    path = "/run/cdi/tiod.io-tdi.json"
    os.makedirs("/run/cdi", exist_ok=True)
    with open("/etc/tiod/tiod.conf", "w", encoding="ascii") as file:
        file.write(f"[Daemon]\nCdiFile={path}\n")
    drop_in("tiod.service", "[Service]\nReadWritePaths=/run/cdi\n")
    restart()
    checks.attach(NVME1)
    checks.ok(until(lambda: node_of(NVME1) in read(path), WAIT), "a CDI file is written",
              read(path))
    checks.detach(NVME1)
    checks.ok(until(lambda: not os.path.exists(path), WAIT), "and goes", read(path))
    os.unlink("/etc/tiod/tiod.conf")
    drop_in("tiod.service", "")
    restart()


def test_upgraded(checks):
    """What a tiod that was root has left belongs to root."""
    checks.attach(NVME1, vm="users")
    before = snapshot()
    run("systemctl", "stop", "tiod.service")
    run("chown", "-R", "root:root", "/run/tiod", "/var/lib/tiod")
    run("systemctl", "reset-failed", "tiod.service")
    run("systemctl", "start", "tiod.service")
    checks.ok(checks.guest.tioctl("status")[0] == 0, "it takes over what is root's",
              checks.guest.tioctl("status"))
    checks.same(before, "and changes nothing")
    checks.detach(NVME1)


# --- Ends that nobody wished for ---

def test_killed(checks):
    """In the middle of a change"""
    before, old = snapshot(), pid()
    knob("connect_ms", 5000)
    job = checks.guest.background("attach", NVME1, "--vm", "users")
    flight = until(lambda: any('"change": {' in read(path)
                               for path in glob.glob("/run/tiod/journal/*.json")), WAIT)
    os.kill(old, signal.SIGKILL)
    job.communicate(timeout=WAIT)
    knob("connect_ms", 0)
    checks.ok(flight and ready(checks, old), "killed in a change, it comes back",
              run("systemctl", "status", "tiod.service"))
    checks.ok(checks.guest.job_free(WAIT), "and puts in order what was left")
    if driver(NVME1) == "vfio-pci":
        checks.ok(os.stat(node_of(NVME1)).st_uid == NOBODY, "all of it was done")
        checks.detach(NVME1)
    checks.same(before, "nothing of the change is left")


def test_watchdog(checks):
    drop_in("tiod.service", "[Service]\nWatchdogSec=15\nTimeoutAbortSec=5\n"
            "ExecStopPost=/bin/sh -c 'echo $SERVICE_RESULT >/run/tiod/result'\n")
    restart()
    checks.attach(NVME1, vm="users")
    before, old, restarts = snapshot(), pid(), int(show("tiod.service", "NRestarts"))
    os.kill(old, signal.SIGSTOP)
    checks.ok(ready(checks, old) and int(show("tiod.service", "NRestarts")) > restarts,
              "one that stands still is started anew by the watchdog",
              run("systemctl", "status", "tiod.service"))
    checks.ok(read("/run/tiod/result") == "watchdog", "and not by anything else",
              read("/run/tiod/result"))
    checks.same(before, "which changes nothing on the host")
    checks.ok(checks.guest.tioctl("status")[0] == 0 and
              os.stat(node_of(NVME1)).st_uid == NOBODY, "nor whose the device is",
              checks.guest.tioctl("status"))
    checks.detach(NVME1)
    drop_in("tiod.service", "")
    restart()


# --- The units around it ---

def test_exporter(checks):
    if not os.path.exists("/usr/lib/systemd/system/tiod-exporter.socket") and not glob.glob(
            "/usr/local/lib/systemd/system/tiod-exporter.socket"):
        checks.tap.skip("the exporter answers", "built without it")
        return
    run("systemctl", "start", "tiod-exporter.socket")
    checks.ok(show("tiod-exporter.service", "ActiveState") == "inactive",
              "the exporter waits for somebody to ask")
    with urllib.request.urlopen("http://127.0.0.1:9847/metrics", timeout=WAIT) as reply:
        text = reply.read().decode()
    checks.ok("tiod_" in text and show("tiod-exporter.service", "ActiveState") == "active",
              "and answers", text[:500], run("systemctl", "status", "tiod-exporter.service"))
    number = int(show("tiod-exporter.service", "MainPID"))
    checks.ok(status_of(number, "Uid") != "0" and int(status_of(number, "CapEff"), 16) == 0,
              "without a right of root's")
    run("systemctl", "stop", "tiod-exporter.service")
    with urllib.request.urlopen("http://127.0.0.1:9847/metrics", timeout=WAIT) as reply:
        checks.ok(reply.status == 200, "stopped, it is started by the next one who asks")
    run("systemctl", "stop", "tiod-exporter.socket", "tiod-exporter.service")


def test_textfile(checks):
    os.makedirs(TEXTFILE, exist_ok=True)
    path = TEXTFILE + "/tiod.prom"
    run("systemctl", "start", "tiod-textfile.timer")
    checks.ok(until(lambda: os.path.exists(path), WAIT) and "tiod_" in read(path),
              "the timer has the textfile written",
              run("systemctl", "status", "tiod-textfile.timer", "tiod-textfile.service"))
    checks.ok(show("tiod-textfile.timer", "SubState") in ("waiting", "running"),
              "and will again", show("tiod-textfile.timer", "SubState"))
    checks.ok(oct(os.stat(path).st_mode & 0o777) == "0o644", "the collector may read it",
              os.stat(path))
    run("systemctl", "stop", "tiod-textfile.timer")


def test_level(checks):
    """What systemd says of those that run, not of files."""
    said = run("systemd-analyze", "security", "--no-pager", "tiod.service").splitlines()
    checks.ok(said and " 2.0 " in said[-1], "systemd itself counts 2.0 for it", *said[-3:])


def test_failed(checks):
    said = run("systemctl", "list-units", "--failed", "--plain", "--no-legend", "tiod*")
    checks.ok(not said.strip(), "no unit has failed", said,
              *(run("systemctl", "status", "--no-pager", line.split()[0])
                for line in said.splitlines()))


def test_all(checks):
    before = snapshot()
    test_private(checks)
    test_no_helper(checks)
    test_plugins(checks)
    test_handed_out(checks)
    test_published(checks)
    test_upgraded(checks)
    test_killed(checks)
    test_watchdog(checks)
    test_exporter(checks)
    test_textfile(checks)
    test_level(checks)
    test_failed(checks)
    checks.ok(snapshot() == before, "and the host is as before all of that",
              diff(before, snapshot()))
