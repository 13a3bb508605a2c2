# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens to the host while tiod runs, and what happens to tiod while the host goes on."""

import json
import os
import random
import signal
import subprocess
import threading
import time

import world
from checks import run_all, set_pci, until, write
from monitor import Monitor

GPU, AUDIO, NIC, DRIVE = "0000:e1:00.0", "0000:e1:00.1", "0000:41:00.0", "0000:61:00.0"
SPARE = "0000:81:00.0"


def is_gone(checks, function):
    return until(lambda: not checks.state(function))


# --- The stream ---

def stream(checks):
    monitor = Monitor()
    checks.tap.ok(monitor.wait(lambda e: e["event"] == "ready"), "a stream says \"ready\"",
                  monitor.events)
    capable = checks.world.call("ListFunctions")["parameters"]["functions"]
    first = [e["function"]["address"] for e in monitor.events[:len(capable)]]
    checks.tap.ok(first == [f["address"] for f in capable] and
                  monitor.events[len(capable)]["event"] == "ready",
                  "a stream begins with each capable function, then \"ready\"", monitor.events)
    monitor.events.clear()
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    checks.tap.ok(monitor.function(DRIVE, lambda f: f["state"] == "attached"),
                  "an attach is seen to its end", monitor.events)
    kinds = {e["event"] for e in monitor.events}
    checks.tap.ok({"job", "progress", "function"} <= kinds, "with its job and progress", kinds)
    steps = [e["progress"]["step"] for e in monitor.events if e["event"] == "progress" and
             e["progress"]["phase"] == "done"]
    checks.tap.ok(steps == ["reserve", "connect-tsm", "verify-ide", "rebind", "wait-cdev"],
                  "and each step of it", steps)
    checks.run(f"detach {DRIVE}", 0)
    checks.tap.ok(monitor.function(DRIVE, lambda f: f["state"] == "idle"), "and a detach")
    monitor.close()
    printed = checks.world.background("--json", "monitor")
    line = printed.stdout.readline()
    checks.tap.ok(json.loads(line).get("event") == "function", "tioctl monitor prints it", line)
    printed.send_signal(signal.SIGINT)
    printed.communicate(timeout=10)


# --- Cards that come and go ---

def plugged(checks):
    monitor = Monitor()
    monitor.wait(lambda e: e["event"] == "ready")
    checks.sim("plug", name="spare-gpu")
    checks.tap.ok(monitor.function(SPARE), "a card that is plugged in is streamed",
                  monitor.events)
    checks.reaches(SPARE, "idle", "and known without a restart")
    checks.run("list", 0, out=[SPARE], sentence="and listed")
    checks.run(f"attach {SPARE} --vm vm1", 0, sentence="and can be attached")
    checks.run(f"detach {SPARE}", 0)
    checks.sim("unplug", function=SPARE)
    checks.tap.ok(monitor.wait(lambda e: e["event"] == "removed" and e["address"] == SPARE),
                  "its unplugging is streamed", monitor.events[-3:])
    checks.tap.ok(is_gone(checks, SPARE), "an unplugged card is forgotten")
    before = checks.host()  # with the windows that the bridge keeps
    checks.sim("plug", name="spare-gpu")
    checks.reaches(SPARE, "idle", "it is known again when it comes back")
    checks.sim("surprise-remove", function=SPARE)
    checks.tap.ok(is_gone(checks, SPARE), "a card that was torn out is forgotten")
    checks.stays(before, "after all that the host is as it was")
    monitor.close()


def pulled_while_attached(checks):
    for verb in ("unplug", "surprise-remove"):
        checks.sim("plug", name="spare-gpu")
        checks.reaches(SPARE, "idle", f"{verb}: the card is there")
        before = checks.host()
        checks.run(f"attach {SPARE} --vm vm1", 0)
        checks.sim(verb, function=SPARE)
        status = until(lambda: [f for f in checks.world.call("GetStatus", vm="vm1")
                                ["parameters"]["functions"] if f["state"] == "absent"])
        checks.tap.ok(status and status[0]["address"] == SPARE and status[0]["waitsFor"],
                      f"{verb}: an attached card that goes is absent, its reservation stays",
                      status)
        checks.run("status", 1, out=["absent"], sentence=f"{verb}: status fails for it")
        checks.tap.ok(f'{SPARE}, which the VM "vm1" has, is no longer' in checks.world.log_text(),
                      f"{verb}: the log says so", checks.world.log_text())
        checks.run(f"attach {SPARE} --vm vm2", 4, [SPARE],
                   f"{verb}: nobody can attach what is absent")
        checks.sim("plug", name="spare-gpu")
        checks.reaches(SPARE, "attached", f"{verb}: it comes back and is attached again")
        checks.run(f"attach {SPARE} --vm vm2", 5, ["it is assigned to vm1"],
                   f"{verb}: and no other VM gets it")
        checks.run(f"attach {SPARE} --vm vm1", 0, sentence=f"{verb}: attach has nothing to do")
        checks.run(f"detach {SPARE}", 0)
        checks.stays(before, f"{verb}: detach leaves the card as it was first found")
        checks.sim("unplug", function=SPARE)
        is_gone(checks, SPARE)


def given_up_while_absent(checks):
    before = checks.host()
    checks.sim("plug", name="spare-gpu")
    checks.reaches(SPARE, "idle", "the card is there again")
    checks.run(f"attach {SPARE} --vm vm1", 0)
    checks.sim("surprise-remove", function=SPARE)
    until(lambda: checks.world.call("GetStatus", vm="vm1")["parameters"]["functions"][0]
          ["state"] == "absent")
    checks.run(f"detach {SPARE}", 0, sentence="the reservation of an absent card can be ended")
    checks.stays(before, "and nothing of it is left")


def removed_vf(checks):
    """The PF's VFs are taken away by hand while one is attached."""
    before = checks.host()
    checks.run(f"attach {NIC}/vf1 --vfs 2 --vm vm1", 0)
    set_pci(NIC, "sriov_numvfs", "0")
    gone = until(lambda: checks.world.call("GetStatus", vm="vm1")["parameters"]["functions"][0]
                 ["state"] == "absent")
    checks.tap.ok(gone, "a VF that was taken away by hand is absent")
    checks.run("detach --vm vm1", 0, sentence="it can be detached all the same")
    checks.stays(before, "and the PF is as it was")


def pf_pulled(checks):
    """A card goes whose VFs two VMs have."""
    before = checks.host()
    checks.run(f"attach {NIC}/vf0 --vfs 2 --vm vm1", 0)
    checks.run(f"attach {NIC}/vf1 --vm vm2", 0)
    checks.sim("surprise-remove", function=NIC)
    gone = until(lambda: [f["state"] for f in checks.world.call("GetStatus")["parameters"]
                          ["functions"]] == ["absent", "absent"])
    checks.tap.ok(gone, "the VFs of a card that goes are absent")
    checks.sim("plug", name=NIC)
    checks.reaches(NIC, "idle", "the card comes back")
    checks.run("detach --vm vm2", 0, sentence="one VM gives its VF up")
    checks.run(f"attach {NIC}/vf0 --vfs 2 --vm vm1", 0, sentence="the other gets its own again")
    checks.run("detach --vm vm1", 0)
    checks.stays(before, "and back everything goes")


def gone_while_tiod_is_down(checks):
    checks.sim("plug", name="spare-gpu")
    checks.reaches(SPARE, "idle", "the card is there")
    before = checks.host()
    checks.run(f"attach {SPARE} --vm vm1", 0)
    checks.world.kill()
    checks.sim("surprise-remove", function=SPARE)
    checks.world.start()
    state = checks.world.call("GetStatus", vm="vm1")["parameters"]["functions"][0]["state"]
    checks.tap.ok(state == "absent", "a card that went while tiod was down is absent", state)
    checks.sim("plug", name="spare-gpu")
    checks.reaches(SPARE, "attached", "and attached when it comes back")
    checks.run(f"detach {SPARE}", 0)
    checks.stays(before, "and free when it is given up")
    checks.sim("unplug", function=SPARE)
    is_gone(checks, SPARE)


def taken_by_hand(checks):
    """An administrator gives an attached card back to the host's driver."""
    before = checks.host()
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    set_pci(DRIVE, "driver_override", "\n")
    set_pci(DRIVE, "driver/unbind", DRIVE)
    write("/sys/bus/pci/drivers/nvme/bind", DRIVE)
    checks.reaches(DRIVE, "reserved", "a card that was taken from vfio-pci is reserved still")
    checks.run(f"attach {DRIVE} --vm vm1", 0, sentence="attach brings it up again")
    checks.reaches(DRIVE, "attached", "and it is attached")
    checks.run(f"detach {DRIVE}", 0)
    checks.stays(before, "detach gives it to the driver that it had")


def rebooted(checks):
    """The host boots anew: /run is empty, the kernel as at the start; what was attached is so
    again."""
    before = checks.host()
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    checks.world.stop()
    for folder, _, files in os.walk(world.RUNTIME, topdown=False):
        for name in files:
            os.unlink(os.path.join(folder, name))
    set_pci(DRIVE, "driver_override", "\n")
    set_pci(DRIVE, "driver/unbind", DRIVE)
    set_pci(DRIVE, "tsm/disconnect", "tsm0")
    write("/sys/bus/pci/drivers/nvme/bind", DRIVE)
    checks.world.start()
    checks.reaches(DRIVE, "attached", "after a boot a reserved card is attached for its VM")
    checks.run(f"attach {DRIVE} --vm vm2", 5, ["it is assigned to vm1"])
    checks.run(f"detach {DRIVE}", 0)
    checks.stays(before, "and detach restores the host")


def gone_in_a_step(checks):
    """The card goes at the very write of each step of its attach."""
    for path in ("driver_override", "driver/unbind", "tsm/connect", "vfio-pci/bind"):
        before = checks.host()
        checks.sim("plug", name="spare-gpu")
        checks.reaches(SPARE, "idle", f"{path}: the card is there")
        glob = "*vfio-pci/bind" if "bind" in path and "vfio" in path else \
            "*nvidia/unbind" if "unbind" in path else f"*{SPARE}/{path}"
        rule = checks.sim.fault(path=glob, act="vanish")
        code, _, err = checks.world.tioctl("attach", SPARE, "--vm", "vm1")
        checks.tap.ok(code in (1, 4) and SPARE in err and checks.sim.hits(rule) == 1,
                      f"{path}: an attach fails when its card goes at it", code, err,
                      checks.sim("faults"))
        checks.sim("clear")
        checks.tap.ok(is_gone(checks, SPARE), f"{path}: the card is forgotten")
        checks.stays(before, f"{path}: nothing is left of it")


def torn_out_while_open(checks):
    """vfio lets go of a card only when its last user does, and the kernel waits for that."""
    before = checks.host()
    checks.sim("plug", name="spare-gpu")
    checks.reaches(SPARE, "idle", "the card is there")
    checks.run(f"attach {SPARE} --vm vm1", 0)
    name = os.listdir(f"/sys/bus/pci/devices/{SPARE}/vfio-dev")[0]
    holder = subprocess.Popen(["sleep", "600"], stdin=open(f"/dev/vfio/devices/{name}", "rb"))
    pulled = threading.Thread(target=lambda: world.Sim()("surprise-remove", function=SPARE))
    pulled.start()
    time.sleep(0.2)
    checks.world.call("ListFunctions")
    checks.run(f"attach {DRIVE} --vm vm2", 0, sentence="others go on while the kernel waits")
    checks.tap.ok(os.path.exists(f"/sys/bus/pci/devices/{SPARE}"), "which it still does")
    checks.run(f"detach {DRIVE}", 0)
    holder.kill()
    holder.wait()
    pulled.join(20)
    gone = until(lambda: checks.world.call("GetStatus", vm="vm1")["parameters"]["functions"][0]
                 ["state"] == "absent")
    checks.tap.ok(gone, "the card is absent when its user has gone")
    checks.run(f"detach {SPARE}", 0)
    checks.stays(before, "and nothing of it is left")


def storm(checks):
    """More events than the socket holds while tiod can't read."""
    before = checks.host()
    checks.world.daemon.send_signal(signal.SIGSTOP)
    try:
        for _ in range(40):
            set_pci(NIC, "sriov_numvfs", "64")
            set_pci(NIC, "sriov_numvfs", "0")
        checks.sim("plug", name="spare-gpu")
        set_pci(NIC, "sriov_numvfs", "5")
    finally:
        checks.world.daemon.send_signal(signal.SIGCONT)
    vfs = until(lambda: len([f for f in checks.world.call("ListFunctions", all=True)
                             ["parameters"]["functions"] if f["physfn"] == NIC]) == 5)
    checks.tap.ok(vfs, "after thousands of events what is there is known")
    checks.reaches(SPARE, "idle", "the last card is, too")
    checks.sees(NIC, "vfs", 5)
    set_pci(NIC, "sriov_numvfs", "0")
    checks.sim("unplug", function=SPARE)
    checks.sees(NIC, "vfs", 0)
    checks.tap.ok(is_gone(checks, SPARE), "and forgotten when it goes")
    checks.stays(before, "the host is as it was")


# --- Changes by hand ---

def drivers_by_hand(checks):
    before = checks.host()
    set_pci(DRIVE, "driver/unbind", DRIVE)
    checks.tap.ok(until(lambda: checks.world.state(DRIVE)["driver"] == ""),
                  "an unbind by hand is seen")
    write("/sys/bus/pci/drivers/nvme/bind", DRIVE)
    checks.tap.ok(until(lambda: checks.world.state(DRIVE)["driver"] == "nvme"),
                  "a bind by hand is seen")
    checks.stays(before, "the host is as it was")


def link_by_hand(checks):
    """The kernel sends no event for a link: status may be old, attach looks for itself."""
    set_pci(GPU, "tsm/connect", "tsm0")
    checks.run(f"attach {GPU} --vm vm1 --dry-run", 0, sentence="a plan sees the link")
    checks.tap.ok(checks.world.state(GPU)["tsm"] == "tsm0" or
                  "connect" not in checks.world.tioctl("plan", GPU, "--vm", "vm1")[1],
                  "and does not connect a second time")
    set_pci(GPU, "tsm/disconnect", "tsm0")


def many_vfs(checks):
    before = checks.host()
    monitor = Monitor()
    monitor.wait(lambda e: e["event"] == "ready")
    reads = checks.sim.fault(path=f"*{NIC}/config", act="count", op="open", nth=0)
    set_pci(NIC, "sriov_numvfs", "64")
    vfs = [f"0000:41:{n // 8:02x}.{n % 8}" for n in range(1, 65)]
    known = until(lambda: len([f for f in checks.world.call("ListFunctions", all=True)
                               ["parameters"]["functions"] if f["physfn"] == NIC]) == 64)
    checks.tap.ok(known, "64 VFs that come at once are all known")
    checks.tap.ok(all(monitor.function(vf) for vf in vfs), "and all are streamed")
    seen = checks.sim.hits(reads)
    checks.tap.ok(seen <= 6, f"in few scans: the PF was opened {seen} times for 129 events")
    checks.sim("clear")
    checks.tap.ok(checks.world.state(f"{NIC}/vf63")["address"] == vfs[-1],
                  "each has its index")
    set_pci(NIC, "sriov_numvfs", "0")
    checks.tap.ok(until(lambda: not [f for f in checks.world.call("ListFunctions", all=True)
                                     ["parameters"]["functions"] if f["physfn"] == NIC]),
                  "all are forgotten when they go")
    checks.tap.ok(until(lambda: checks.world.state(NIC)["vfs"] == 0),
                  "and the PF is known to have none")
    removed = {e["address"] for e in monitor.read(0.2) if e["event"] == "removed"}
    checks.tap.ok(set(vfs) <= removed, "and all removals are streamed",
                  sorted(set(vfs) - removed))
    monitor.close()
    checks.stays(before, "the host is as it was")


# --- The TSM ---

def tsm_comes_and_goes(checks):
    before = checks.host()
    monitor = Monitor()
    monitor.wait(lambda e: e["event"] == "ready")
    checks.sim("tsm-remove", tsm="tsm0")
    checks.tap.ok(monitor.wait(lambda e: e["event"] == "tsm"), "the TSM's leaving is streamed")
    checks.tap.ok(until(lambda: checks.world.call("GetHost")["parameters"]["tsms"] == []),
                  "a TSM that leaves is seen")
    checks.tap.ok(until(lambda: not checks.world.state(GPU)["tsmGroup"]),
                  "each function's tsm/ is looked at again when it has left")
    checks.tap.ok("TSM" in checks.world.state(GPU)["waitsFor"], "the card says that it waits")
    checks.run(f"attach {GPU} --vm vm1", 6, ["this host has no TSM"])
    checks.sim("tsm-add")
    checks.tap.ok(until(lambda: checks.world.state(GPU)["tsmGroup"]),
                  "each function's tsm/ is looked at again when it has come")
    checks.run(f"attach {GPU} --vm vm1", 0, sentence="a card can be attached then")
    checks.sim("tsm-remove", tsm="tsm0")
    checks.reaches(GPU, "degraded", "an attached card whose TSM leaves is degraded")
    checks.run("status", 1, out=["degraded"], sentence="and status fails for it")
    checks.sim("tsm-add")
    checks.reaches(GPU, "attached", "and attached again when it is back")
    checks.run(f"detach {GPU}", 0, sentence="it can be detached")
    checks.stays(before, "the host is as it was")
    monitor.close()


def tsm_is_late(checks):
    checks.tap.ok(checks.world.call("GetHost")["parameters"]["tsms"] == [],
                  "tiod starts before the TSM is there")
    checks.run(f"attach {GPU} --vm vm1", 6, ["this host has no TSM"])
    checks.sim("tsm-add")
    checks.tap.ok(until(lambda: checks.world.state(GPU)["tsmGroup"]), "a late TSM is seen")
    before = checks.host()
    checks.run(f"attach {GPU} --vm vm1", 0, sentence="and used")
    checks.run(f"detach {GPU}", 0)
    checks.stays(before, "and detach restores the host")


# --- tiod itself ---

def plugged_while_starting(checks):
    """Subscribed first, then enumerated: whatever comes in between is known."""
    rounds, lost, ghosts = 12, [], []
    rng = random.Random(7)
    for n in range(rounds):
        checks.world.stop()
        delay = rng.uniform(0, 0.25)
        there = n % 2 == 0
        args = ("plug", {"name": "spare-gpu"}) if there else ("unplug", {"function": SPARE})
        change = threading.Timer(delay, lambda: world.Sim()(args[0], **args[1]))
        change.start()
        checks.world.start()
        change.join()
        if there and not until(lambda: checks.state(SPARE)):
            lost.append(delay)
        if not there and not until(lambda: not checks.state(SPARE)):
            ghosts.append(delay)
    checks.tap.ok(not lost, f"of {rounds // 2} cards plugged in while tiod starts none is lost",
                  lost)
    checks.tap.ok(not ghosts, f"of {rounds // 2} cards unplugged meanwhile none stays", ghosts)


def restarts(checks):
    before = checks.host()
    for how, end in (("SIGTERM", checks.world.stop), ("kill -9", checks.world.kill)):
        checks.run(f"attach {GPU} {NIC}/vf1 --vfs 2 --vm vm1", 0)
        attached, kernel = checks.host(), checks.sim.snapshot()
        args = checks.run("qemu vm1", 0)
        end()
        checks.same(kernel, checks.sim.snapshot(), f"{how}: the kernel keeps what is attached")
        checks.world.start()
        checks.stays(attached, f"{how}: a new tiod changes nothing")
        for function in (GPU, AUDIO, f"{NIC}/vf1"):
            checks.reaches(function, "attached", f"{how}: {function} is attached still")
        checks.tap.ok(checks.run("qemu vm1", 0) == args, f"{how}: the arguments are the same")
        checks.run(f"attach {GPU} --vm vm2", 5, ["it is assigned to vm1"],
                   f"{how}: the reservation holds")
        checks.run("detach --vm vm1", 0)
        checks.stays(before, f"{how}: detach restores what the former tiod found")


def shutdown(checks):
    checks.tap.ok(os.path.exists(world.SOCKET), "a running tiod has a socket")
    second = subprocess.run([world.TIOD, "--runtime-dir", world.RUNTIME, "--state-dir",
                             world.STATE, "--config-dir", world.CONFIG, "--socket",
                             world.SOCKET + "2"], capture_output=True, text=True, timeout=20,
                            check=False)
    checks.tap.ok(second.returncode == 1 and "another tiod" in second.stderr and
                  "systemctl stop tiod" in second.stderr and
                  not os.path.exists(world.SOCKET + "2"),
                  "a second tiod on the same folder refuses", second)
    checks.run("list", 0, sentence="the first one goes on")
    daemon = checks.world.daemon
    checks.world.stop()
    checks.tap.ok(daemon.returncode == 0, "a clean stop ends with status 0",
                  daemon.returncode, checks.world.log_text())
    checks.tap.ok(not os.path.exists(world.SOCKET), "and removes the socket")
    checks.world.start()


def stopped_in_a_change(checks):
    """A stop waits for the change under way."""
    before = checks.host()
    checks.sim.fault(path=f"*{DRIVE}/tsm/connect", act="delay", ms=600)
    client = checks.world.background("attach", DRIVE, "--vm", "vm1")
    checks.tap.ok(until(lambda: checks.state(DRIVE) == "busy"), "a change is under way")
    time.sleep(0.1)
    checks.world.stop()
    _, err = client.communicate(timeout=20)
    checks.tap.ok(client.returncode == 0, "an attach under way ends when tiod is stopped",
                  client.returncode, err)
    checks.sim("clear")
    checks.world.start()
    checks.reaches(DRIVE, "attached", "and the next tiod finds it attached")
    checks.run(f"detach {DRIVE}", 0)
    checks.stays(before, "and detach restores the host")


def answers_from_memory(checks):
    """Reading tsm/* waits for a connect in the kernel: nobody may do it meanwhile."""
    checks.sim.fault(path=f"*{GPU}/tsm/connect", act="hang")
    client = checks.world.background("attach", GPU, "--vm", "vm1")
    checks.tap.ok(until(lambda: [j for j in checks.world.call("ListJobs")["parameters"]["jobs"]
                                 if j["step"] == "connect-tsm"]), "a connect hangs")
    # A reading that began before the connect has ended when this is seen.
    set_pci(DRIVE, "driver_override", "nvme")
    set_pci(DRIVE, "uevent", "change")
    checks.sees(DRIVE, "driverOverride", "nvme")
    set_pci(DRIVE, "driver_override", "\n")
    reads = checks.sim.fault(path="*/tsm/*", act="count", op="read", nth=0)
    for method in ("ListFunctions", "GetStatus", "GetHost", "ListJobs", "GetHugepages"):
        for _ in range(20):
            checks.world.call(method)
    for command in ("list -a", f"show {NIC}", f"status {GPU}", f"ide {GPU}"):
        checks.world.tioctl(*command.split())
    checks.tap.ok(any(fault["hanging"] for fault in checks.sim("faults")["faults"]) and
                  client.poll() is None, "100 answers and 4 pages, and the connect hangs still",
                  checks.sim("faults"), client.poll())
    set_pci(DRIVE, "driver/unbind", DRIVE)
    checks.tap.ok(until(lambda: checks.world.state(DRIVE)["driver"] == ""),
                  "changes by hand are seen while a connect hangs")
    write("/sys/bus/pci/drivers/nvme/bind", DRIVE)
    checks.sees(DRIVE, "driver", "nvme")
    checks.tap.ok(checks.sim.hits(reads) == 0, "no tsm/ attribute is read meanwhile",
                  checks.sim("faults"))
    checks.sim("clear")
    client.communicate(timeout=30)
    checks.reaches(GPU, "attached", "the attach ends when the kernel lets go")
    checks.run(f"detach {GPU}", 0)


TESTS = {
    "plain": [stream, plugged, pulled_while_attached, given_up_while_absent, removed_vf,
              pf_pulled, gone_while_tiod_is_down, taken_by_hand, rebooted,
              gone_in_a_step, torn_out_while_open, storm,
              drivers_by_hand, link_by_hand, many_vfs, tsm_comes_and_goes,
              plugged_while_starting, restarts, shutdown, stopped_in_a_change,
              answers_from_memory],
    "late-tsm": [tsm_is_late],
}

if __name__ == "__main__":
    run_all(TESTS)
