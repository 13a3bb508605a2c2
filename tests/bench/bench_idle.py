# SPDX-License-Identifier: GPL-2.0-or-later
"""What tiod does while nothing happens, and how a burst of VFs compares with making them.

    bench_idle.py PF VFS
"""

import sys
import time

from measure import RUNS, ReadyWorld, compare, say

IDLE_SECONDS = 30
DRIVER = "/sys/bus/pci/devices/{}/sriov_numvfs"


def switches(w):
    return w.field("voluntary_ctxt_switches"), w.field("nonvoluntary_ctxt_switches")


def idle(w, what):
    time.sleep(2)  # the last events' scans
    before = switches(w)
    time.sleep(IDLE_SECONDS)
    after = switches(w)
    say(f"  {what:<44} {after[0] - before[0]:4} wakeups, {after[1] - before[1]:3} times "
        f"preempted, in {IDLE_SECONDS} s")


def set_vfs(pf, number):
    with open(DRIVER.format(pf), "w", encoding="ascii") as file:
        file.write(str(number))


def known(w):
    functions = w.call("ListFunctions", all=True)["parameters"]["functions"]
    return sum(f["kind"] == "vf" for f in functions)


def come_and_go(w, pf, number):
    """Milliseconds until the kernel has made them, and until tiod knows them."""
    start = time.monotonic()
    set_vfs(pf, number)
    made = time.monotonic()
    while known(w) != number:
        time.sleep(0.001)
    ready = time.monotonic()
    set_vfs(pf, 0)
    while known(w):
        time.sleep(0.001)
    return (made - start) * 1e3, (ready - start) * 1e3


def main(pf, number):
    number = int(number)
    w = ReadyWorld(config="WatchInterval=2\n")
    w.start()
    say(f"idle, RSS {w.field('VmRSS')} KiB")
    idle(w, "nothing connected")
    w.must("connect", pf)
    idle(w, "a link watched each 2 s")
    w.must("disconnect", pf)
    say(f"{number} VFs at once: until tiod knows them")
    both = [come_and_go(w, pf, number) for _ in range(RUNS)]
    compare([ready for _, ready in both], [made for made, _ in both], "tiod knows them",
            "floor: the write that makes them")
    w.stop()


main(*sys.argv[1:])
