# SPDX-License-Identifier: GPL-2.0-or-later
"""64 VFs, each of whose binds takes 100 ms, against writing them one after the other."""

import sys

from measure import FLOOR, RUNS, ReadyWorld, compare, floor, say, wall, world

PF, VFS = "0000:41:00.0", 64


def main():
    w = ReadyWorld()
    w.start()
    before = w.sim.snapshot()
    attaches, detaches, bare, bare_detach = [], [], [], []
    for _ in range(min(RUNS, 5)):
        attaches.append(wall(world.TIOCTL, "attach", PF, "--vfs", str(VFS), "--vf",
                             f"0-{VFS - 1}", "--vm", "vm1"))
        detaches.append(wall(world.TIOCTL, "detach", "--vm", "vm1"))
        counted = floor("bind", PF, str(VFS))
        bare.append(counted["attach"] / 1e3)
        bare_detach.append(counted["detach"] / 1e3)
    say(f"{VFS} VFs of {PF}, 100 ms to bind each, to one VM")
    compare(attaches, bare, "tioctl attach", "floor: one after the other")
    say("and back")
    compare(detaches, bare_detach, "tioctl detach", "floor: one after the other")
    same = before == w.sim.snapshot()
    say(f"  the host is afterwards {'as before' if same else 'NOT as before'}")
    w.stop()
    return 0 if same else 1


sys.exit(main())
