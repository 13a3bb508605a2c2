# SPDX-License-Identifier: GPL-2.0-or-later
"""tiod's start until it is ready, against the same reads of the same functions done bare."""

from measure import FLOOR, RUNS, ReadyWorld, compare, floor, say, wall


def count_operations(w, what):
    """How many opens and reads of the simulated /sys @what makes, and of config."""
    rules = [w.count("sys/*", "open"), w.count("sys/*", "read"), w.count("*/config", "open")]
    what()
    seen = w.seen()
    w.sim("clear")
    return [seen[rule] for rule in rules]


def main():
    w = ReadyWorld()
    ours, bare = [], []
    for _ in range(RUNS):
        ours.append(w.start_and_time())
        w.stop()
        bare.append(wall(FLOOR, "discover"))
    n = floor("discover")["functions"]
    say(f"discovery of {n} functions")
    compare(ours, bare, "tiod, start to READY=1", "floor: the same reads")
    for name, what in (("tiod", w.start_and_time), ("floor", lambda: floor("discover"))):
        opens, reads, configs = count_operations(w, what)
        say(f"  {name + ':':<6} {opens} opens, {reads} reads; config opened {configs} times "
            f"for {n} functions")
    w.stop()


main()
