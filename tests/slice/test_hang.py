# SPDX-License-Identifier: GPL-2.0-or-later
"""Each step made to hang, killably and unkillably, while the rest of the host goes on.

Killable: the deadline passes, the worker is killed, the host is as before.  Unkillable (D
state): said honestly as stuck, nobody else waits, and it is put back when the kernel lets go.
"""

import time

from world import Tap, World, diff

PF = {"functions": ["0000:61:00.0"]}
VF = {"functions": ["0000:41:00.0/vf1"], "vfs": 2}
PINNED = {**PF, "vm": "pinned"}
OTHER = "0000:e1:00.0"  # another family, connected beforehand: its attach needs no turn

ATTACH = [
    (PF, "*/tsm/connect", "connect-tsm"),
    (PF, "*/driver_override", "rebind"),
    (PF, "*/unbind", "rebind"),
    (PF, "sys/bus/pci/drivers/*/bind", "rebind"),
    (VF, "*/sriov_drivers_autoprobe", "stop-vf-autoprobe"),
    (VF, "*/sriov_numvfs", "enable-vfs"),
    (PF, "store/run/journal/*", "reserve"),
    (PINNED, "*/d3cold_allowed", "pin-power"),
    (PINNED, "*/power/control", "rebind"),
]
DETACH = [
    (PF, "*/unbind", "rebind"),
    (PF, "sys/bus/pci/drivers/*/bind", "rebind"),
    (PF, "*/tsm/disconnect", "connect-tsm"),
    (VF, "*/sriov_numvfs", "enable-vfs"),
    (PINNED, "*/d3cold_allowed", "pin-power"),
]


class Hangs:
    def __init__(self):
        self.tap = Tap()
        self.world = World(step_timeout=1)
        self.world.start()
        self.world.must("connect", OTHER)

    def args(self, verb, request):
        extra = ["--vfs", str(request["vfs"])] if "vfs" in request else []
        vm = request.get("vm", "vm1")
        return ["attach", *request["functions"], "--vm", vm, *extra] if verb == "attach" else \
            ["detach", *request["functions"]]

    def wait_for_hang(self):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if any(f["hanging"] for f in self.world.sim("faults")["faults"]):
                return True
            time.sleep(0.002)
        return False

    def others_go_on(self):
        """What everybody else does while something hangs; what did not work."""
        problems = []
        for args in (["status"], ["list"], ["attach", OTHER, "--vm", "vm2"], ["detach", OTHER]):
            code, out, err = self.world.tioctl(*args, timeout=20)
            if code != 0:
                problems.append(f"{args}: {code} {out}{err}")
        return problems

    def hang(self, verb, request, path, step, mode):
        sim = self.world.sim
        if verb == "detach":
            self.world.must(*self.args("attach", request))
        start = sim.snapshot()
        sim.fault(path=path, op="write", act="hang", mode=mode, count=1)
        client = self.world.background(*self.args(verb, request))
        problems = [] if self.wait_for_hang() else ["nothing hung"]
        problems += self.others_go_on()
        if mode == "killable":
            problems += self.ends_in_time(client, step)
        else:
            problems += self.is_told_as_stuck(client, request, step)
            sim("release", id="all")
        sim("clear")
        problems += self.is_put_back(verb, request, start)
        self.tap.ok(not problems, f"{verb} {request['functions'][0]}: {path} hangs ({mode}): "
                    "deadline, others go on, put back", *problems, self.world.log_text()[-1200:])

    def ends_in_time(self, client, step):
        out, err = client.communicate(timeout=30)
        problems = []
        if client.returncode != 8:
            problems.append(f"exit status {client.returncode} instead of 8: {out}{err}")
        if step not in err:
            problems.append(f"{step} is not named: {err}")
        return problems

    def is_told_as_stuck(self, client, request, step):
        out, err = client.communicate(timeout=30)
        problems = []
        if client.returncode not in (1, 8):
            problems.append(f"exit status {client.returncode} instead of 8: {out}{err}")
        if "stuck" not in err and "kernel" not in err:
            problems.append(f"it is not told that it is stuck: {err}")
        shown = [f["state"] for f in self.world.call("ListFunctions", all=True)["parameters"]
                 ["functions"] if f["address"] == request["functions"][0].split("/")[0]]
        if shown not in (["stuck"], ["busy"]):
            problems.append(f"its state is {shown}")
        return problems

    def is_put_back(self, verb, request, start):
        """Attach is undone; a detach is carried through, or was never begun."""
        sim, pf = self.world.sim, request["functions"][0].split("/")[0]
        end = time.monotonic() + 20
        while time.monotonic() < end:
            if self.world.settled(pf) != "stuck":
                break
            time.sleep(0.01)
        if verb == "detach":
            self.world.must(*self.args("detach", request))
            rest = diff(self.idle, sim.snapshot())
            return [f"after detach: {rest}"] if rest else []
        rest = diff(start, sim.snapshot())
        return [f"the host changed:\n{rest}"] if rest else []

    def run(self):
        self.idle = self.world.sim.snapshot()
        for mode in ("killable", "uninterruptible"):
            for verb, table in (("attach", ATTACH), ("detach", DETACH)):
                for request, path, step in table:
                    self.hang(verb, request, path, step, mode)
        self.queue()
        self.tap.note(f"{2 * len(ATTACH + DETACH)} hangs")
        self.world.stop()
        self.tap.end()

    def queue(self):
        """A connect that hangs is ended by its deadline, and the next one has its turn."""
        sim = self.world.sim
        sim.fault(path="*0000:61:00.0/tsm/connect", op="write", act="hang", mode="killable")
        first = self.world.background(*self.args("attach", PF))
        self.wait_for_hang()
        code, out, err = self.world.tioctl("attach", "0000:41:00.0", "--vm", "vm2")
        self.tap.ok(code == 0 and "attached" in err, "a connect that waits for its turn has it "
                    "when the one before is given up", code, out, err)
        first.communicate(timeout=30)
        self.tap.ok(first.returncode == 8, "and the one before is told as timed out")
        sim("clear")
        self.world.must("detach", "0000:41:00.0")


Hangs().run()
