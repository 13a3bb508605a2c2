# SPDX-License-Identifier: GPL-2.0-or-later
"""Each step made to fail with each errno that the kernel has for it.

The host is then byte for byte as before, and the failure names step, attribute, errno and
what mends it.  The same for writes that succeed without effect.
"""

import re

from world import Tap, World, diff

PF = {"functions": ["0000:61:00.0"]}
VF = {"functions": ["0000:41:00.0/vf1"], "vfs": 2}
PINNED = {**PF, "vm": "pinned"}
PINNED_VF = {**VF, "vm": "pinned"}

CONNECT = "*/tsm/connect"
BIND = "sys/bus/pci/drivers/*/bind"
UNBIND = "*/unbind"
OVERRIDE = "*/driver_override"
NUMVFS = "*/sriov_numvfs"
AUTOPROBE = "*/sriov_drivers_autoprobe"
DISCONNECT = "*/tsm/disconnect"
D3COLD = "*/d3cold_allowed"
CONTROL = "*/power/control"
RESET = "*/reset_method"

# What is asked, where it fails, in which step, at which attribute, with which errnos.
ATTACH = [
    (PF, CONNECT, "connect-tsm", "tsm/connect",
     "EINVAL EINTR EBUSY ENXIO EFAULT ENODEV ENOMEM EIO ETIMEDOUT EPERM"),
    (PF, OVERRIDE, "rebind", "driver_override", "EINVAL ENOMEM"),
    (PF, UNBIND, "rebind", "unbind", "ENODEV"),
    (PF, BIND, "rebind", "bind", "ENODEV EBUSY EINVAL ENOMEM EIO"),
    (VF, AUTOPROBE, "stop-vf-autoprobe", "sriov_drivers_autoprobe", "EINVAL"),
    (VF, NUMVFS, "enable-vfs", "sriov_numvfs",
     "EINVAL ERANGE ENOENT EBUSY ENOMEM EIO EPERM ENODEV ENOSYS"),
    (VF, CONNECT, "connect-tsm", "tsm/connect", "EFAULT EIO"),
    (VF, BIND, "rebind", "bind", "ENODEV EBUSY EINVAL"),
    (PINNED, D3COLD, "pin-power", "d3cold_allowed", "EINVAL"),
    (PINNED, RESET, "pin-power", "reset_method", "EINVAL ENOMEM"),
    (PINNED, CONTROL, "rebind", "power/control", "EINVAL"),
    (PINNED_VF, D3COLD, "pin-power", "d3cold_allowed", "EINVAL"),
    (PINNED_VF, CONTROL, "pin-power", "power/control", "EINVAL"),
]

DETACH = [
    (PF, UNBIND, "rebind", "unbind", "ENODEV"),
    (PF, OVERRIDE, "rebind", "driver_override", "EINVAL ENOMEM"),
    (PF, BIND, "rebind", "bind", "ENODEV EBUSY EINVAL EIO"),
    (PF, DISCONNECT, "connect-tsm", "tsm/disconnect", "ENXIO EINVAL EINTR"),
    (VF, NUMVFS, "enable-vfs", "sriov_numvfs", "EPERM EIO"),
    (VF, AUTOPROBE, "stop-vf-autoprobe", "sriov_drivers_autoprobe", "EINVAL"),
    (PINNED, D3COLD, "pin-power", "d3cold_allowed", "EINVAL"),
    (PINNED, RESET, "pin-power", "reset_method", "EINVAL ENOMEM"),
    (PINNED_VF, CONTROL, "pin-power", "power/control", "EINVAL"),
]

# Of a card that lacks nothing.
FINDINGS = [
    ("EBUSY", "no Stream ID was left enabled, so its DOE mailbox is busy or the PSP is dead"),
    ("EFAULT", "both ends have free IDE streams, so CMA and secured sessions"),
    ("ENXIO", "the TSM and the card's CMA mailbox are there"),
]

# Files of tiod's own that cannot be written; which write it is does not matter.
STORE = [("store/run/journal/*", "ENOSPC"), ("store/run/journal/*", "EROFS"),
         ("store/lib/*", "ENOSPC"), ("store/lib/*", "EROFS")]

SILENT = [(PF, CONNECT), (PF, BIND), (PF, UNBIND), (PF, OVERRIDE), (VF, NUMVFS), (VF, AUTOPROBE),
          (PINNED, D3COLD), (PINNED, RESET), (PINNED, CONTROL), (PINNED_VF, CONTROL)]


class Matrix:
    def __init__(self):
        self.tap = Tap()
        self.world = World()
        self.world.start()

    def outcome(self, method, **parameters):
        """One device was asked for: its failure, or what came of it."""
        reply = self.world.call(method, **parameters)
        if "error" in reply:
            return {"error": reply["parameters"]}
        return reply["parameters"]["outcomes"][0]

    def attach(self, request):
        return self.outcome("Attach", **{"vm": "vm1", **request})

    def detach(self, request):
        return self.outcome("Detach", functions=request["functions"])

    def fails(self, request, change, start, rule):
        """Runs @change under a fault; (error, where the host differs from @start)."""
        sim = self.world.sim
        number = sim.fault(**rule)
        error = change(request).get("error")
        hits = sim.hits(number)
        sim("clear")
        return error, hits, diff(start, sim.snapshot())

    def check(self, sentence, error, step, attribute, errno, changed):
        problems = []
        if not error:
            problems.append("it did not fail")
        else:
            if error["step"] != step:
                problems.append(f"step is {error['step']}, not {step}")
            if error["attribute"] != attribute:
                problems.append(f"attribute is {error['attribute']}, not {attribute}")
            if error["errnoName"] != errno or errno not in error["sentence"]:
                problems.append(f"errno is {error['errnoName']}")
            if not error["fix"]:
                problems.append("no fix is told")
            if not re.search(rf"\({errno}\): [^;]{{15}}", error["sentence"]):
                problems.append("the cause is not told")
        if changed:
            problems.append("the host changed:\n" + changed)
        self.tap.ok(not problems, sentence, *problems, error)

    def each(self, table, verb):
        for request, path, step, attribute, errnos in table:
            name = request["functions"][0]
            if verb == "detach":
                self.attach(request)
            start = self.world.sim.snapshot()
            for errno in errnos.split():
                # An undo is tried twice before it is given up.
                rule = {"path": path, "op": "write", "act": "errno", "errno": errno,
                        "count": 1 if verb == "attach" else 2}
                change = self.attach if verb == "attach" else self.detach
                error, hits, changed = self.fails(request, change, start, rule)
                if not hits:
                    error = None
                self.check(f"{verb} {name}: {step}: {attribute} answers {errno}: told, and the "
                           "host is as before", error, step, attribute, errno, changed)
            if verb == "detach":
                self.detach(request)

    def findings(self):
        """What an errno of several meanings means, told by what the host looks like."""
        start = self.world.sim.snapshot()
        for errno, words in FINDINGS:
            rule = {"path": CONNECT, "op": "write", "act": "errno", "errno": errno}
            error, hits, changed = self.fails(PF, self.attach, start, rule)
            self.tap.ok(hits and error and words in error["sentence"] and not changed,
                        f"{errno} of connect: \"{words}\"", error, changed)

    def stray(self):
        """A stream that firmware left enabled at the card, or at its root port."""
        ide = self.world.call("GetIde", function=PF["functions"][0])["parameters"]["ide"]
        for end in ("endpointRegisters", "rootPortRegisters"):
            block = ide[end]["selective"][-1]
            with open(f"/sys/bus/pci/devices/{ide[end]['address']}/config", "r+b",
                      buffering=0) as file:
                file.seek(block["offset"] + 4)
                before = file.read(4)
                file.seek(block["offset"] + 4)
                file.write((9 << 24 | 1).to_bytes(4, "little"))
                start = self.world.sim.snapshot()
                error, _, changed = self.fails(PF, self.attach, start, {
                    "path": CONNECT, "op": "write", "act": "errno", "errno": "EBUSY"})
                file.seek(block["offset"] + 4)
                file.write(before)
            words = f"Stream ID 9 is enabled at {ide[end]['address']}"
            self.tap.ok(error and words in error["sentence"] and not changed,
                        f"EBUSY of connect: \"{words}\"", error, changed)

    def store(self):
        start = self.world.sim.snapshot()
        for path, errno in STORE:
            nth, wrong = 1, []
            while True:
                rule = {"path": path, "op": "change", "act": "errno", "errno": errno, "nth": nth}
                error, hits, changed = self.fails(PF, self.attach, start, rule)
                if not hits:
                    self.detach(PF)
                    break
                if error and (changed or errno not in error["sentence"] or not error["fix"]):
                    wrong.append(f"write {nth}: {error} {changed}")
                if not error:
                    # Tidying up that failed harms nobody: it is attached.
                    self.detach(PF)
                    rest = diff(start, self.world.sim.snapshot())
                    if rest:
                        wrong.append(f"write {nth}: after detach: {rest}")
                nth += 1
            self.tap.ok(nth > 3 and not wrong, f"{errno} at each of {nth - 1} writes of {path}: "
                        "refused with the host as before", *wrong)

    def silent(self):
        for request, path in SILENT:
            start = self.world.sim.snapshot()
            rule = {"path": path, "op": "write", "act": "noeffect"}
            error, hits, changed = self.fails(request, self.attach, start, rule)
            self.tap.ok(hits and error and not changed,
                        f"attach {request['functions'][0]}: a write to {path} that does nothing "
                        "is noticed, and the host is as before", error, changed)


def main():
    matrix = Matrix()
    # A PF whose driver lets it sleep, as drivers do.
    with open("/sys/bus/pci/devices/0000:41:00.0/power/control", "w") as control:
        control.write("auto")
    matrix.each(ATTACH, "attach")
    matrix.each(DETACH, "detach")
    matrix.findings()
    matrix.stray()
    matrix.store()
    matrix.silent()
    error, _, changed = matrix.fails(PF, matrix.attach, matrix.world.sim.snapshot(),
                                     {"path": BIND, "op": "write", "act": "errno",
                                      "errno": "EAGAIN", "count": 2})
    matrix.tap.ok(not error and changed, "a bind that is not ready yet (EAGAIN) is tried again",
                  error)
    matrix.detach(PF)
    faults = sum(len(row[4].split()) for row in ATTACH + DETACH)
    matrix.tap.note(f"{faults} pairs of attribute and errno, {len(SILENT)} writes without effect")
    matrix.world.stop()
    matrix.tap.end()


main()
