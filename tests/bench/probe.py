# SPDX-License-Identifier: GPL-2.0-or-later
"""Inside a simulated host: what tiod read and holds; test_limits.py judges it.

Prints one line of JSON: config opens at the start (all, and the most of one function), those
that list, status and show added, tiod's memory in KiB, and the libraries that it has mapped.
"""

import json
import os

from measure import ReadyWorld

FEW = 64  # so many functions get a counting rule each


def addresses():
    return sorted(os.listdir("/sys/bus/pci/devices"))


def libraries(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        paths = {line.split()[-1] for line in maps if ".so" in line}
    return sorted(os.path.basename(path) for path in paths)


def main():
    w = ReadyWorld()
    functions = addresses()
    every = w.count("*/config", "open")
    each = [w.count(f"*/{a}/config", "open") for a in functions] \
        if len(functions) <= FEW else []
    w.start_and_time()
    seen = w.seen()
    found = {"functions": len(functions), "config_opens": seen[every],
             "most_of_one": max((seen[rule] for rule in each), default=None),
             "rss_ready": w.field("VmRSS")}
    for _ in range(3):
        w.must("list", "--all")
        w.must("list", "--all", "--json")
        w.must("status", "all")
        w.must("show", functions[-1])
    found["config_opens_by_asking"] = w.seen()[every] - found["config_opens"]
    found["rss_asked"] = w.field("VmRSS")
    found["rss_peak"] = w.field("VmHWM")
    found["libraries"] = libraries(w.daemon.pid)
    w.stop()
    print(json.dumps(found))


main()
