#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Gives a simulated host the cards that tsm-test would give it: host.py HOST CARDS.

CARDS are tsm-test's parameters, as "no_tee=03:00.0 no_ide=00:11.0,02:00.0"; as with the
module, what they don't name has everything.  Without any the host is printed as it is.
"""
import json
import sys

# The parameter, the key, and what a card and a root port have of it.
PARTS = (
    ("no_tee", "tee", True, None),
    ("no_ide", "ide", {"streams": 2, "assoc": 1}, {"streams": 4, "assoc": 2}),
    ("no_doe", "doe", [["0001:01", "0001:02"]], None),
)


def functions(entries):
    for entry in entries:
        yield entry
        yield from functions(entry.get("children", []))


def change(entry, lacking):
    kind = entry.get("type", "endpoint")
    for parameter, key, of_card, of_port in PARTS:
        value = {"endpoint": of_card, "root-port": of_port}.get(kind)
        entry.pop(key, None)
        if value and entry["address"].removeprefix("0000:") not in lacking.get(parameter, ()):
            entry[key] = value


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        host = json.load(file)
    words = [word.partition("=") for word in sys.argv[2].split()]
    lacking = {name: value.split(",") for name, _, value in words}
    unknown = set(lacking) - {part[0] for part in PARTS}
    if unknown:
        sys.exit(f"host.py: unknown: {' '.join(unknown)}")
    for entry in functions(f for b in host["bridges"] for f in b["functions"] if lacking):
        change(entry, lacking)
    json.dump(host, sys.stdout)


main()
