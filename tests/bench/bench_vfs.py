# SPDX-License-Identifier: GPL-2.0-or-later
"""64 VFs, each of whose binds takes 100 ms, against writing them one after the other."""

import sys

from measure import RUNS, ReadyWorld, compare, floor, say, wall, world

# What an administrator types, VF by VF; and back.
GUIDE = """
cd /sys/bus/pci/devices/$1
echo 0 > sriov_drivers_autoprobe
echo $2 > sriov_numvfs
echo tsm0 > tsm/connect
for vf in virtfn*; do
	name=$(basename "$(readlink $vf)")
	echo vfio-pci > $vf/driver_override
	echo $name > /sys/bus/pci/drivers_probe
done
"""
GUIDE_BACK = """
cd /sys/bus/pci/devices/$1
for vf in virtfn*; do
	name=$(basename "$(readlink $vf)")
	echo $name > $vf/driver/unbind
	echo > $vf/driver_override
done
echo tsm0 > tsm/disconnect
echo 0 > sriov_numvfs
echo 1 > sriov_drivers_autoprobe
"""

PF, VFS = "0000:41:00.0", 64


def main():
    w = ReadyWorld()
    w.start()
    before = w.sim.snapshot()
    attaches, detaches, bare, bare_detach, shell, shell_back = [], [], [], [], [], []
    for _ in range(min(RUNS, 5)):
        attaches.append(wall(world.TIOCTL, "attach", PF, "--vfs", str(VFS), "--vf",
                             f"0-{VFS - 1}", "--vm", "vm1"))
        detaches.append(wall(world.TIOCTL, "detach", "--vm", "vm1"))
        counted = floor("bind", PF, str(VFS))
        bare.append(counted["attach"] / 1e3)
        bare_detach.append(counted["detach"] / 1e3)
        shell.append(wall("/bin/sh", "-c", GUIDE, "sh", PF, str(VFS)))
        shell_back.append(wall("/bin/sh", "-c", GUIDE_BACK, "sh", PF))
    say(f"{VFS} VFs of {PF}, 100 ms to bind each, to one VM")
    compare(attaches, bare, "tioctl attach", "floor: one after the other")
    compare(attaches, shell, "tioctl attach", "the guide's lines in a shell")
    say("and back")
    compare(detaches, bare_detach, "tioctl detach", "floor: one after the other")
    compare(detaches, shell_back, "tioctl detach", "the guide's lines in a shell")
    same = before == w.sim.snapshot()
    say(f"  the host is afterwards {'as before' if same else 'NOT as before'}")
    w.stop()
    return 0 if same else 1


sys.exit(main())
