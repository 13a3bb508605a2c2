# SPDX-License-Identifier: GPL-2.0-or-later
"""The sentences about tiod's speed, each with what was measured and what is meant.

    speed.py TIO-SIM HOSTS [PART…]

Each part runs on a simulated host of its own, one after the other; see speed_parts.py.  It
fails when a part cannot be measured, never because of a figure.
"""

import json
import os
import subprocess
import sys
import tempfile

import run

HERE = os.path.dirname(os.path.abspath(__file__))

# part: its host, and how fast that host's kernel is (TIO_SIM_SPEED)
PARTS = {
    "idle": ("dual-gpu", "0"),
    "many": ("4096", "0"),
    "burst": ("nic64", "0"),
    "status": ("dual-gpu", "1"),
}
VFS = 1016  # of the card of "burst": as many as the largest have


def host_file(hosts, name, folder):
    """What run.py is to be given for the host @name."""
    if name.isdigit():
        return name
    with open(os.path.join(hosts, f"{name}.json"), encoding="utf-8") as file:
        text = file.read()
    path = os.path.join(folder, f"{name}.json")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace('"sriov": {"total": 64,', f'"sriov": {{"total": {VFS},'))
    return path


def show(row):
    """One figure; @row: what, value, what is meant or None, unit."""
    what, value, meant, unit = row
    line = f"  {what:<58} {value:10.2f} {unit}"
    if meant is not None:
        line += f", {meant:g} is meant: {'within' if value <= meant else 'MISSED'}"
    print(line, flush=True)


def main(tio_sim, hosts, *parts):
    failed = 0
    for part in parts or PARTS:
        name, speed = PARTS[part]
        os.environ["TIO_SIM_SPEED"] = speed
        with tempfile.TemporaryDirectory(prefix="tiod-speed-") as folder:
            status, out = run.run(tio_sim, host_file(hosts, name, folder),
                                  os.path.join(HERE, "speed_parts.py"), part,
                                  stdout=subprocess.PIPE)
        print(part, flush=True)
        if status != 0:
            print(f"  exit status {status}")
            failed += 1
            continue
        for row in json.loads(out.splitlines()[-1]):
            show(row)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
