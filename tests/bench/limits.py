# SPDX-License-Identifier: GPL-2.0-or-later
"""What tiod reads and holds with few functions and with many: figures, judged on request.

    limits.py TIO-SIM            prints the figures
    limits.py TIO-SIM --check    as tests: what is read is exact, memory has a wide bound
"""

import json
import os
import subprocess
import sys

import run

HERE = os.path.dirname(os.path.abspath(__file__))
FEW, MANY = 30, 4096
GROWTH_MAX = 2048  # bytes a function; 1 KiB is meant
ASKED_MAX = 2048   # once everything has been listed, which must not stay in memory
WORKERS_ONLY = ("libkmod",)  # with libcrypto, a quarter of all
BASE, EACH = 6144, 1  # KiB that are meant: for tiod itself, and for a function


def probe(tio_sim, functions):
    status, out = run.run(tio_sim, str(functions), os.path.join(HERE, "probe.py"),
                          stdout=subprocess.PIPE)
    if status != 0:
        raise RuntimeError(f"probe.py with {functions} functions: exit status {status}")
    return json.loads(out.splitlines()[-1])


def growth(few, many, key):
    """Bytes for each function more."""
    return (many[key] - few[key]) * 1024 / (many["functions"] - few["functions"])


def show(few, many, prefix=""):
    for key, name in (("rss_ready", "RSS when ready"), ("rss_asked", "RSS after list, status"),
                      ("rss_peak", "highest RSS")):
        print(f"{prefix}{name:<24} {few[key]:7} KiB with {few['functions']}, {many[key]:7} KiB "
              f"with {many['functions']} functions: {growth(few, many, key):.0f} bytes each")
    for one in (few, many):
        meant = BASE + EACH * one["functions"]
        print(f"{prefix}{one['functions']} functions, all listed: "
              f"{one['rss_asked'] / meant:.2f} of the {meant} KiB that are meant")
    for one in (few, many):
        print(f"{prefix}config opened {one['config_opens']} times for {one['functions']} "
              f"functions, {one['config_opens_by_asking']} times more by asking")


def check(few, many, sanitized):
    """TAP; the number of failures."""
    tests = [
        (few["config_opens"] == few["functions"] and few["most_of_one"] == 1,
         "the config of each function is opened exactly once at the start"),
        (many["config_opens"] == many["functions"],
         f"and of {many['functions']} functions as many times as there are functions"),
        (few["config_opens_by_asking"] == many["config_opens_by_asking"] == 0,
         "list, status and show open no config"),
        (not any(name.startswith(WORKERS_ONLY) for name in few["libraries"]),
         f"{', '.join(WORKERS_ONLY)} is loaded by workers only"),
    ]
    memory = [(growth(few, many, "rss_ready") <= GROWTH_MAX,
               f"memory grows by at most {GROWTH_MAX} bytes a function"),
              (growth(few, many, "rss_asked") <= ASKED_MAX,
               f"and by at most {ASKED_MAX} when everything has been listed")]
    failed = 0
    for number, (good, sentence) in enumerate(tests + memory, 1):
        skip = sanitized and (good, sentence) in memory
        failed += not good and not skip
        print(f"{'ok' if good or skip else 'not ok'} {number} - {sentence}"
              f"{' # SKIP a sanitizer has memory of its own' if skip else ''}")
    print(f"1..{len(tests) + len(memory)}")
    return failed


def main(tio_sim, *options):
    few, many = probe(tio_sim, FEW), probe(tio_sim, MANY)
    if "--check" not in options:
        show(few, many, "  ")
        return 0
    show(few, many, "# ")
    return 1 if check(few, many, "--sanitized" in options) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
