# SPDX-License-Identifier: GPL-2.0-or-later
"""More than tiod can take at once: events that the kernel drops, signals, a udevd that restarts."""

import ctypes
import os
import re
import resource
import signal
import socket
import subprocess

import world
from checks import run_all, set_pci, until, vm_file, write

GPU, DRIVE, NIC, SPARE = "0000:e1:00.0", "0000:61:00.0", "0000:41:00.0", "0000:81:00.0"
KOBJECT_UEVENT = 15  # NETLINK_KOBJECT_UEVENT, linux/netlink.h
PIDFD_OPEN, PIDFD_GETFD = 434, 438  # of every architecture
LIBC = ctypes.CDLL(None, use_errno=True)


def metric(checks, name):
    for line in checks.world.must("metrics").splitlines():
        if line.startswith(name + " "):
            return float(line.rsplit(" ", 1)[1])
    return None


# --- Events ---

def netlink_inodes():
    """Inodes of the sockets in this network namespace that listen to device events."""
    with open("/proc/net/netlink", encoding="ascii") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    return {row[-1] for row in rows if int(row[1]) == KOBJECT_UEVENT and int(row[3], 16)}


def event_sockets(pid):
    """Copies of the descriptors at which @pid gets device events."""
    pidfd = LIBC.syscall(PIDFD_OPEN, pid, 0)
    inodes, found = netlink_inodes(), []
    for name in os.listdir(f"/proc/{pid}/fd"):
        match = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{name}"))
        if match and match.group(1) in inodes:
            found.append(LIBC.syscall(PIDFD_GETFD, pidfd, int(name), 0))
    os.close(pidfd)
    return [fd for fd in found if fd >= 0]


def drown(checks):
    """Too many events for the room that tiod's socket has, while tiod cannot read."""
    for _ in range(400):
        for function in (GPU, NIC, DRIVE):
            set_pci(function, "uevent", "change")


def overrun(checks):
    os.makedirs(world.CONFIG + "/rules.d", exist_ok=True)
    rule = world.CONFIG + "/rules.d/50-spare.conf"
    write(rule, f"[Match]\nAddress={SPARE}\n[Attach]\nVM=vm1\nOn=hotplug\n")
    checks.world.tioctl("reload")
    pid = checks.world.daemon.pid
    fds = event_sockets(pid)
    if not fds:
        why = "this kernel has no pidfd_getfd for us"
        if os.getuid() == 0:
            checks.tap.ok(False, "events that the kernel drops can be provoked by root", why)
        else:
            checks.tap.skip("events that the kernel drops", why)
        return
    for fd in fds:
        with socket.socket(fileno=fd) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    os.kill(pid, signal.SIGSTOP)
    drown(checks)
    set_pci(DRIVE, "driver_override", "vfio-pci")
    checks.sim("plug", name="spare-gpu")
    os.kill(pid, signal.SIGCONT)
    checks.reaches(SPARE, "attached", "a card that came while events were dropped is attached "
                   "by its rule", 60)
    checks.sees(DRIVE, "driverOverride", "vfio-pci")
    checks.tap.ok(metric(checks, "tiod_uevent_overruns_total") >= 1 and
                  metric(checks, 'tiod_scans_total{reason="lost"}') >= 1,
                  "the overrun and the reading after it are counted")
    checks.tap.ok("the kernel dropped events" in checks.world.log_text(), "the log says so",
                  checks.world.log_text())
    os.kill(pid, signal.SIGSTOP)
    drown(checks)
    checks.sim("unplug", function=SPARE)
    os.kill(pid, signal.SIGCONT)
    checks.reaches(SPARE, "absent", "and one that went then is noticed, too", 60)
    checks.run("detach --vm vm1", 0)
    os.unlink(rule)
    set_pci(DRIVE, "driver_override", "\n")
    checks.world.tioctl("reload")


def storm_of_events(checks):
    """Readings are few, however many events there are, and clients are answered meanwhile."""
    def scans():
        return sum(metric(checks, f'tiod_scans_total{{reason="{reason}"}}')
                   for reason in ("event", "lost"))
    before = scans()
    os.kill(checks.world.daemon.pid, signal.SIGSTOP)
    drown(checks)
    os.kill(checks.world.daemon.pid, signal.SIGCONT)
    checks.tap.ok("error" not in checks.world.call("GetHost"), "a storm of events: tiod answers")
    checks.tap.ok(until(lambda: scans() > before, 60), "and reads", before)
    until(lambda: not checks.world.call("ListJobs")["parameters"]["jobs"])
    checks.tap.ok(scans() - before < 50, "1200 events that wait cost a few readings",
                  scans() - before)


# --- Signals ---

def hangups(checks):
    pid = checks.world.daemon.pid
    for i in range(300):
        vm_file("storm", "[VM]\nMemory=1G\n" if i % 2 else "[VM]\nMemory=much\n")
        os.kill(pid, signal.SIGHUP)
        if i % 30 == 0:
            checks.world.call("GetHost")
    vm_file("last", "[VM]\nMemory=2G\n")
    os.kill(pid, signal.SIGHUP)
    checks.tap.ok(until(lambda: "last" in checks.world.call("ListVms")["parameters"]["vms"], 60),
                  "300 times SIGHUP: what was written last is in force",
                  checks.world.call("ListVms"), checks.world.log_text())
    checks.tap.ok(until(lambda: metric(checks, "tiod_config_last_reload_successful") == 1, 60),
                  "and nothing is wrong with it", checks.world.log_text())
    checks.run(f"attach {DRIVE} --vm last", 0)
    checks.run(f"detach {DRIVE}", 0)
    for name in ("storm", "last"):
        os.unlink(f"{world.CONFIG}/vms.d/{name}.conf")
    checks.world.tioctl("reload")


# --- udevd ---

def udevadm(*args):
    run = subprocess.run(["udevadm", *args], capture_output=True, text=True, check=False)
    return run.returncode == 0


def start_udevd():
    for path in ("/lib/systemd/systemd-udevd", "/usr/lib/systemd/systemd-udevd"):
        if os.path.exists(path):
            return subprocess.run([path, "--daemon"], check=False).returncode == 0
    return False


def udevd_restarts(checks):
    set_pci(DRIVE, "driver_override", "vfio-pci")
    set_pci(DRIVE, "uevent", "change")
    checks.sees(DRIVE, "driverOverride", "vfio-pci")
    set_pci(DRIVE, "driver_override", "\n")
    checks.tap.ok(udevadm("control", "--exit"), "udevd ends")
    until(lambda: not os.path.exists("/run/udev/control"), 20)
    checks.sim("plug", name="spare-gpu")
    if os.path.exists("/run/udev/control"):
        checks.tap.note("its socket stays, as when it is killed")
    else:
        checks.reaches(SPARE, "idle", "without it a card that comes is seen", 60)
    checks.tap.ok(start_udevd(), "it is started again")
    checks.reaches(SPARE, "idle", "what came without it is there", 60)
    checks.sees(DRIVE, "driverOverride", "")
    checks.sim("unplug", function=SPARE)
    checks.reaches(SPARE, "", "and what it tells now is heard", 60)


def udevd_killed(checks):
    """Its socket stays, and nobody hears of what comes until it is there again."""
    with open("/proc/net/unix", encoding="ascii") as file:
        before = file.read().count("/run/udev/control")
    pids = [name for name in os.listdir("/proc") if name.isdigit() and
            "systemd-udevd" in read(f"/proc/{name}/cmdline")]
    for pid in pids:
        os.kill(int(pid), signal.SIGKILL)
    until(lambda: not [p for p in pids if "udevd" in read(f"/proc/{p}/cmdline")], 20)
    checks.sim("plug", name="spare-gpu")
    checks.tap.ok(pids and start_udevd(), "udevd is killed and started again", before, pids)
    checks.reaches(SPARE, "idle", "what came meanwhile is there", 60)
    checks.sim("unplug", function=SPARE)
    checks.reaches(SPARE, "", "and what it tells now is heard", 60)


def deaf(checks):
    """A udevd that comes when tiod may open no more files: it listens to the new one later."""
    pid = checks.world.daemon.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        checks.tap.ok(udevadm("control", "--exit"), "udevd ends while tiod may open nothing")
        checks.tap.ok(start_udevd(), "another comes")
        checks.tap.ok(until(lambda: "may go unnoticed" in read("/run/tiod.log"), 30),
                      "tiod says that it may miss changes", checks.world.log_text())
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    checks.tap.ok(until(lambda: "events are heard again" in read("/run/tiod.log")) and
                  checks.world.alive(), "it listens anew when it can", checks.world.log_text())
    checks.sim("plug", name="spare-gpu")
    checks.reaches(SPARE, "idle", "what comes then is heard", 60)
    checks.sim("unplug", function=SPARE)
    checks.reaches(SPARE, "", "and what goes", 60)


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


TESTS = {"plain": [overrun, storm_of_events, hangups], "udevd": [udevd_restarts, udevd_killed, deaf]}

if __name__ == "__main__":
    run_all(TESTS)
