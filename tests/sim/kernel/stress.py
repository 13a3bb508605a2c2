# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything at once: no operation may be lost in a lock, and the host stays whole."""
import os
import random
import threading
import time

from .sim import PCI, same, test, true, try_open, try_read, write

SECONDS = 3
THREADS = 10
PLUGGED = ["0000:01:00.0", "0000:02:00.0", "0000:10:00.0"]
FUNCTIONS = PLUGGED + ["0000:02:00.1", "0000:01:00.1", "0000:01:00.2", "0000:12:00.0",
                       "0000:0b:00.0", "0000:0c:00.0"]


def open_nodes(rnd):
    for node in os.listdir("/dev/vfio/devices"):
        fd = try_open("/dev/vfio/devices/" + node)
        if isinstance(fd, int):
            time.sleep(rnd.random() * 0.02)
            os.close(fd)


def operations(sim, rnd, bdf):
    """What may be done, the rare things last."""
    return [
        lambda: write(PCI + bdf + "/driver/unbind", bdf),
        lambda: write("/sys/bus/pci/drivers_probe", bdf),
        lambda: write(PCI + bdf + "/driver_override", rnd.choice(["vfio-pci", "\n", "keepdrv"])),
        lambda: write(PCI + bdf + "/sriov_numvfs", rnd.choice("00234")),
        lambda: write(PCI + bdf + "/tsm/connect", "tsm0"),
        lambda: write(PCI + bdf + "/tsm/disconnect", "tsm0"),
        lambda: try_read(PCI + bdf + "/tsm/connect"),
        lambda: try_read(PCI + bdf + "/sriov_numvfs"),
        lambda: write(PCI + bdf + "/reset", "1"),
        lambda: write("/sys/bus/pci/rescan", "1"),
        lambda: sim.ask("plug", name=rnd.choice(PLUGGED)),
        lambda: write("/sys/bus/pci/slots/%s/power" % rnd.choice("12"), rnd.choice("01")),
        lambda: open_nodes(rnd),
        lambda: sim.ask("snapshot"),
        lambda: write(PCI + bdf + "/remove", "1"),
        lambda: sim.ask(rnd.choice(["unplug", "surprise-remove"]), function=bdf),
        lambda: sim.ask(rnd.choice(["tsm-remove", "tsm-add", "tsm-add"])),
        lambda: os.system("rmmod vfio-pci 2>/dev/null; modprobe vfio-pci 2>/dev/null"),
    ]


def work(sim, seed, end, counts):
    rnd = random.Random(seed)
    while time.monotonic() < end or counts[seed] <= 10:
        able = operations(sim, rnd, rnd.choice(FUNCTIONS))
        which = rnd.randrange(len(able))
        if which >= 14 and rnd.random() < 0.8:
            continue
        try:
            able[which]()
        except OSError:
            pass
        counts[seed] += 1


@test("when all is done at once to all, nothing hangs and nothing is lost", "stress", keeps=True)
def _(sim):
    end, counts = time.monotonic() + SECONDS, [0] * THREADS
    threads = [threading.Thread(target=work, args=(sim, n, end, counts), daemon=True)
               for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    same(sum(thread.is_alive() for thread in threads), 0, "threads that hang")
    true(min(counts) > 10, f"operations: {counts}")
    sim.ask("tsm-add")
    write("/sys/bus/pci/rescan", "1")
    for bdf in PLUGGED:
        sim.ask("plug", name=bdf)
    same([os.path.exists(PCI + bdf) for bdf in PLUGGED], [True] * 3)
    same(try_read("/sys/class/tsm/tsm0/uevent"), "")
