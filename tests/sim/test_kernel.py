#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds the simulated kernel to what Linux 7.2 does: see HOSTS.md and kernel/.

    test_kernel.py TIO-SIM [WORD]

Runs each host of kernel/variants.py once, and in it all tests that ask for it; prints
TAP.  With WORD only tests with it in their sentence.  After every test the host must
look as it did before, byte for byte, unless the test says that it keeps a change.
"""
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from kernel import sim, variants  # noqa: E402
from kernel import (attributes, bus, driver, memory, sriov, stress, tools, tsm,  # noqa: E402,F401
                    vfio)

TIME_LIMIT = 120  # seconds for the tests of one host


def run_test(test, world):
    before = world.snapshot()
    world.events.drain()
    try:
        test.run(world)
        world.settle()
        after = world.snapshot()
        if not test.keeps and after != before:
            changed = set(after.splitlines()) ^ set(before.splitlines())
            raise sim.Failure("the host is not as before: " + "; ".join(sorted(changed)[:4])[:600])
    except sim.Skip as reason:
        return f"ok - {test.sentence} # SKIP {reason}"
    except Exception as error:  # a test's own fault is a failure too
        why = f"{type(error).__name__}: {error}".replace("\n", " ")
        return f"not ok - {test.sentence}\n# {why}"
    return f"ok - {test.sentence}"


def inside(variant, word):
    world = sim.World()
    for test in sim.tests:
        if test.variant == variant and word in test.sentence:
            print(run_test(test, world), flush=True)


def run_variant(tio_sim, name, word):
    """The lines of one host's tests; that it ran at all is its first test."""
    path = os.path.join(tempfile.mkdtemp(), name + ".json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(variants.make(name), file)
    env = dict(os.environ, TIO_SIM_SPEED="1" if name in ("timed", "stress") else "0")
    child = subprocess.Popen([tio_sim, "run", path, "--", sys.executable, __file__, "--inside",
                              name, word], env=env, stdout=subprocess.PIPE, text=True)
    try:
        text = child.communicate(timeout=TIME_LIMIT)[0]
    except subprocess.TimeoutExpired:
        child.kill()
        text = child.communicate()[0]
    os.unlink(path)
    os.rmdir(os.path.dirname(path))
    lines = text.splitlines()
    wanted = sum(test.variant == name and word in test.sentence for test in sim.tests)
    ran = sum(line.startswith(("ok", "not ok")) for line in lines)
    if child.returncode != 0 or ran != wanted:
        lines.append(f"not ok - the host {name} ran {ran} of {wanted} tests and ended with "
                     f"{child.returncode}")
    return lines


def main():
    tio_sim, word = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    lines = variants.check_refusals(tio_sim) if not word else []
    for name in variants.NAMES:
        if any(test.variant == name and word in test.sentence for test in sim.tests):
            lines += run_variant(tio_sim, name, word)
    count = failed = 0
    for line in lines:
        if line.startswith(("ok", "not ok")):
            count += 1
            failed += line.startswith("not")
            line = line.replace("ok - ", f"ok {count} - ", 1)
        print(line)
    print(f"1..{count}")
    return failed > 0


if __name__ == "__main__":
    if sys.argv[1] == "--inside":
        inside(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "")
    else:
        sys.exit(main())
