# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 of tiod at random moments of attaches on a real kernel, then recovery.

After the restart the host is either as before, or the device is attached as if nothing had
happened; then it is detached, and the host is as before.
"""

import os
import random
import time

from guest import NIC1, NVME1, NVME2, Guest, Tap, diff, glob, snapshot, until

ROUNDS = int(os.environ.get("VM_KILLS", "30"))
SEED = int(os.environ.get("VM_SEED", "1"))
# What is attached, and about how long that takes here.
CASES = ((("0000:02:00.0",), NVME1, 0.5), (("0000:41:00.0",), NVME2, 0.5),
         ((NIC1, "--vfs", "1", "--vf", "0"), "0000:01:10.0", 1.0))

tap = Tap()
guest = Guest()


def attached(function):
    return guest.state(function)["state"] == "attached" if os.path.exists(
        f"/sys/bus/pci/devices/{function}") else False


def workers():
    """Workers of a killed tiod may still be in the kernel."""
    pids = [p for p in glob.glob("/proc/[0-9]*/comm")]
    names = []
    for path in pids:
        try:
            with open(path, encoding="ascii") as file:
                names.append(file.read().strip())
        except OSError:
            pass
    return [name for name in names if name.startswith("tiod")]


def one_round(number, before, chance):
    arguments, function, takes = CASES[number % len(CASES)]
    job = guest.background("attach", *arguments, "--vm", "vm1")
    moment = chance.uniform(0, takes)
    time.sleep(moment)
    guest.kill()
    job.communicate(timeout=60)
    left = workers()
    guest.start(wait=60)
    guest.job_free()
    state = "attached" if attached(function) else "as before"
    if state == "attached":
        guest.must("detach", function)
    after = snapshot()
    tap.ok(before == after,
           f"round {number}: {function}, killed after {moment * 1000:.0f} ms: {state}",
           diff(before, after), f"workers left: {left}", guest.log_end())
    return state


def main():
    chance = random.Random(SEED)
    guest.start()
    # Once through, so that modules are loaded and what stays from the first time has stayed.
    for arguments, function, _ in CASES:
        guest.must("attach", *arguments, "--vm", "vm1")
        guest.must("detach", function)
    before = until(snapshot)
    states = [one_round(number, before, chance) for number in range(ROUNDS)]
    tap.note(f"{states.count('attached')} of {ROUNDS} rounds ended attached (seed {SEED})")
    tap.ok(states.count("as before") >= ROUNDS // 5, "a fifth of the kills came in the middle")
    guest.stop()
    tap.end()


main()
