# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults that are laid out for operations."""

import ctypes
import os
import signal
import time

from inside import (BDF, DEV, OVERRIDE, STORE, check, child, ctl, end_of, equal, error_of, fault,
                    hanging, read, state_of, the_fault, until, write)


@check("the nth write fails with the errno of the rule, once")
def _():
    number = fault(path="*/driver_override", act="errno", errno="EBUSY", nth=2)
    equal([error_of(write, OVERRIDE, b"a\n") for _ in range(3)], ["", "EBUSY", ""])
    rule = the_fault(number)
    equal((rule["seen"], rule["applied"]), (3, 1))
    write(OVERRIDE, b"\n")


@check("a rule with nth=0 applies every time, with count as often as that")
def _():
    fault(path="driver_override", act="errno", errno="EIO", nth=0)
    equal([error_of(write, OVERRIDE, b"a\n") for _ in range(3)], ["EIO"] * 3)
    ctl("clear")
    fault(path="driver_override", act="errno", errno="EIO", nth=2, count=2)
    equal([error_of(write, OVERRIDE, b"\n") for _ in range(4)], ["", "EIO", "EIO", ""])


@check("a fault before has no effect, a fault after has had it")
def _():
    fault(path="driver_override", act="errno", errno="EIO")
    equal(error_of(write, OVERRIDE, b"before\n"), "EIO")
    equal(read(OVERRIDE), b"(null)\n")
    fault(path="driver_override", act="errno", errno="EIO", when="after")
    equal(error_of(write, OVERRIDE, b"after\n"), "EIO")
    equal(read(OVERRIDE), b"after\n")
    write(OVERRIDE, b"\n")


@check("noeffect answers success and does nothing")
def _():
    fault(path="driver_override", act="noeffect")
    equal(write(OVERRIDE, b"lost\n"), 5)
    equal(read(OVERRIDE), b"(null)\n")


@check("reads and opens can fail too")
def _():
    fault(path="sys/*/driver_override", op="read", act="errno", errno="ENXIO")
    equal(error_of(read, OVERRIDE), "ENXIO")
    fault(path="sys/*/driver_override", op="open", act="errno", errno="EMFILE")
    equal(error_of(read, OVERRIDE), "EMFILE")
    equal(read(OVERRIDE), b"(null)\n")


@check("a delay takes its time")
def _():
    fault(path="driver_override", act="delay", ms=150)
    start = time.monotonic()
    write(OVERRIDE, b"\n")
    assert 0.14 < time.monotonic() - start < 2


@check("rename, fsync, unlink, create, mkdir and truncate in the store can fail")
def _():
    path = f"{STORE}/f"
    fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    cases = [("rename", os.rename, path, f"{STORE}/g"), ("fsync", os.fsync, fd),
             ("unlink", os.unlink, path), ("truncate", os.ftruncate, fd, 3),
             ("write", os.write, fd, b"x"), ("mkdir", os.mkdir, f"{STORE}/d"),
             ("create", os.open, f"{STORE}/g", os.O_CREAT | os.O_WRONLY)]
    for op, function, *args in cases:
        fault(path="store/*", op=op, act="errno", errno="ENOSPC")
        equal((op, error_of(function, *args)), (op, "ENOSPC"))
        fault(path="store/*", op="change", act="errno", errno="EROFS")
        equal((op, error_of(function, *args)), (op, "EROFS"))
    equal((os.listdir(STORE), os.stat(path).st_size), (["f"], 0))
    os.unlink(path)
    os.close(fd)


@check("a counting rule counts and nothing else")
def _():
    number = fault(path="sys/*", op="change", act="count")
    for _ in range(3):
        write(OVERRIDE, b"\n")
    read(OVERRIDE)
    equal(the_fault(number)["seen"], 3)


@check("a process that hangs killably dies when killed, and has changed nothing")
def _():
    number = fault(path="driver_override", act="hang")
    pid = child(write, OVERRIDE, b"hung\n")
    hanging(number)
    os.kill(pid, signal.SIGKILL)
    equal(end_of(pid), -signal.SIGKILL)
    equal(read(OVERRIDE), b"(null)\n")


@check("a killable hang ignores signals that do not kill")
def _():
    number = fault(path="driver_override", act="hang")
    pid = child(lambda: (signal.signal(signal.SIGUSR1, lambda *_: None),
                         write(OVERRIDE, b"hung\n")))
    hanging(number)
    os.kill(pid, signal.SIGUSR1)
    equal(end_of(pid, 0.2), None)
    ctl("release", str(number))
    equal(end_of(pid), 0)
    equal(read(OVERRIDE), b"hung\n")
    write(OVERRIDE, b"\n")


@check("an interruptible hang ends with EINTR on any signal")
def _():
    number = fault(path="driver_override", act="hang", mode="interruptible")
    pid = child(lambda: (signal.signal(signal.SIGUSR1, lambda *_: os._exit(77)),
                         write(OVERRIDE, b"hung\n")))
    hanging(number)
    os.kill(pid, signal.SIGUSR1)
    equal(end_of(pid), 77)
    equal(read(OVERRIDE), b"(null)\n")


@check("an uninterruptible hang keeps a killed process in D state until it is released")
def _():
    number = fault(path="driver_override", act="hang", mode="uninterruptible")
    pid = child(write, OVERRIDE, b"late\n")
    hanging(number)
    os.kill(pid, signal.SIGKILL)
    assert until(lambda: state_of(pid) == "D"), state_of(pid)
    equal(end_of(pid, 0.2), None)
    equal(ctl("release", "all")["released"], 1)
    equal(end_of(pid), -signal.SIGKILL)
    equal(read(OVERRIDE), b"late\n")
    write(OVERRIDE, b"\n")


@check("while a hundred writes hang, everything else answers")
def _():
    number = fault(path="*/sriov_numvfs", act="hang", nth=0)
    pids = [child(write, f"{DEV}/sriov_numvfs", b"0") for _ in range(100)]
    hanging(number, 100)
    start = time.monotonic()
    equal(read(f"{DEV}/vendor"), b"0x1af4\n")
    ctl("snapshot")
    write(OVERRIDE, b"\n")
    assert time.monotonic() - start < 2
    ctl("clear")
    equal([end_of(pid) for pid in pids], [0] * 100)


@check("a writer of the same attribute gets past one that hangs")
def _():
    number = fault(path="driver_override", act="hang", mode="uninterruptible")
    pid = child(write, OVERRIDE, b"slow\n")
    hanging(number)
    other = child(write, OVERRIDE, b"quick\n")
    equal(end_of(other, 2), 0)
    equal(read(OVERRIDE), b"quick\n")
    ctl("release", "all")
    equal(end_of(pid), 0)
    write(OVERRIDE, b"\n")


@check("kill before and after the effect of a write")
def _():
    for when, wanted in (("before", b"(null)\n"), ("after", b"dead\n")):
        fault(path="driver_override", act="kill", when=when)
        equal(end_of(child(write, OVERRIDE, b"dead\n")), -signal.SIGKILL)
        equal(read(OVERRIDE), wanted)
    write(OVERRIDE, b"\n")


def parent_of_writer(report):
    pid = child(write, OVERRIDE, b"x\n")
    os.write(report, str(end_of(pid)).encode())


@check("kill-parent kills the parent, kill-both the writer too")
def _():
    for act, wanted in (("kill-parent", b"x\n"), ("kill-both", b"(null)\n")):
        fault(path="driver_override", act=act)
        ours, theirs = os.pipe()
        pid = child(parent_of_writer, theirs)
        os.close(theirs)
        equal(end_of(pid), -signal.SIGKILL)
        equal(os.read(ours, 9), b"")
        os.close(ours)
        equal(read(OVERRIDE), wanted)
        write(OVERRIDE, b"\n")


@check("a writer that dies with its parent has changed nothing")
def _():
    def writer():
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        write(OVERRIDE, b"x\n")

    fault(path="driver_override", act="kill-parent")
    pid = child(lambda: end_of(child(writer)))
    equal(end_of(pid), -signal.SIGKILL)
    ctl("ping")
    equal(read(OVERRIDE), b"(null)\n")


@check("signal-stop stops the caller once it is answered")
def _():
    fault(path="driver_override", act="signal-stop")
    pid = child(write, OVERRIDE, b"\n")
    assert until(lambda: state_of(pid) == "T")
    os.kill(pid, signal.SIGCONT)
    equal(end_of(pid), 0)


@check("vanish removes the device under the write, which answers ENODEV")
def _():
    fault(path="sys/*/sriov_numvfs", act="vanish")
    fd = os.open(OVERRIDE, os.O_RDONLY)
    equal(error_of(write, f"{DEV}/sriov_numvfs", b"0"), "ENODEV")
    equal(os.path.lexists(DEV), False)
    equal(error_of(os.pread, fd, 9, 0), "ENODEV")
    os.close(fd)
    ctl("plug", f"name={BDF}")
    assert os.path.exists(DEV), "it could not be plugged again"


@check("tsm-gone takes the TSM away at the write")
def _():
    equal(os.listdir("/sys/class/tsm"), ["tsm0"])
    fault(path="driver_override", act="tsm-gone")
    write(OVERRIDE, b"\n")
    equal(os.listdir("/sys/class/tsm"), [])
    ctl("tsm-add")


@check("a rule that makes no sense is refused with a sentence")
def _():
    for keys, word in (({"act": "errno"}, "path"), ({"path": "x", "act": "dance"}, "dance"),
                       ({"path": "x", "act": "errno", "errno": "EFOO"}, "EFOO"),
                       ({"path": "x", "act": "hang", "op": "fly"}, "fly"),
                       ({"path": "x", "act": "hang", "mode": "soft"}, "soft"),
                       ({"path": "x", "act": "hang", "nth": "two"}, "number"),
                       ({"path": "x", "act": "hang", "typo": 1}, "typo")):
        said = ctl("fault", *[f"{k}={v}" for k, v in keys.items()], ok=False)
        assert word in said, said
    assert "nonsense" in ctl("nonsense", ok=False)
