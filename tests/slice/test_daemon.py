# SPDX-License-Identifier: GPL-2.0-or-later
"""tiod under what should not happen: damaged files, dead workers, a log nobody reads, crowds.

Each test stands for a mistake that tiod once made.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys

import world
from checks import PCI, Checks, run_all, set_pci, until, write

GPU, NIC, DRIVE, OTHER_GPU = "0000:e1:00.0", "0000:41:00.0", "0000:61:00.0", "0000:21:00.0"
SERVICE = "org.varlink.service."


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(world.SOCKET)
    return s


def read_reply(s):
    data = b""
    while not data.endswith(b"\0"):
        try:
            more = s.recv(65536)
        except ConnectionResetError:
            break
        if not more:
            break
        data += more
    return json.loads(data[:-1]) if data.endswith(b"\0") else None


def ask(s, method, **parameters):
    s.sendall(json.dumps({"method": method, "parameters": parameters}).encode() + b"\0")
    return read_reply(s)


# --- Calls ---

def unknown_methods(checks):
    with connect() as s:
        for method, error in (("io.tiod.Monitor.x", "InterfaceNotFound"),
                              ("io.tiod.GetHost.x", "InterfaceNotFound"),
                              ("org.varlink.service.GetInterfaceDescription.x",
                               "InterfaceNotFound"),
                              ("io.tiod.GetHost2", "MethodNotFound"),
                              ("io.tio.x", "InterfaceNotFound")):
            reply = ask(s, method)
            checks.tap.ok(reply and reply["error"] == SERVICE + error,
                          f"{method} is {error}", reply)
    checks.tap.ok(checks.world.alive(), "and tiod goes on")


def many_names(checks):
    many = [f"0000:{i >> 8:02x}:{i >> 3 & 31:02x}.{i & 7}" for i in range(60000)]
    for method, parameters in (("Plan", {"vm": "vm1"}), ("Attach", {"vm": "vm1"}), ("Detach", {})):
        reply = checks.world.call(method, functions=many, **parameters)
        checks.tap.ok(reply.get("error") == "io.tiod.InvalidRequest" and
                      "60000 functions are more than" in reply["parameters"]["sentence"],
                      f"{method} of 60000 functions is refused", reply)
    reply = checks.world.call("Plan", functions=[DRIVE] * 60000, vm="vm1")
    checks.tap.ok(len(reply.get("parameters", {}).get("plans", [])) == 1,
                  "60000 times the same function is one", reply)


def crowd(checks):
    clients = [connect() for _ in range(64)]
    for s in clients:
        ask(s, "io.tiod.ListVms")
    with connect() as s:
        reply = read_reply(s)
        checks.tap.ok(reply and reply["error"] == "io.tiod.Busy" and
                      "too many clients are connected" in reply["parameters"]["sentence"],
                      "a client above the limit is told so before it is turned away", reply)
    checks.run("list", 5, ["too many clients are connected"], "tioctl says it, too")
    for s in clients:
        s.close()
    checks.tap.ok(until(lambda: checks.world.tioctl("list")[0] == 0),
                  "and is served when others have gone")


# --- Who may ---

GROUPS = "tiod:x:5001:\ntiod-admin:x:5002:\n"
CALLER = """
import json, os, socket, sys
os.setgroups([int(g) for g in sys.argv[2:]]); os.setgid(5999); os.setuid(5999)
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
for method in ("GetHost", "Reload"):
    s.sendall(b'{"method":"io.tiod.%s"}\\0' % method.encode())
    print(json.loads(s.recv(65536)[:-1]).get("error", "granted"))
"""


def as_member(*groups):
    run = subprocess.run([sys.executable, "-c", CALLER, world.SOCKET, *map(str, groups)],
                         capture_output=True, text=True, check=False)
    return run.stdout.split() or [run.stderr]


def who_may(checks):
    write("/run/groups", open("/etc/group", encoding="utf-8").read() + GROUPS)
    mounted = os.getuid() == 0 and subprocess.run(
        ["mount", "--bind", "/run/groups", "/etc/group"], capture_output=True).returncode == 0
    one_user = open("/proc/self/uid_map", encoding="ascii").read().split()[2] == "1"
    if not mounted or one_user:
        checks.tap.skip("groups decide who may what", "this host has one user")
        return
    try:
        checks.world.stop()
        checks.world.start()
        for groups, expected in (((), ["io.tiod.NotPermitted"] * 2),
                                 ((5001,), ["granted", "io.tiod.NotPermitted"]),
                                 ((5002,), ["granted", "granted"]),
                                 ((5001, 5002), ["granted", "granted"])):
            got = as_member(*groups)
            checks.tap.ok(got == expected, f"a member of {groups or 'no group'} may: {expected}",
                          got)
    finally:
        subprocess.run(["umount", "/etc/group"], check=False)
        checks.world.stop()
        checks.world.start()


# --- Dead workers: what is told is what became of it ---

def last_line(text):
    return (text.strip().splitlines() or [""])[-1]


def recoveries(checks):
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    attached = checks.sim.snapshot()
    checks.sim.fault(path="*drivers/nvme/bind", act="errno", errno="EIO", nth=1, count=9)
    checks.sim.fault(path="*vfio-pci/unbind", act="kill", when="after")
    checks.run(f"detach {DRIVE}", 1, ["and went back: everything is as it was before", "nvme"],
               "a detach that recovery cannot finish is told as gone back, and why")
    checks.sim("clear")
    checks.same(attached, checks.sim.snapshot(), "and so it is")
    checks.run("status", 0, sentence="and nothing is wrong with it")
    checks.sim.fault(path="*vfio-pci/unbind", act="kill", when="after")
    checks.run(f"detach {DRIVE}", 1, ["recovery then brought it to its end"],
               "a detach that recovery finishes is told as finished")
    checks.sim("clear")
    checks.reaches(DRIVE, "idle", "and so it is")
    idle = checks.host()
    checks.sim.fault(path="*drivers/vfio-pci/bind", act="kill", when="after")
    checks.run(f"attach {DRIVE} --vm vm1", 1, ["what had been done was undone"],
               "an attach that recovery undoes is told as undone")
    checks.sim("clear")
    checks.stays(idle, "and so it is")
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    checks.sim.fault(path="*drivers/nvme/bind", act="errno", errno="EIO", nth=1, count=9)
    checks.sim.fault(path="*vfio-pci/unbind", act="kill-both", when="after")
    checks.world.tioctl("detach", DRIVE)
    checks.world.kill()
    checks.world.start()
    checks.sim("clear")
    log = checks.world.log_text()
    checks.tap.ok("left unfinished was put in order: recovery could not bring it to its end" in log,
                  "the log of the next start says that it went back", log)
    checks.same(attached, checks.sim.snapshot(), "and so it did")
    checks.run(f"detach {DRIVE}", 0)


def journal_of_another_boot(checks):
    journal = f"{world.RUNTIME}/journal/{DRIVE}.json"
    boot = open("/proc/sys/kernel/random/boot_id", encoding="ascii").read().strip()
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    before = checks.host()
    checks.world.kill()
    saved = open(journal, encoding="ascii").read()
    checks.tap.ok(f'"{boot}"' in saved, "the journal names the boot that it is of", saved)
    other = saved.replace(boot, "00000000-1111-2222-3333-444444444444")
    # As if an attach had been killed: only the boot keeps it from being taken back.
    write(journal, re.sub(r'"change":\s*null',
                          '"change": {"verb": "attach", "mark": 0, "vm": "vm1"}', other))
    checks.world.start()
    checks.reaches(DRIVE, "attached", "a journal of another boot takes nothing back")
    checks.tap.ok("written before the last reboot" in checks.world.log_text() and
                  not os.path.exists(journal), "it is dropped, and the log says so",
                  checks.world.log_text())
    checks.world.stop()
    write(journal, saved)
    os.chmod(journal, 0o600)
    checks.world.start()
    checks.stays(before, "and the host is as it was")
    checks.run(f"detach {DRIVE}", 0)


def told_truly(checks):
    """A worker dies after each of its changes: done is told as done, undone as undone."""
    for verb, back in (("attach", "detach"), ("detach", "attach")):
        args = {"attach": ["attach", DRIVE, "--vm", "vm1"], "detach": ["detach", DRIVE]}
        if verb == "detach":
            checks.world.must(*args[back])
        start = checks.sim.snapshot()
        checks.world.must(*args[verb])
        end = checks.sim.snapshot()
        checks.world.must(*args[back])
        deaths, done, wrong = 0, 0, []
        while len(wrong) < 3:
            rule = checks.sim.fault(path="*", op="change", nth=deaths + 1, act="kill", when="after")
            code, _, err = checks.world.tioctl(*args[verb])
            hit = checks.sim.hits(rule)
            checks.sim("clear")
            if not hit:
                checks.world.tioctl(*args[back])
                break
            deaths += 1
            checks.world.settled(DRIVE)
            now = checks.sim.snapshot()
            done += now == end and code == 0
            if now not in (start, end) or (code == 0 and now != end) or \
                    (now == end and code != 0 and "brought it to its end" not in err):
                wrong.append(f"{deaths}: {code} {last_line(err)}")
            if now == end:
                checks.world.must(*args[back])
        checks.tap.ok(not wrong and deaths > 10,
                      f"{verb}: of {deaths} deaths each is told as what came of it", *wrong)
        checks.tap.ok(done > 0, f"{verb}: {done} were after its end, and are a success")
        if verb == "detach":
            checks.world.tioctl(*args["detach"])


# --- Damaged files ---

ASSIGNMENTS = world.STATE + "/assignments.json"


def damaged_assignments(checks):
    before = checks.host()
    checks.sim.fault(path="*drivers/vfio-pci/bind", act="kill-both", when="before")
    checks.world.tioctl("attach", DRIVE, "--vm", "vm1")
    checks.world.kill()
    checks.sim("clear")
    saved = open(ASSIGNMENTS, encoding="ascii").read()
    write(ASSIGNMENTS, '{"version":1,')
    checks.world.start()
    driver = os.path.basename(os.readlink(f"{PCI}{DRIVE}/driver"))
    link = open(f"{PCI}{DRIVE}/tsm/connect", encoding="ascii").read().strip()
    checks.tap.ok((driver, link) == ("nvme", ""), "with damaged assignments tiod starts, and puts "
                  "back what was left", driver, link, checks.world.log_text())
    checks.run("list", 0, out=[DRIVE], sentence="what only reads goes on")
    for args in (f"attach {GPU} --vm vm1", f"detach {DRIVE}", f"connect {GPU}",
                 f"plan {GPU} --vm vm1"):
        checks.run(args, 6, [ASSIGNMENTS + " cannot be used", "line 1",
                             f"mv {ASSIGNMENTS} {ASSIGNMENTS}.bad"], f"{args}: refused, with the file")
    checks.tap.ok(ASSIGNMENTS in checks.world.log_text(), "the log names it, too")
    problems = checks.world.call("GetHost")["parameters"]["problems"]
    checks.tap.ok(any(ASSIGNMENTS in p for p in problems), "and GetHost", problems)
    write(ASSIGNMENTS, saved)
    checks.world.stop()
    checks.world.start()
    checks.reaches(DRIVE, "idle", "mended, all of it is put back")
    checks.stays(before, "and the host is as it was")
    checks.run(f"attach {DRIVE} --vm vm1", 0, sentence="and changes go on")
    checks.run(f"detach {DRIVE}", 0)


def damaged_journal(checks):
    journal = f"{world.RUNTIME}/journal/{DRIVE}.json"
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    before = checks.host()
    checks.world.kill()
    saved = open(journal, encoding="ascii").read()
    write(journal, '{"version":1,')
    checks.world.start()
    checks.reaches(DRIVE, "stuck", "with a damaged journal the card is stuck")
    waits = checks.world.state(DRIVE)["waitsFor"]
    checks.tap.ok(journal in waits, "its status names the file", waits)
    checks.run(f"detach {DRIVE}", 1, [journal, "line 1", f"mv {journal} {journal}.bad"],
               "and detach says what to do")
    checks.tap.ok(f"{journal} cannot be used" in checks.world.log_text(), "and the log",
                  checks.world.log_text())
    write(journal, saved)
    checks.world.stop()
    checks.world.start()
    checks.stays(before, "with the file mended all is as it was")
    checks.reaches(DRIVE, "attached", "and no longer stuck")
    checks.run(f"detach {DRIVE}", 0)


def several_families(checks):
    """Recovery of a change that went over two cards: both are its, and both are stuck."""
    usb = "0000:22:00.0"
    before = checks.host()
    # Its override is written by then, so that there is something to put back.
    checks.sim.fault(path="*xhci_hcd/unbind", act="hang", nth=1)
    attach = checks.world.background("attach", OTHER_GPU, "--with-companions", "--vm", "vm1")
    hangs = until(lambda: any(f["hanging"] for f in checks.sim("faults")["faults"]))
    checks.tap.ok(hangs, "tiod dies within a change of two cards")
    checks.world.kill()
    attach.communicate(timeout=60)
    checks.sim("clear")
    checks.sim.fault(path="*drivers/xhci_hcd/bind", act="errno", errno="EIO", nth=0)
    checks.sim.fault(path=f"*{usb}/driver_override", act="errno", errno="EIO", nth=0)
    checks.world.start()
    checks.sim("clear")
    states = [checks.state(OTHER_GPU), checks.state(usb)]
    checks.tap.ok(states == ["stuck", "stuck"], "what cannot be put back is stuck on both", states,
                  checks.world.log_text())
    checks.world.stop()
    checks.world.start()
    checks.tap.ok([checks.state(OTHER_GPU), checks.state(usb)] == ["idle", "incapable"],
                  "the next start frees both", checks.state(OTHER_GPU), checks.state(usb))
    checks.stays(before, "and the host is as it was")


def a_card_that_a_plugin_takes_along(checks):
    """tiod loads no plugins: only the worker learns that another card is touched, too."""
    usb, folder = "0000:22:00.0", "/run/tiod-companions"
    os.mkdir(folder, 0o755)
    shutil.copy(os.environ["TIOD_BAD_PLUGINS"] + "/sample-companions.so", folder)
    os.chmod(folder + "/sample-companions.so", 0o644)
    checks.world.stop()
    real, world.PLUGINS = world.PLUGINS, folder
    checks.world.start()
    before = checks.host()
    checks.sim.fault(path=f"*{usb}/driver_override", op="read", act="hang", nth=1)
    other = checks.world.background("attach", usb, "--vm", "vm2")
    until(lambda: any(f["hanging"] for f in checks.sim("faults")["faults"]))
    attach = checks.world.background("attach", OTHER_GPU, "--vm", "vm1")
    states = until(lambda: [s for s in [{j["family"]: j["state"] for j in
                                         checks.world.call("ListJobs")["parameters"]["jobs"]}]
                            if s.get(OTHER_GPU) == "queued"])
    checks.tap.ok(states, "a change waits for a job of the card that a plugin takes along",
                  checks.world.call("ListJobs"))
    checks.sim("clear")
    other.communicate(timeout=60)
    _, err = attach.communicate(timeout=60)
    checks.tap.ok(attach.returncode == 0 and checks.state(usb) == "attached",
                  "and then takes it along", err)
    checks.run(f"detach {OTHER_GPU}", 0)
    checks.stays(before, "and both go back")
    checks.world.stop()
    world.PLUGINS = real
    checks.world.start()


# --- What is shown ---

def shown_as_it_stands(checks):
    """A scan sees the middle of a change; the change is undone; what is shown is the end."""
    set_pci(DRIVE, "driver/unbind", DRIVE)
    checks.sees(DRIVE, "driver", "")
    checks.sim.fault(path="*drivers/vfio-pci/bind", act="hang", nth=1)
    attach = checks.world.background("attach", DRIVE, "--vm", "vm1")
    until(lambda: any(f["hanging"] for f in checks.sim("faults")["faults"]))
    set_pci(DRIVE, "uevent", "change")
    checks.sees(DRIVE, "driverOverride", "vfio-pci")
    checks.sim("probe-error", driver="vfio-pci", error="EIO")
    checks.sim("clear")
    attach.communicate(timeout=60)
    checks.sim("probe-error", driver="vfio-pci", error="")
    seen = checks.world.state(DRIVE)
    got = [open(f"{PCI}{DRIVE}/tsm/connect", encoding="ascii").read().strip(), seen["state"],
           seen["driverOverride"]]
    checks.tap.ok(got == ["", "idle", ""], "what was undone is not shown", got, seen)
    write("/sys/bus/pci/drivers_probe", DRIVE)
    checks.sees(DRIVE, "driver", "nvme")


def plans_beside(checks):
    """A plan waits neither for its own card's change nor for another's turn."""
    checks.sim.fault(path="*tsm/connect", act="hang", nth=1)
    attach = checks.world.background("attach", NIC, "--vm", "vm1")
    until(lambda: any(f["hanging"] for f in checks.sim("faults")["faults"]))
    for function in (NIC, DRIVE, GPU):
        try:
            reply = checks.world.call("Plan", functions=[function], vm="vm1", timeout=20)
        except OSError as error:
            reply = repr(error)
        checks.tap.ok("plans" in str(reply), f"a plan of {function} is answered while {NIC} "
                      "connects", reply)
    notes = checks.world.call("Plan", functions=[NIC], vm="vm1")["parameters"]["plans"][0]["notes"]
    checks.tap.ok(any("is under way" in note for note in notes), "and says so", notes)
    checks.sim("clear")
    attach.communicate(timeout=60)
    checks.run(f"detach {NIC}", 0)


def waiting_costs_no_worker(checks):
    checks.world.stop()
    with open(world.CONFIG + "/tiod.conf", "a", encoding="ascii") as conf:
        conf.write("Workers=2\n")
    checks.world.start()
    checks.run(f"connect {GPU}", 0)
    checks.sim.fault(path="*tsm/connect", act="hang", nth=1)
    jobs = [checks.world.background("attach", NIC, "--vm", "vm1")]
    until(lambda: any(f["hanging"] for f in checks.sim("faults")["faults"]))
    jobs += [checks.world.background("attach", f, "--vm", "vm1") for f in (DRIVE, "0000:02:00.0")]
    until(lambda: [j["state"] for j in checks.world.call("ListJobs")["parameters"]["jobs"]]
          .count("waiting") >= 1)
    try:
        code, _, err = checks.world.tioctl("attach", GPU, "--vm", "vm2", timeout=20)
    except subprocess.TimeoutExpired:
        code, err = None, checks.world.call("ListJobs")
    checks.tap.ok(code == 0, "a card that is connected is attached while others wait for the TSM",
                  err)
    checks.sim("clear")
    for job in jobs:
        job.communicate(timeout=60)
    checks.run("detach --vm vm1", 0)
    checks.run("detach --vm vm2", 0)
    checks.run(f"disconnect {GPU}", 0)


# --- The log ---

def restart_with(checks, log):
    checks.world.stop()
    saved, checks.world.log = checks.world.log, log
    checks.world.start()
    checks.world.log = saved


def changes_go_on(checks, sentence):
    for args in (("attach", DRIVE, "--vm", "vm1"), ("detach", DRIVE)):
        try:
            code, _, err = checks.world.tioctl(*args, timeout=15)
        except subprocess.TimeoutExpired:
            code, err = None, "not answered"
        checks.tap.ok(code == 0, f"{sentence}: {args[0]}", err)


def unread_log(checks):
    for kind, make in (("pipe", os.pipe),
                       ("socket", lambda: [s.detach() for s in socket.socketpair()])):
        reader, writer = make()
        with os.fdopen(writer, "wb", buffering=0) as log:
            restart_with(checks, log)
            os.set_blocking(writer, False)
            try:
                while os.write(writer, b"x"):
                    pass
            except BlockingIOError:
                pass
            os.set_blocking(writer, True)
        changes_go_on(checks, f"a full {kind} as log")
        os.read(reader, 1 << 20)
        os.set_blocking(reader, False)
        checks.run(f"attach {DRIVE} --vm vm1", 0)
        said = os.read(reader, 1 << 20).decode()
        checks.tap.ok("lines of the log were lost here" in said, "once it is read it says what "
                      "was lost", said[-400:])
        os.close(reader)
        checks.run(f"detach {DRIVE}", 0)
        changes_go_on(checks, f"a {kind} that nobody has as log")
        checks.tap.ok(checks.world.alive(), "and tiod goes on")


def no_log(checks):
    checks.world.stop()
    real, world.TIOD = world.TIOD, "/run/tiod-mute"
    write(world.TIOD, f"#!/bin/sh\nexec {real} \"$@\" 0<&- 1>&- 2>&-\n")
    os.chmod(world.TIOD, 0o755)
    checks.world.start()
    world.TIOD = real
    fds = [os.readlink(f"/proc/{checks.world.daemon.pid}/fd/{n}") for n in (0, 1, 2)]
    checks.tap.ok(fds == ["/dev/null"] * 3, "without standard files tiod puts none of its own "
                  "in their place", fds)
    changes_go_on(checks, "no log at all")
    checks.world.stop()
    checks.world.start()


# --- Readings that hang ---

def hanging_scan(checks):
    rule = checks.sim.fault(path=f"*{DRIVE}/driver_override", op="read", act="hang",
                            mode="uninterruptible", nth=1)
    set_pci(DRIVE, "uevent", "change")
    problem = until(lambda: checks.world.call("GetHost")["parameters"]["problems"])
    checks.tap.ok(checks.sim.hits(rule) and len(problem) == 1 and
                  f"reading {DRIVE} hangs inside the kernel" in problem[0],
                  "a reading that hangs is told", problem, checks.world.log_text())
    checks.run("version", 0, out=[f"problem: reading {DRIVE} hangs"], sentence="by tioctl, too")
    set_pci(GPU, "driver_override", "vfio-pci")
    set_pci(GPU, "uevent", "change")
    checks.sees(GPU, "driverOverride", "vfio-pci")
    set_pci(GPU, "driver_override", "\n")
    set_pci(GPU, "uevent", "change")
    checks.sees(GPU, "driverOverride", "")
    checks.sim("clear")
    checks.tap.ok(until(lambda: not checks.world.call("GetHost")["parameters"]["problems"]),
                  "and no longer once the kernel has come back")
    set_pci(DRIVE, "driver_override", "nvme")
    set_pci(DRIVE, "uevent", "change")
    checks.sees(DRIVE, "driverOverride", "nvme")
    set_pci(DRIVE, "driver_override", "\n")


TESTS = {"plain": [
    unknown_methods, many_names, crowd, who_may, hanging_scan, unread_log, no_log, recoveries,
    told_truly, damaged_assignments, damaged_journal, journal_of_another_boot,
    several_families,
    a_card_that_a_plugin_takes_along, shown_as_it_stands, plans_beside, waiting_costs_no_worker]}

if __name__ == "__main__":
    run_all(TESTS)
