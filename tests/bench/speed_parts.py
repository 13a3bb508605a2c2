# SPDX-License-Identifier: GPL-2.0-or-later
"""Inside a simulated host: speed_parts.py PART measures one part of speed.py.

Prints one line of JSON: rows of what was measured, its value, what is meant (or null) and
the unit.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time

from measure import FLOOR, NOTIFY, RUNS, ReadyWorld, floor, percentile, wall, world

IDLE_SECONDS = 30
WATCHDOG_SECONDS = 4
CALLS, CALL_USEC = 5000, 1000  # 1000 a second
ECHO = "/run/tiod-echo.sock"
NIC, VFS = "0000:41:00.0", 1016
CARD = "0000:e1:00.0"
STATUS = json.dumps({"method": "io.tiod.GetStatus", "parameters": {"function": CARD}})


# --- Idle ---

def count_pings(notify, seconds):
    """Messages that tiod sends to its service manager in so many seconds."""
    end, pings = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        notify.settimeout(max(0.01, end - time.monotonic()))
        try:
            pings += b"WATCHDOG=1" in notify.recv(4096)
        except TimeoutError:
            pass
    return pings


def idle():
    w = ReadyWorld()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(NOTIFY)
        os.environ.update(NOTIFY_SOCKET=NOTIFY, WATCHDOG_USEC=str(WATCHDOG_SECONDS * 10**6))
        w.start()
        count_pings(notify, 3)  # the last events' scans, and READY=1
        before = w.field("voluntary_ctxt_switches")
        pings = count_pings(notify, IDLE_SECONDS)
        wakeups = w.field("voluntary_ctxt_switches") - before
        w.stop()
        os.unlink(NOTIFY)
    return [[f"wakeups in {IDLE_SECONDS} s, for each of {pings} of the watchdog's",
             wakeups / pings, 1, "times"]]


# --- Many functions ---

def proportional(pid):
    """Its share of what it has mapped, in KiB."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def many():
    w = ReadyWorld()
    ours, bare, peers = [], [], {"lspci -n": [], "udevadm info -e": [], "libudev": []}
    for _ in range(RUNS):
        ours.append(w.start_and_time())
        w.stop()
        bare.append(wall(FLOOR, "discover"))
        peers["lspci -n"].append(wall("lspci", "-n"))
        peers["udevadm info -e"].append(wall("udevadm", "info", "-e"))
        peers["libudev"].append(wall(FLOOR, "udev"))
    n = floor("discover")["functions"]
    rows = [[f"start with {n} functions, of a bare scan's time",
             statistics.median(ours) / statistics.median(bare), 1.5, "times"]]
    rows += [[f"beside it: of {name}'s", statistics.median(ours) / statistics.median(times),
              None, "times"] for name, times in peers.items()]
    w.start_and_time()
    for _ in range(3):
        w.must("list", "--all")
        w.must("status", "all")
    meant = 6144 + n
    rows += [[f"RSS, of {meant} KiB", w.field("VmRSS") / meant, 1, "times"],
             ["PSS, of as much", proportional(w.daemon.pid) / meant, None, "times"]]
    w.stop()
    return rows


# --- A burst ---

def known(w):
    functions = w.call("ListFunctions", all=True)["parameters"]["functions"]
    return sum(f["kind"] == "vf" for f in functions)


def passes(w):
    page = w.call("GetMetrics")["parameters"]["text"]
    return sum(int(line.split()[1]) for line in page.splitlines()
               if line.startswith("tiod_scans_total{"))


def set_vfs(w, number):
    """Milliseconds to make them, and until tiod knows them."""
    start = time.monotonic()
    with open(f"/sys/bus/pci/devices/{NIC}/sriov_numvfs", "w", encoding="ascii") as file:
        file.write(str(number))
    made = time.monotonic()
    while known(w) != number:
        time.sleep(0.005)
    return (made - start) * 1e3, (time.monotonic() - start) * 1e3


def burst():
    w = ReadyWorld()
    w.start()
    made, ready, bare, scans = [], [], [], []
    for _ in range(RUNS):
        before = passes(w)
        times = set_vfs(w, VFS)
        made.append(times[0])
        ready.append(times[1])
        scans.append(passes(w) - before)
        bare.append(wall(FLOOR, "discover"))
        set_vfs(w, 0)
        time.sleep(1)  # whatever is read after that
    w.stop()
    return [[f"passes over the host for {VFS} VFs at once, at most", max(scans), 1, "passes"],
            ["until all are known, of making them and a bare scan",
             statistics.median(ready) / (statistics.median(made) + statistics.median(bare)),
             None, "times"]]


# --- Status while an attach runs ---

def attach_again_and_again(w, stop):
    while not stop.is_set():
        w.must("attach", CARD, "--vm", "vm1")
        w.must("detach", CARD)


def pace(path):
    """Milliseconds: median and 99th percentile of calls that come at their times."""
    took = floor("pace", path, STATUS, str(CALLS), str(CALL_USEC))["usec"]
    return percentile(took, 0.5) / 1e3, percentile(took, 0.99) / 1e3


def cpu_ms(pid):
    """What @pid has used of the processors so far."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e6


def status():
    w = ReadyWorld()
    w.start()
    size = floor("ask", world.SOCKET, STATUS, "1")["bytes"]
    stop = threading.Event()
    work = threading.Thread(target=attach_again_and_again, args=(w, stop))
    with subprocess.Popen([FLOOR, "echo", ECHO, str(size)]) as echo:
        while not os.path.exists(ECHO):
            time.sleep(0.005)
        work.start()
        used = cpu_ms(w.daemon.pid)
        half, most = pace(world.SOCKET)
        used = cpu_ms(w.daemon.pid) - used
        bare_half, bare_most = pace(ECHO)
        stop.set()
        work.join()
        echo.terminate()
    w.stop()
    return [["1000 status calls a second beside attaches: p99", most, 5, "ms"],
            ["beside it: their median", half, None, "ms"],
            ["beside it: tiod's own time, for each call", used / CALLS, None, "ms"],
            ["beside it: p99 of a server that only echoes", bare_most, None, "ms"],
            ["beside it: median of that", bare_half, None, "ms"]]


print(json.dumps({"idle": idle, "many": many, "burst": burst, "status": status}[sys.argv[1]]()))
