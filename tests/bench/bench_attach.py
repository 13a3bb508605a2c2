# SPDX-License-Identifier: GPL-2.0-or-later
"""attach and detach of one PF, against the same kernel reads and writes done bare.

    bench_attach.py FUNCTION[,COMPANION…]
"""

import sys

from measure import RUNS, FLOOR, ReadyWorld, compare, figures, floor, say, wall, world


def count_operations(w, what):
    """How many opens, reads and writes of the simulated /sys @what makes."""
    rules = {op: w.count("sys/*", op) for op in ("open", "read", "write")}
    what()
    seen = w.seen()
    w.sim("clear")
    return ", ".join(f"{seen[rule]} {op}s" for op, rule in rules.items())


def main(functions):
    pf = functions.split(",")[0]
    w = ReadyWorld()
    w.start()
    w.must("attach", pf, "--vm", "vm1")  # loads vfio-pci, too
    w.must("detach", pf)
    before = w.sim.snapshot()
    attaches, detaches, both, bare = [], [], [], []
    for _ in range(RUNS):
        attaches.append(wall(world.TIOCTL, "attach", pf, "--vm", "vm1"))
        detaches.append(wall(world.TIOCTL, "detach", pf))
        both.append(attaches[-1] + detaches[-1])
        bare.append(wall(FLOOR, "attach", "tsm0", functions))
    say(f"attach and detach of {functions}")
    compare(both, bare, "tioctl attach + tioctl detach", "floor: same writes, read back")
    figures("tioctl attach", attaches)
    figures("tioctl detach", detaches)
    figures("tioctl version (a start of it)", [wall(world.TIOCTL, "version")
                                               for _ in range(RUNS)])
    say("  tiod:  " + count_operations(w, lambda: (w.must("attach", pf, "--vm", "vm1"),
                                                   w.must("detach", pf))))
    say("  floor: " + count_operations(w, lambda: floor("attach", "tsm0", functions)))
    same = before == w.sim.snapshot()
    say(f"  the host is afterwards {'as before' if same else 'NOT as before'}")
    w.stop()
    return 0 if same else 1


sys.exit(main(sys.argv[1]))
