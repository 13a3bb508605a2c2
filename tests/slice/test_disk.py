# SPDX-License-Identifier: GPL-2.0-or-later
"""Full and read-only disks: tmpfs of a few pages where tiod keeps what it must not lose."""

import os
import subprocess

import world
from checks import run_all, until

DRIVE = "0000:61:00.0"
PAGE = os.sysconf("SC_PAGE_SIZE")
STATE, RUNTIME = "/run/small/lib", "/run/small/run"
PAGES = 12


def mount(*args):
    return subprocess.run(["mount", *args], capture_output=True, check=False).returncode == 0


def fill(folder, free):
    """Leaves @free pages of the file system, and whatever its files have."""
    name = folder + "/filler"
    with open(name, "wb", buffering=0) as file:
        try:
            while file.write(b"x" * PAGE):
                pass
        except OSError:
            pass
        size = max(0, os.fstat(file.fileno()).st_size // PAGE - free)
        file.truncate(size * PAGE)


def make_room(folder):
    os.unlink(folder + "/filler")


def attached(checks):
    return checks.state(DRIVE) == "attached"


def try_with(checks, folder, what, before, after, verb, *words):
    """Each number of free pages: the change is made, or nothing has changed; and it is said."""
    wrong, made, failed = [], 0, 0
    for free in range(PAGES):
        fill(folder, free)
        code, _, err = checks.world.tioctl(*verb.split())
        now = checks.sim.snapshot()
        make_room(folder)
        good = now == (after if code == 0 else before) and \
            (code == 0 or all(word in err for word in words))
        if not good:
            wrong.append(f"{free} pages free: {code} {err} {world.diff(before, now)}")
        made += code == 0
        failed += code != 0
        if code == 0:
            break
    checks.tap.ok(not wrong, f"{what}: told with what to do, and nothing has changed", *wrong)
    checks.tap.ok(made and failed, f"{what}: {failed} times, and then there was room", failed,
                  made)


def full(checks):
    for folder, what in ((STATE, "no room for assignments"), (RUNTIME, "no room for a journal")):
        words = ["disk is full", "make room", folder]
        before = checks.sim.snapshot()
        fill(folder, 0)
        checks.run(f"attach {DRIVE} --vm vm1", 1, words, f"attach: {what}")
        make_room(folder)
        checks.same(before, checks.sim.snapshot(), "and nothing has changed")
        checks.run(f"attach {DRIVE} --vm vm1", 0)
        after = checks.sim.snapshot()
        checks.run(f"detach {DRIVE}", 0)
        try_with(checks, folder, f"attach, {what}", before, after, f"attach {DRIVE} --vm vm1",
                 *words)
        try_with(checks, folder, f"detach, {what}", after, before, f"detach {DRIVE}", *words)


def full_at_start(checks):
    before = checks.sim.snapshot()
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    checks.world.kill()
    fill(STATE, 0)
    fill(RUNTIME, 0)
    checks.world.start(60)
    checks.tap.ok(attached(checks), "with full disks tiod starts, and knows what it gave")
    checks.run("list", 0, out=[DRIVE])
    make_room(STATE)
    make_room(RUNTIME)
    checks.run(f"detach {DRIVE}", 0)
    checks.same(before, checks.sim.snapshot(), "and gives it back")


def read_only(checks):
    before = checks.sim.snapshot()
    words = ["Read-only", "mount it writable", STATE]
    if not mount("-o", "remount,ro", STATE):
        checks.tap.skip("a read-only disk", "it cannot be mounted so here")
        return
    checks.run(f"attach {DRIVE} --vm vm1", 1, words, "attach: assignments are read-only")
    checks.same(before, checks.sim.snapshot(), "and nothing has changed")
    mount("-o", "remount,rw", STATE)
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    mount("-o", "remount,ro", STATE)
    after = checks.sim.snapshot()
    checks.run(f"detach {DRIVE}", 1, words, "detach, too")
    checks.same(after, checks.sim.snapshot(), "and nothing has changed")
    checks.world.kill()
    checks.world.start(60)
    checks.tap.ok(until(lambda: attached(checks)), "tiod starts on it, and knows what it gave")
    mount("-o", "remount,rw", STATE)
    checks.run(f"detach {DRIVE}", 0)
    checks.same(before, checks.sim.snapshot(), "writable again, all goes back")


def no_folder(checks):
    """The state folder is missing, and cannot be made."""
    checks.world.stop()
    mount("-o", "remount,ro", STATE)
    world.STATE = STATE + "/none"
    try:
        checks.world.start()
        said = "it started"
    except RuntimeError as error:
        said = str(error)
    checks.tap.ok(f"make the folder {STATE}/none: Read-only" in said and "--state-dir" in said,
                  "a state folder that cannot be made is told, with what to do", said)
    world.STATE = STATE
    mount("-o", "remount,rw", STATE)


def all_of_it(checks):
    checks.world.stop()
    for folder in (STATE, RUNTIME):
        os.makedirs(folder)
        if not mount("-t", "tmpfs", "-o", f"size={PAGES * PAGE}", "tmpfs", folder):
            checks.tap.skip("full disks", "no file system can be mounted here")
            return
    world.STATE, world.RUNTIME = STATE, RUNTIME
    checks.world.start()
    for test in (full, full_at_start, read_only, no_folder):
        test(checks)


run_all({"plain": [all_of_it]})
