# SPDX-License-Identifier: GPL-2.0-or-later
"""The rig's own module: it goes and comes back while config space is read; its knobs say no."""

import os
import subprocess
import sys
import threading
import time

from guest import KNOBS, NVME1, PCI, TDISP, Tap, glob, knob, read, until

ROUNDS, ENOUGH, BUDGET = 20, 4, 40  # on a busy machine ENOUGH, once BUDGET seconds are over

tap = Tap()


def rmmod():
    subprocess.run(["rmmod", "tsm_test"], check=True)


def insmod():
    words = os.environ["VM_MODULE"].split()
    subprocess.run(["insmod", os.environ["VM_KO"], *words], check=True)


# --- Unloading under readers ---

class Readers:
    """Processes that read the module's registers of every function, over and over."""

    SCRIPT = """
import glob, os
while True:
    for path in glob.glob("/sys/bus/pci/devices/*/config"):
        try:
            with open(path, "rb", buffering=0) as file:
                os.pread(file.fileno(), 64, 0xe00)
        except OSError:
            pass
"""

    def __init__(self, number):
        # pylint: disable=consider-using-with
        self.all = [subprocess.Popen([sys.executable, "-c", self.SCRIPT])
                    for _ in range(number)]

    def end(self):
        alive = [one for one in self.all if one.poll() is None]
        for one in alive:
            one.kill()
        for one in self.all:
            one.wait()
        return len(alive)


def has_tee(function):
    with open(f"{PCI}{function}/config", "rb", buffering=0) as file:
        file.seek(0x100)
        return b"\x30\0\x01" in file.read()


def complaints():
    log = subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout
    words = ("BUG:", "Oops", "WARNING:", "general protection", "Call Trace", "hung_task")
    return [line for line in log.splitlines() if any(word in line for word in words)]


def test_reload():
    with open("/sys/bus/pci/drivers_autoprobe", "w", encoding="ascii") as file:
        file.write("0")  # what takes time is the drivers, and they aren't the point
    readers = Readers(1)
    wrong = []
    start = time.monotonic()
    number = 0
    while number < ENOUGH or (number < ROUNDS and time.monotonic() - start < BUDGET):
        number += 1
        rmmod()
        if os.path.exists(f"{PCI}{NVME1}/tsm") or glob.glob("/sys/class/tsm/*"):
            wrong.append(f"{number}: tsm/ stayed")
        insmod()
        if not all(os.path.exists(f"{PCI}{function}/tsm/connect") for function in TDISP):
            wrong.append(f"{number}: tsm/ is missing")
    tap.ok(readers.end() == 1, "those who read config space were never stopped")
    tap.note(f"{number} rounds took {time.monotonic() - start:.0f} s")
    tap.ok(not wrong, "the module goes and comes back while config space is read", *wrong)
    tap.ok(not complaints(), "and the kernel has nothing to complain of", *complaints())
    tap.ok(has_tee(NVME1), "its cards have IDE")


def test_leave_while_hanging():
    """A connect that hangs doesn't hold the module: it is let go."""
    knob("hang", 2)

    def connect():
        try:
            with open(f"{PCI}{NVME1}/tsm/connect", "w", encoding="ascii") as file:
                file.write(os.path.basename(glob.glob("/sys/class/tsm/*")[0]))
        except OSError:
            pass

    thread = threading.Thread(target=connect)
    thread.start()
    tap.ok(until(lambda: read(KNOBS + "hanging") == "1"), "connect hangs")
    rmmod()
    thread.join(30)
    tap.ok(not thread.is_alive(), "unloading lets it go")
    insmod()
    tap.ok(os.path.exists(f"{PCI}{NVME1}/tsm/connect") and not complaints(),
           "and the module can be loaded again", *complaints())


# --- Knobs ---

def refused(name, text, at=0):
    try:
        with open(KNOBS + name, "wb", buffering=0) as file:
            os.pwrite(file.fileno(), text, at)
        return False
    except OSError:
        return True


def test_knobs():
    for name in ("link_down", "fail", "bind", "unbind"):
        tap.ok(refused(name, b"0000:02:00.0", 4), f"{name} takes nothing behind its start")
        tap.ok(refused(name, b"0" * 32), f"{name} takes no more than a name")
        for junk in (b"02:00.0", b"0000:02:00.8", b"0000:02:20.0", b"0001:02:00.0",
                     b"0000:02:00.0:1"):
            tap.ok(refused(name, junk), f"{name} refuses {junk.decode()}")
    tap.ok(has_tee(NVME1), "a link_down that was refused did nothing")
    knob("link_down", NVME1)
    tap.ok(not has_tee(NVME1), "a card whose link is down reads as all ones")
    knob("link_down", "none")
    tap.ok(has_tee(NVME1), "and answers once it is up")


def main():
    test_knobs()
    test_leave_while_hanging()
    test_reload()
    tap.end()


main()
