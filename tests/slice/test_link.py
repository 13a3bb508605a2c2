# SPDX-License-Identifier: GPL-2.0-or-later
"""Links that fall after the hand-over: noticed, told once, made anew by reconnect."""

import os

from checks import run_all, set_pci, until, write
from monitor import Monitor
from world import CONFIG, diff

NIC, DRIVE, PSP = "0000:41:00.0", "0000:61:00.0", "0000:83:00.0"

CONNECT, DISCONNECT = "*/tsm/connect", "*/tsm/disconnect"


def port_of(checks, function):
    return checks.world.state(function)["rootPort"]


def told(checks, function, *words):
    """Its trouble, once tiod has seen it."""
    def seen():
        f = checks.world.state(function)
        return f if f["linkTrouble"] and all(w in f["linkTrouble"] for w in words) else None
    return until(seen)


def fine(checks, function):
    return until(lambda: not checks.world.state(function)["linkTrouble"])


def connected(checks):
    """Whether the kernel says that the drive is connected."""
    with open(f"/sys/bus/pci/devices/{DRIVE}/tsm/connect", encoding="ascii") as file:
        return bool(file.read().strip())


def host(checks):
    """All but AER's counters, which never go back."""
    return "\n".join(line for line in checks.host().splitlines() if "/aer_" not in line)


# --- Falling ---

FALLS = [
    # What happens, what is said of it, whether the link is insecure by its registers.
    ("an end gets insecure", dict(do="ide-fail", function=DRIVE, end="endpoint"),
     ["0000:61:00.0 is not in the secure state"], "insecure"),
    ("the root port gets insecure", dict(do="ide-fail", function=DRIVE, end="port"),
     [" is not in the secure state"], "insecure"),
    ("IDE_FAIL comes and the state stays", dict(do="ide-fail", function=DRIVE, secure=True),
     ["0000:61:00.0 was told of a failed integrity check (IDE_FAIL)"], "secure"),
    ("IDECheck is counted", dict(do="aer", function=DRIVE, n=3),
     ["0000:61:00.0 counted 3 IDECheck"], "secure"),
    ("PCRC_CHECK is counted", dict(do="aer", function=DRIVE, error="PCRC_CHECK"),
     ["0000:61:00.0 counted 1 PCRC_CHECK"], "secure"),
    ("MisIDETLP is counted at the port", dict(do="aer", function=None, error="MisIDETLP"),
     ["counted 1 MisIDETLP"], "secure"),
]


def falls(checks):
    before = host(checks)
    port = port_of(checks, DRIVE)
    for what, command, words, link in FALLS:
        checks.run(f"attach {DRIVE} --vm vm1", 0)
        monitor = Monitor()
        monitor.wait(lambda e: e["event"] == "ready")
        command = {**command, "function": command["function"] or port}
        checks.sim(command.pop("do"), **command)
        state = told(checks, DRIVE, *words)
        checks.tap.ok(state and state["state"] == "degraded" and state["link"] == link and
                      f"`tioctl reconnect {DRIVE}`" in state["waitsFor"],
                      f"{what}: degraded, and what to type", state or checks.world.state(DRIVE))
        checks.tap.ok(monitor.wait(lambda e: e["event"] == "link" and e["address"] == DRIVE and
                                   words[0] in e["text"]), f"{what}: an event", monitor.events)
        checks.tap.ok(monitor.function(DRIVE, lambda f: f["state"] == "degraded"),
                      f"{what}: and one of the function")
        monitor.close()
        checks.run(f"reconnect {DRIVE}", 0, [], f"{what}: reconnect mends it")
        checks.reaches(DRIVE, "attached", f"{what}: and it is attached as before")
        checks.run(f"detach {DRIVE}", 0)
        checks.same(before, host(checks), f"{what}: detach restores the host")
    failed = checks.world.log_text().count("its link has fallen: 0000:61:00.0 counted 3")
    checks.tap.ok(failed == 1, f"a fall is logged once, not at each look ({failed})")


def recovers_by_itself(checks):
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    monitor = Monitor()
    monitor.wait(lambda e: e["event"] == "ready")
    checks.sim("ide-insecure", function=DRIVE, on=True)
    told(checks, DRIVE, "is not in the secure state")
    checks.sim("ide-insecure", function=DRIVE, on=False)
    checks.tap.ok(monitor.wait(lambda e: e["event"] == "link" and e["text"] == "secure again"),
                  "a link that is secure again is an event", monitor.events[-3:])
    checks.reaches(DRIVE, "attached", "and the function is attached again")
    monitor.close()


def silent(checks):
    """The card hangs; it is still attached from the test before."""
    checks.sim("silent", function=DRIVE)
    state = told(checks, DRIVE, DRIVE, "does not answer")
    checks.tap.ok(state and state["state"] == "degraded" and
                  "reset or reseat it" in state["waitsFor"],
                  "a card that reads as all ones is told as that", state)
    checks.sim("silent", function=DRIVE, on=False)
    checks.tap.ok(fine(checks, DRIVE), "and well again when it answers")
    checks.sim("silent", function=port_of(checks, DRIVE))
    checks.tap.ok(told(checks, DRIVE, port_of(checks, DRIVE), "does not answer"),
                  "so is its root port")
    checks.sim("silent", function=port_of(checks, DRIVE), on=False)
    fine(checks, DRIVE)


def taken_down_by_hand(checks):
    """Nobody tells when somebody else writes to tsm/disconnect."""
    set_pci(DRIVE, "tsm/disconnect", "tsm0")
    state = told(checks, DRIVE, "there is no IDE stream any more")
    checks.tap.ok(state and state["state"] == "degraded", "a link that is gone is noticed",
                  state)
    set_pci(DRIVE, "tsm/connect", "tsm0")
    checks.tap.ok(fine(checks, DRIVE), "and one that somebody else made anew")
    set_pci(DRIVE, "tsm/disconnect", "tsm0")
    told(checks, DRIVE)
    checks.run(f"reconnect {DRIVE}", 0, sentence="reconnect makes a link where there is none")
    checks.reaches(DRIVE, "attached", "and all is well")
    checks.run(f"detach {DRIVE}", 0)
    checks.tap.ok(not connected(checks), "detach takes down what attach had made")


def read_late(checks):
    """A link that could not be read in time, with no turn of tiod's in the way."""
    rule = checks.sim.fault(path=f"*{DRIVE}/tsm/connect", op="read", act="hang", count=1)
    set_pci(DRIVE, "tsm/connect", "tsm0")
    set_pci(DRIVE, "uevent", "change")
    checks.tap.ok(until(lambda: checks.sim.hits(rule) == 1, 60), "reading a link hangs")
    checks.reaches(DRIVE, "connected", "it is left out, and read by and by", wait=60)
    checks.sim("clear")
    set_pci(DRIVE, "tsm/disconnect", "tsm0")
    set_pci(DRIVE, "uevent", "change")
    checks.reaches(DRIVE, "idle", "as when somebody takes it down", wait=60)


def connected_only(checks):
    """Of a link that nobody is attached by."""
    checks.run(f"connect {DRIVE}", 0)
    checks.sim("ide-fail", function=DRIVE)
    checks.reaches(DRIVE, "degraded", "a connected card whose link falls is degraded")
    checks.run(f"reconnect {DRIVE}", 0)
    checks.reaches(DRIVE, "connected", "reconnect mends it")
    checks.run(f"disconnect {DRIVE}", 0)


def idle(checks):
    """Nothing to watch: nothing is read."""
    rule = checks.sim.fault(path="*/config", op="open", act="count", nth=0)
    until(lambda: False, 0.5)
    hits = checks.sim.hits(rule)
    checks.tap.ok(hits == 0, "no config space is read while nothing is connected", hits)
    checks.run(f"connect {DRIVE}", 0)
    seen = checks.sim.hits(rule)
    checks.tap.ok(until(lambda: checks.sim.hits(rule) > seen + 8),
                  "and again and again while something is")
    checks.sim("clear")
    reads = checks.sim.fault(path="*/tsm/*", op="read", act="count", nth=0)
    until(lambda: False, 0.5)
    checks.tap.ok(checks.sim.hits(reads) == 0, "the watch never reads tsm/",
                  checks.sim.hits(reads))
    checks.sim("clear")
    checks.run(f"disconnect {DRIVE}", 0)


# --- The TSM goes and comes ---

def states(checks):
    return [f["state"] for f in checks.world.call("GetStatus")["parameters"]["functions"]]


def is_secure(checks):
    return until(lambda: states(checks) == ["attached", "attached"] and
                 all(checks.world.state(f)["link"] == "secure" for f in (DRIVE, NIC)))


def without_tsm(checks):
    before = host(checks)
    checks.run(f"attach {DRIVE} {NIC} --vm vm1", 0)
    attached = host(checks)
    checks.sim("tsm-remove")
    for function in (DRIVE, NIC):
        state = told(checks, function, "its TSM is gone", "/sys/class/tsm")
        checks.tap.ok(state and state["state"] == "degraded" and
                      "the link is made anew" in state["waitsFor"],
                      f"{function}: a TSM that is gone is told", state)
    checks.sim("tsm-add")
    checks.tap.ok(is_secure(checks), "when it is back both are connected again",
                  checks.world.call("GetStatus"))
    checks.same(attached, host(checks), "and the host is as before it went")
    return before


def read_while_it_goes(checks):
    """tsm/ goes with its TSM between open and read: the card is still there."""
    monitor = Monitor()
    monitor.wait(lambda e: e["event"] == "ready")
    rule = checks.sim.fault(path=f"*{DRIVE}/tsm/connect", op="read", act="errno",
                            errno="ENODEV", nth=0)
    set_pci(DRIVE, "driver/unbind", DRIVE)
    checks.tap.ok(monitor.function(DRIVE, lambda f: f["driver"] == "") and
                  checks.sim.hits(rule), "a card is read whose tsm/ goes", monitor.events[-3:])
    write("/sys/bus/pci/drivers/nvme/bind", DRIVE)
    checks.sees(DRIVE, "driver", "nvme")
    checks.sim("clear")
    gone = [e for e in monitor.read() if e["event"] == "removed"]
    checks.tap.ok(not gone, "and it is not taken for unplugged", gone)
    monitor.close()


def held_without_tsm(checks):
    """A guest that runs is left alone."""
    node = os.open("/dev/vfio/devices/" + checks.world.state(DRIVE)["cdev"], os.O_RDONLY)
    checks.sim("tsm-remove")
    until(lambda: states(checks) == ["degraded"] * 2)
    checks.sim("tsm-add")
    error = until(lambda: checks.world.state(DRIVE)["error"])
    checks.tap.ok(error and "a guest may be running on it" in error["sentence"],
                  "a card that a process has open is not connected behind its back", error)
    checks.tap.ok(until(lambda: checks.state(NIC) == "attached"), "the other one is")
    checks.tap.ok(checks.state(DRIVE) == "degraded", "and it waits", checks.state(DRIVE))
    os.close(node)
    checks.run(f"reconnect {DRIVE}", 0, sentence="reconnect mends it")
    checks.tap.ok(is_secure(checks) and not checks.world.state(DRIVE)["error"],
                  "and its error is forgotten")


def failing_without_tsm(checks):
    checks.sim("tsm-remove")
    until(lambda: states(checks) == ["degraded"] * 2)
    checks.sim.fault(path=f"*{NIC}/tsm/connect", op="write", act="errno", errno="EIO", nth=0)
    checks.sim("tsm-add")
    error = until(lambda: checks.world.state(NIC)["error"])
    checks.tap.ok(error and error["errnoName"] == "EIO" and error["attribute"] == "tsm/connect",
                  "a reconnect that fails is its function's error", error)
    checks.tap.ok(until(lambda: checks.state(DRIVE) == "attached"),
                  "and nobody else's")
    count = checks.world.log_text().count(f"{NIC}: reconnect failed")
    checks.sim("clear")
    checks.run(f"reconnect {NIC}", 0)
    checks.tap.ok(count == 1, f"it is logged once ({count})", checks.world.log_text())


def not_by_itself(checks):
    """Reconnect=no"""
    text = configure(checks, "Reconnect=no\n")
    checks.sim("tsm-remove")
    state = told(checks, NIC, "its TSM is gone")
    checks.tap.ok(f"when it is back, `tioctl reconnect {NIC}`" in state["waitsFor"],
                  "with Reconnect=no it is said what to type", state)
    checks.sim("tsm-add")
    told(checks, NIC, "there is no IDE stream any more")
    until(lambda: False, 0.5)
    checks.tap.ok(states(checks) == ["degraded"] * 2, "and nobody connects", states(checks))
    for function in (NIC, DRIVE):
        checks.run(f"reconnect {function}", 0)
    write(os.path.join(CONFIG, "tiod.conf"), text)
    checks.run("reload", 0)
    checks.run("detach --vm vm1", 0)


def tsm(checks):
    before = without_tsm(checks)
    held_without_tsm(checks)
    failing_without_tsm(checks)
    not_by_itself(checks)
    checks.same(before, host(checks), "after all that detach restores the host")


def stays_with_its_tsm(checks, tsm):
    """One of two TSMs goes and comes: its link is made anew with it and not with the other."""
    with open(f"/sys/bus/pci/devices/{DRIVE}/tsm/connect", encoding="ascii") as file:
        checks.tap.ok(file.read().strip() == tsm, f"it is connected to {tsm}")
    checks.sim("tsm-remove", tsm=tsm)
    checks.reaches(DRIVE, "degraded", f"without {tsm} its link is gone")
    checks.sim("tsm-add", tsm=tsm)
    checks.reaches(DRIVE, "attached", f"with {tsm} it comes back")
    state = checks.world.state(DRIVE)
    checks.tap.ok(state["tsm"] == tsm and state["link"] == "secure" and not state["error"],
                  f"secure, and with {tsm}", state)


def two_tsms(checks):
    before = host(checks)
    checks.run(f"attach {DRIVE} --tsm tsm1 --vm vm1", 0)
    stays_with_its_tsm(checks, "tsm1")
    checks.world.kill()
    checks.sim("tsm-remove", tsm="tsm1")
    checks.sim("tsm-add", tsm="tsm1")
    checks.world.start()
    checks.run(f"reconnect {DRIVE}", 0, sentence="a tiod that did not see it go knows it, too")
    checks.tap.ok(checks.world.state(DRIVE)["tsm"] == "tsm1", "from its journal")
    checks.run(f"detach {DRIVE}", 0)
    checks.same(before, host(checks), "detach restores the host")


def by_hand_with_two_tsms(checks):
    """Who connected it by hand told nobody to which."""
    checks.world.stop()
    set_pci(DRIVE, "tsm/connect", "tsm1")
    checks.world.start()
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    stays_with_its_tsm(checks, "tsm1")
    text = configure(checks, "Reconnect=no\n")
    checks.sim("tsm-remove", tsm="tsm1")
    checks.reaches(DRIVE, "degraded", "its link is gone")
    checks.sim("tsm-add", tsm="tsm1")
    checks.run(f"reconnect {DRIVE}", 0, sentence="reconnect needs no --tsm")
    checks.tap.ok(checks.world.state(DRIVE)["tsm"] == "tsm1", "to know which it was")
    write(os.path.join(CONFIG, "tiod.conf"), text)
    checks.run("reload", 0)
    checks.run(f"detach {DRIVE}", 0)


# --- Refusals ---

def refused(checks):
    checks.refused(f"reconnect {PSP}", 4, ["cannot do TDISP"], "reconnect of what has no link")
    checks.refused(f"reconnect {DRIVE} --refresh", 2, ["no link whose keys", "tioctl reconnect"],
                   "a refresh of no link")
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    checks.refused(f"reconnect {DRIVE} --refresh", 6,
                   ["this kernel cannot refresh", "tsm/dsm_status",
                    f"tioctl reconnect {DRIVE}"], "a refresh where the kernel has none")
    checks.refused(f"reconnect {DRIVE} --tsm tsm7", 5, ["connected to tsm0, not to tsm7"],
                   "another TSM")
    checks.sim("tdi-bound", function=DRIVE, on=True)
    checks.refused(f"reconnect {DRIVE} --force=open", 5,
                   ["a guest has bound its TDI", "stop that guest"], "reconnect under a TDI")
    checks.sim("tdi-bound", function=DRIVE, on=False)
    node = os.open("/dev/vfio/devices/" + checks.world.state(DRIVE)["cdev"], os.O_RDONLY)
    checks.refused(f"reconnect {DRIVE}", 5,
                   ["a guest may be running on it", f"process {os.getpid()}", "--force=open"],
                   "reconnect under a process that has it open")
    checks.run(f"reconnect {DRIVE} --force=open", 0, sentence="unless it is forced")
    os.close(node)
    checks.run(f"detach {DRIVE}", 0)


def another_function_is_open(checks):
    """The link is the card's: a guest on one VF is in the way of reconnecting for another."""
    before = host(checks)
    checks.run(f"attach {NIC}/vf0 --vfs 2 --vm vm1", 0)
    checks.run(f"attach {NIC}/vf1 --vm vm2", 0)
    node = os.open("/dev/vfio/devices/" + checks.world.state(f"{NIC}/vf1")["cdev"],
                   os.O_RDONLY)
    checks.refused(f"reconnect {NIC}/vf0", 5, ["a guest may be running", str(os.getpid())],
                   "reconnect for one VF while a guest has another")
    os.close(node)
    checks.sim("ide-fail", function=NIC)
    both = until(lambda: [f["state"] for f in checks.world.call("GetStatus")["parameters"]
                          ["functions"]] == ["degraded"] * 2)
    checks.tap.ok(both, "a card's fallen link degrades all of its functions")
    checks.run(f"reconnect {NIC}/vf1", 0, sentence="one reconnect mends the card's link")
    checks.reaches(f"{NIC}/vf0", "attached", "for one")
    checks.reaches(f"{NIC}/vf1", "attached", "and for the other")
    checks.run("detach --vm vm1", 0)
    checks.run("detach --vm vm2", 0)
    checks.same(before, host(checks), "the host is as it was")


# --- Faults ---

def errnos(checks):
    """Each write of a reconnect fails: said, and the link is as before or down."""
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    start = checks.sim.snapshot()
    for path, errno, count, stays in (
            (DISCONNECT, "EINTR", 1, True), (DISCONNECT, "EINVAL", 1, True),
            (CONNECT, "EIO", 1, True), (CONNECT, "EBUSY", 1, True),
            (CONNECT, "EINTR", 2, True), (CONNECT, "EFAULT", 1, True),
            (CONNECT, "EIO", 0, False), (CONNECT, "ETIMEDOUT", 0, False)):
        name = path.rsplit("/", maxsplit=1)[1]
        rule = checks.sim.fault(path=path, op="write", act="errno", errno=errno,
                                **({"count": count} if count else {"nth": 0}))
        end = "the host is as it was before" if stays else "its link is down"
        checks.run(f"reconnect {DRIVE}", 1, [f"tsm/{name}", errno, end],
                   f"reconnect: tsm/{name} says {errno} {'and again' * (not stays)}")
        checks.tap.ok(checks.sim.hits(rule) > 0, "which happened")
        checks.sim("clear")
        if stays:
            now = checks.sim.snapshot()
            checks.tap.ok(now == start, "the host is as before", diff(start, now))
        else:
            checks.reaches(DRIVE, "degraded", "it is degraded, not stuck")
            checks.run(f"reconnect {DRIVE}", 0, sentence="and reconnected when that is mended")
    rule = checks.sim.fault(path=CONNECT, op="write", act="errno", errno="EIO", nth=0)
    checks.run(f"reconnect {DRIVE}", 1)
    checks.run(f"detach {DRIVE}", 0, sentence="a card whose link stays down can be detached")
    checks.sim("clear")


def not_secure(checks):
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    checks.sim("ide-insecure", function=DRIVE, on=True)
    checks.run(f"reconnect {DRIVE}", 1, ["the link is not secure"],
               "a reconnect that leaves the link insecure fails")
    checks.reaches(DRIVE, "degraded", "and it stays degraded")
    checks.sim("ide-insecure", function=DRIVE, on=False)
    checks.run(f"detach {DRIVE}", 0)


def killed(checks):
    """kill -9 at every change that a reconnect makes."""
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    start, deaths, wrong = checks.sim.snapshot(), 0, []
    for act, when in (("kill", "before"), ("kill", "after"), ("kill-parent", "before"),
                      ("kill-both", "after")):
        nth = 1
        while len(wrong) < 3:
            rule = checks.sim.fault(path="*", op="change", nth=nth, act=act, when=when)
            checks.world.tioctl("reconnect", DRIVE)
            hit = checks.sim.hits(rule)
            checks.sim("clear")
            if not hit:
                break
            recover(checks)
            now = checks.sim.snapshot()
            if now != start:
                wrong.append(f"{act} {when} change {nth}:\n{diff(start, now)}")
                checks.world.tioctl("reconnect", DRIVE)
            nth += 1
            deaths += 1
    checks.tap.ok(deaths > 16 and not wrong,
                  f"{deaths} deaths in a reconnect: the card is connected as before", *wrong,
                  checks.world.log_text()[-1500:] if wrong else "")
    checks.run(f"detach {DRIVE}", 0)


def configure(checks, more):
    """Reads tiod.conf again with @more at its end; what was in it before."""
    path = os.path.join(CONFIG, "tiod.conf")
    with open(path, encoding="ascii") as file:
        text = file.read()
    write(path, text + more)
    checks.run("reload", 0)
    return text


def hangs(checks):
    """A connect that hangs between disconnect and connect: killed, or stuck and told."""
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    start = checks.sim.snapshot()
    text = configure(checks, "StepTimeout=2\n")
    for mode, state in (("killable", "attached"), ("uninterruptible", "stuck")):
        checks.sim.fault(path=CONNECT, op="write", act="hang", mode=mode, count=1)
        checks.run(f"reconnect {DRIVE}", 8, ["renew-tsm", "tsm/connect"],
                   f"a connect that hangs ({mode}) is given up")
        checks.reaches(DRIVE, state, f"and the card is {state}")
        checks.run("list", 0, sentence="others go on")
        checks.sim("clear")
        checks.reaches(DRIVE, "attached", "in the end it is connected as before")
        recover(checks)
        now = checks.sim.snapshot()
        checks.tap.ok(now == start, "and so is the host", diff(start, now))
    write(os.path.join(CONFIG, "tiod.conf"), text)
    checks.run("reload", 0)
    checks.run(f"detach {DRIVE}", 0)


def recover(checks):
    def quiet():
        if not checks.world.alive():
            checks.world.kill()
            checks.world.start()
        try:
            return not checks.world.call("ListJobs")["parameters"]["jobs"]
        except OSError:
            return False  # its death is on its way when the socket closes
    until(quiet)


# --- Keys ---

def refresh(checks):
    def refreshed():
        return next(f for f in checks.sim("list")["functions"]
                    if f["function"] == DRIVE)["refreshed"]
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    before, number = checks.sim.snapshot(), refreshed()
    node = os.open("/dev/vfio/devices/" + checks.world.state(DRIVE)["cdev"], os.O_RDONLY)
    checks.run(f"reconnect {DRIVE} --refresh", 0,
               sentence="keys are refreshed under a running guest")
    os.close(node)
    checks.tap.ok(refreshed() == number + 1, "by one write", refreshed())
    checks.tap.ok(checks.sim.snapshot() == before, "and nothing else has changed",
                  diff(before, checks.sim.snapshot()))
    checks.sim.fault(path=CONNECT, op="write", act="errno", errno="EIO")
    checks.run(f"reconnect {DRIVE} --refresh", 1, ["tsm/connect", "EIO"],
               "a refresh that fails is told")
    checks.sim("clear")
    checks.tap.ok(checks.sim.snapshot() == before, "and the link stays as it was",
                  diff(before, checks.sim.snapshot()))
    checks.run(f"reconnect {DRIVE}", 0, sentence="a whole reconnect works there, too")
    checks.run(f"detach {DRIVE}", 0)


run_all({
    "plain": [falls, recovers_by_itself, silent, taken_down_by_hand, read_late, connected_only, idle,
              read_while_it_goes, tsm, refused, another_function_is_open, errnos, not_secure,
              hangs, killed],
    "amd-sysfs": [refresh],
    "two-tsms": [two_tsms, by_hand_with_two_tsms],
}, config="WatchInterval=0.1\n")
