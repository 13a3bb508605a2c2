#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may include whom: the arrows of the house, checked.

Prints TAP.  A room is a folder; an include carries its folder, so a wrong dependency
can be read off the line itself.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")

# Folder of a file -> folders that its includes may name ("" is its own folder).
MAY = {
    "tiod/base": {"base"},
    "tiod/core": {"base", "core"},
    "tiod/handoff": {"base", "core", "handoff"},
    "tiod/host": {"base", "core", "host"},
    "tiod": {"", "base", "core", "handoff", "host"},
    "udev": {"base", "core", "host"},
    "tioctl": {"", "base", "tioctl"},
    "plugins": {""},
}
PLAIN = {"tiod/core": {"tio-plugin.h"}, "tiod/host": {"tio-plugin.h"}, "plugins": {"tio-plugin.h"}}

# Outside libraries and the only files that may know them.
ONLY = {
    "pci/pci.h": {"tiod/host/pci.c"},
    "libkmod.h": {"tiod/host/modules.c"},
    "netlink/route/link.h": {"tiod/host/netlink.c"},
    "netlink/route/link/sriov.h": {"tiod/host/netlink.c"},
    "seccomp.h": {"tiod/host/confine.c"},
    "libudev.h": {"tiod/host/uevents.c"},
    "ini.h": {"tiod/config-file.c"},
    "dlfcn.h": {"tiod/host/loader.c", "tiod/host/modules.c"},
    "netlink/genl/genl.h": {"tiod/host/devlink.c", "tiod/host/evidence.c"},
    "microhttpd.h": {"tioctl/exporter.c"},
    "nettle/sha2.h": {"tioctl/digest.c"},
}
JANSSON = {"tiod/core", "tiod/handoff", "tiod", "tioctl"}

FORBIDDEN = re.compile(r"\b(strcpy|strcat|sprintf|gets|system|popen|alloca|atoi)\(")
OPENS_KERNEL_PATH = re.compile(r'(open|stat|access|readlink)\w*\([^)]*"/(sys|proc|dev)')
# The wall clock jumps: it may tell people when, and nothing may wait by it.
WALL_CLOCK = re.compile(r"CLOCK_REALTIME|gettimeofday\(|\btime\((NULL|&)")
TELLS_WHEN = {"tiod/config.c", "tioctl/monitor.c", "tioctl/evidence.c"}
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def room_of(path):
    return str(path.parent.relative_to(ROOT))


def check_include(path, kind, name):
    room, relative = room_of(path), str(path.relative_to(ROOT))
    if kind == "<":
        if name in ONLY and relative not in ONLY[name]:
            return f"{relative} includes <{name}>, which only {', '.join(ONLY[name])} may"
        if name == "jansson.h" and room not in JANSSON:
            return f"{relative} includes <jansson.h>"
        return None
    folder = name.rsplit("/", 1)[0] if "/" in name else ""
    if folder == "" and (room not in MAY or "" in MAY[room] or name in PLAIN.get(room, ())):
        return None
    if folder not in MAY.get(room, {folder}):
        return f"{relative} ({room}) includes \"{name}\""
    return None


def check_line(path, number, line):
    found = INCLUDE.match(line)
    if found:
        return check_include(path, *found.groups())
    relative = str(path.relative_to(ROOT))
    if FORBIDDEN.search(line):
        return f"{relative}:{number} calls {FORBIDDEN.search(line).group(1)}()"
    if OPENS_KERNEL_PATH.search(line) and relative != "tiod/main.c":
        return f"{relative}:{number} opens a kernel path by name; roots come from main.c"
    if WALL_CLOCK.search(line) and relative not in TELLS_WHEN:
        return f"{relative}:{number} asks the wall clock, which jumps; use CLOCK_MONOTONIC"
    return None


def main():
    number, failed = 0, 0
    for room in MAY:
        problems = []
        files = [p for p in sorted((ROOT / room).glob("*.[ch]"))]
        for path in files:
            for n, line in enumerate(path.read_text().splitlines(), 1):
                problem = check_line(path, n, line)
                if problem:
                    problems.append(problem)
        number += 1
        print(f"{'not ok' if problems else 'ok'} {number} - {room} includes only what it may "
              f"({len(files)} files)")
        for problem in problems:
            print(f"# {problem}")
        failed += bool(problems) or not files
    print(f"1..{number}")
    sys.exit(1 if failed else 0)


main()
