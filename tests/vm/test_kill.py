# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 of tiod at random moments of attaches on a real kernel, then recovery.

After the restart the host is either as before, or the device is attached as if nothing had
happened; then it is detached, and the host is as before.
"""

import glob
import json
import os
import random
import time

from guest import NIC1, NVME1, NVME2, RUNTIME, Guest, Tap, diff, snapshot, until

ROUNDS = int(os.environ.get("VM_KILLS", "30"))
SEED = int(os.environ.get("VM_SEED", "1"))
# What is attached.
CASES = (((NVME1,), NVME1), ((NVME2,), NVME2),
         ((NIC1, "--vfs", "1", "--vf", "0"), "0000:01:10.0"))
BEFORE, FLIGHT, AFTER = "before", "in flight", "after"

tap = Tap()
guest = Guest()


def attached(function):
    return os.path.exists(f"/sys/bus/pci/devices/{function}") and guest.state(function)[
        "state"] == "attached"


def moment_of_kill():
    """What the journal says that the kill hit."""
    files = glob.glob(RUNTIME + "/journal/*.json")
    if not files:
        return BEFORE
    with open(files[0], encoding="utf-8") as file:
        return FLIGHT if json.load(file)["change"] else AFTER


def parents():
    """The parent of each process that is called tiod."""
    found = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                head, tail = file.read().rsplit(")", 1)
        except OSError:
            continue
        if head.split("(", 1)[1].startswith("tiod"):
            found[int(head.split()[0])] = int(tail.split()[1])
    return found


def orphans():
    """Workers of a killed tiod: they may still be in the kernel, but not for long."""
    of = parents()
    return [pid for pid in of if pid != guest.daemon.pid and of[pid] not in of]


def one_round(number, before, takes, share):
    """Kills after that @share of the time that the attach took before."""
    arguments, function = CASES[number % len(CASES)]
    job = guest.background("attach", *arguments, "--vm", "vm1")
    moment = share * takes[function]
    time.sleep(moment)
    guest.kill()
    hit = moment_of_kill()
    job.communicate(timeout=60)
    guest.start(wait=60)
    guest.job_free()
    left = until(lambda: not orphans()) or orphans()
    tap.ok(left is True, "no worker of the killed tiod is left", left)
    state = "attached" if attached(function) else "as before"
    tap.ok((hit, state) != (BEFORE, "attached") and (hit, state) != (AFTER, "as before"),
           f"killed {hit} the change, it is {state}")
    if state == "attached":
        guest.must("detach", function)
    after = snapshot()
    tap.ok(before == after,
           f"round {number}: {function}, killed after {moment * 1000:.0f} ms: {hit}, {state}",
           diff(before, after), guest.log_end())
    return hit, state


def time_of(arguments, function):
    start = time.monotonic()
    guest.must("attach", *arguments, "--vm", "vm1")
    took = time.monotonic() - start
    guest.must("detach", function)
    return took


def aimed(number, before, takes, chance, seen):
    """The machine may have changed its speed since: what chance did not hit is aimed at."""
    aims = {BEFORE: lambda: 0, FLIGHT: lambda: chance.uniform(0.1, 1), AFTER: lambda: 5}
    for tries in range(ROUNDS):
        missed = [hit for hit in aims if hit not in [h for h, _ in seen]]
        if not missed:
            return
        seen.append(one_round(number + tries, before, takes, aims[missed[0]]()))


def main():
    chance = random.Random(SEED)
    guest.start()
    # Twice through: modules are loaded, what stays from the first time has stayed, and it is
    # known how long each takes on this machine.
    takes = {function: min(time_of(arguments, function), time_of(arguments, function))
             for arguments, function in CASES}
    before = until(snapshot)
    seen = [one_round(number, before, takes, chance.uniform(0, 1.2))
            for number in range(ROUNDS)]
    aimed(ROUNDS, before, takes, chance, seen)
    hits = {hit: [h for h, _ in seen].count(hit) for hit in (BEFORE, FLIGHT, AFTER)}
    ended = [state for _, state in seen].count("attached")
    tap.note(f"{len(seen)} kills (seed {SEED}): " +
             ", ".join(f"{n} {hit}" for hit, n in hits.items()) +
             f" the change; {ended} ended attached")
    tap.ok(all(hits.values()) and ended,
           "kills came before, in the middle of and after changes", hits, ended)
    guest.stop()
    tap.end()


main()
