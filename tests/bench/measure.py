# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benchmarks share: times, the floor, and how figures are printed.

The benchmarks never fail on a time; they print what was measured, several times each, and
how it compares with the floor: the bare system calls, on the same host in the same run.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "slice"))

import world  # noqa: E402  from tests/slice

FLOOR = os.environ["FLOOR"]
RUNS = int(os.environ.get("BENCH_RUNS", "7"))
NOTIFY = "/run/tiod-notify.sock"


def wall(*argv):
    """Milliseconds from the start of a program to its end; its output goes nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)]
    env = dict(os.environ, TIOD_SOCKET=world.SOCKET)
    start = time.monotonic()
    pid = os.posix_spawnp(argv[0], argv, env, file_actions=actions)
    _, status = os.waitpid(pid, 0)
    took = (time.monotonic() - start) * 1e3
    os.close(null)
    if status != 0:
        raise RuntimeError(f"{' '.join(argv)}: {os.waitstatus_to_exitcode(status)}")
    return took


def floor(*args):
    done = subprocess.run([FLOOR, *args], stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout)


def say(text=""):
    print(text, flush=True)


def figures(name, values, unit="ms"):
    say(f"  {name:<34} median {statistics.median(values):10.2f}  min {min(values):10.2f}"
        f"  max {max(values):10.2f} {unit}  ({len(values)} runs)")


def compare(ours, floors, name="tiod", floor_name="floor", unit="ms"):
    """Both, and the ratio of their medians."""
    figures(name, ours, unit)
    figures(floor_name, floors, unit)
    a, b = statistics.median(ours), statistics.median(floors)
    say(f"  {'ratio':<34} {a / b:17.2f}  ({a - b:+.2f} {unit})")


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class ReadyWorld(world.World):
    """Takes the time from tiod's start to its READY=1, without asking in between."""

    def start_and_time(self, limit=120):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(NOTIFY)
            notify.settimeout(limit)
            os.environ["NOTIFY_SOCKET"] = NOTIFY
            start = time.monotonic()
            try:
                command = [world.TIOD, "--runtime-dir", world.RUNTIME, "--state-dir",
                           world.STATE, "--config-dir", world.CONFIG, "--socket",
                           world.SOCKET]
                self.daemon = subprocess.Popen(command, stdout=self.log, stderr=self.log,
                                               stdin=subprocess.DEVNULL)
                while b"READY=1" not in notify.recv(4096):
                    continue
                return (time.monotonic() - start) * 1e3
            finally:
                os.environ.pop("NOTIFY_SOCKET")
                os.unlink(NOTIFY)

    def field(self, name):
        """A number of /proc/PID/status; sizes in KiB."""
        with open(f"/proc/{self.daemon.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith(name + ":"):
                    return int(line.split()[1])
        raise KeyError(name)

    def count(self, path, op):
        """A rule that only counts; seen() tells how often it has matched."""
        return self.sim.fault(path=path, act="count", op=op, nth=0)

    def seen(self):
        return {rule["id"]: rule["seen"] for rule in self.sim("faults")["faults"]}
