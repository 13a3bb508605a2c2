# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 of the worker and of tiod at every journal write and every kernel write.

Every change that attach and detach make, to the journal, the assignments and the kernel, is
a place to die at.  After tiod has been restarted (or has run its recovery) the host equals,
byte for byte, the state before or the state after, and the reservation agrees with it.

    test_crash.py FUNCTION[,FUNCTION…] [attach options…]
    test_crash.py --link FUNCTION

--link does so with connect and disconnect, which reserve nothing.
"""

import re
import sys
import time

from world import Tap, World, diff

LINK = sys.argv[1] == "--link"
FUNCTION, *OPTIONS = sys.argv[2 if LINK else 1:]
FORTH, BACK = ("connect", "disconnect") if LINK else ("attach", "detach")
FUNCTIONS = FUNCTION.split(",")
# Who dies, and whether the change it dies at still happens.
DEATHS = [("kill", "before"), ("kill", "after"), ("kill-parent", "before"),
          ("kill-both", "after")]


# Modules that were loaded stay loaded: unloading one would unbind other people's devices.
MODULES = re.compile(r"^(proc/modules|dev/iommu|dev/vfio|sys/module/|sys/bus/pci/drivers/vfio-pci|"
                     r"sys/class/vfio|sys/class/misc|sys/dev/char/10:|sys/devices/virtual)")


def without_modules(snapshot):
    return [line for line in snapshot.splitlines() if not MODULES.match(line)]


# Several functions are bound at once: which of them gets vfio0 is the kernel's to say.
NUMBERED = re.compile(r"vfio\d|iommu_group|sys/dev/char/5|kernel/iommu_groups")


def comparable(snapshot):
    if len(FUNCTIONS) == 1:
        return snapshot
    return "\n".join(line for line in snapshot.splitlines() if not NUMBERED.search(line))


class Loop:
    def __init__(self):
        self.tap = Tap()
        self.world = World()
        self.world.start()
        self.idle = self.snapshot()
        self.change(FORTH)
        self.attached = self.snapshot()
        self.change(BACK)
        before, self.idle = self.idle, self.snapshot()
        self.tap.ok(without_modules(self.idle) == without_modules(before),
                    f"{FUNCTION}: {FORTH} and {BACK} leave the host as it was",
                    diff(before, self.idle))

    def snapshot(self):
        return comparable(self.world.sim.snapshot())

    def args(self, verb):
        if verb != "attach":
            return [verb, *FUNCTIONS]
        vm = [] if "--vm" in OPTIONS else ["--vm", "vm1"]
        return ["attach", *FUNCTIONS, *vm, *OPTIONS]

    def change(self, verb):
        self.world.must(*self.args(verb))

    def recover(self):
        """Brings tiod back where it died and waits until nothing is in flight."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if not self.world.alive():
                self.world.kill()
                self.world.start()
            try:
                if not self.world.call("ListJobs")["parameters"]["jobs"]:
                    return
            except OSError:
                pass  # its death is on its way when the socket closes
            time.sleep(0.002)
        raise RuntimeError("jobs are still there:\n" + self.world.log_text())

    def to(self, state):
        """Where each try starts from, reached by live commands."""
        if self.snapshot() != state:
            self.change(FORTH if state is self.attached else BACK)
        now = self.snapshot()
        if now != state:
            raise RuntimeError("cannot get back to the start:\n" + diff(state, now) +
                               self.world.log_text())

    def die_at(self, verb, nth, act, when):
        """One death.  None when the change had fewer than @nth places; else the verdict."""
        sim = self.world.sim
        rule = sim.fault(path="*", op="change", nth=nth, act=act, when=when)
        self.world.tioctl(*self.args(verb))
        hit = sim.hits(rule)
        sim("clear")
        if not hit:
            return None
        self.recover()
        now = self.snapshot()
        reserved = bool(self.world.call("GetStatus")["parameters"]["functions"])
        ends = (self.idle, self.attached) if LINK and not reserved else \
            (self.attached if reserved else self.idle,)
        if now in ends:
            return ""
        near = min((diff(s, now) for s in (self.idle, self.attached)), key=len)
        return f"killed at change {nth} of {verb}:\n{near}\n{self.world.log_text()[-1500:]}"

    def everywhere(self, verb, act, when):
        deaths, wrong = 0, []
        start = self.idle if verb == FORTH else self.attached
        while len(wrong) < 3:
            self.to(start)
            verdict = self.die_at(verb, deaths + 1, act, when)
            if verdict is None:
                break
            deaths += 1
            if verdict:
                wrong.append(verdict)
                self.reset()
        who = {"kill": "worker", "kill-parent": "tiod", "kill-both": "tiod and worker"}[act]
        self.tap.ok(deaths > (3 if LINK else 20) and not wrong,
                    f"{FUNCTION}: {verb}, {who} killed {when} each of its {deaths} changes: "
                    "the host is as before or as after", *wrong)
        return deaths

    def reset(self):
        self.world.kill()
        self.world.start()
        self.world.tioctl(*self.args(BACK))


def main():
    loop = Loop()
    total = 0
    for act, when in DEATHS:
        for verb in (FORTH, BACK):
            total += loop.everywhere(verb, act, when)
    loop.tap.note(f"{total} deaths")
    loop.world.stop()
    loop.tap.end()


main()
