# SPDX-License-Identifier: GPL-2.0-or-later
"""Links that fall on a real kernel: noticed, told, made anew; and a TSM that goes and comes."""

import re
import time

from guest import (CONFIG, IDE_ERRORS, NIC1, NVME1, Checks, Guest, inject_aer, knob,
                   snapshot, until, write)

guest = Guest()
checks = Checks(guest)
tap, attach, detach = checks.tap, checks.attach, checks.detach


def trouble(function, word):
    return until(lambda: word in guest.state(function)["linkTrouble"] and
                 guest.state(function))


def attached(function):
    return until(lambda: guest.state(function)["state"] == "attached" and
                 guest.state(function)["link"] == "secure")


def test_fall():
    attach(NVME1)
    knob("fail", NVME1)
    state = trouble(NVME1, "is not in the secure state")
    tap.ok(state and state["state"] == "degraded" and
           f"tioctl reconnect {NVME1}" in state["waitsFor"], "a link that falls is noticed", state)
    got, out, err = guest.tioctl("reconnect", NVME1)
    tap.ok(got == 0 and attached(NVME1), "reconnect makes it anew", got, out, err)
    got, out, err = guest.tioctl("reconnect", NVME1, "--refresh")
    tap.ok(got == 6 and "this kernel cannot refresh" in err,
           "an upstream kernel is not asked for new keys", got, out, err)
    detach(NVME1)


def test_silent():
    attach(NVME1)
    knob("link_down", NVME1)
    tap.ok(trouble(NVME1, "does not answer"), "a card that reads as all ones is told as that",
           guest.state(NVME1))
    knob("link_down", "none")
    tap.ok(attached(NVME1), "and well again when it answers", guest.state(NVME1))
    detach(NVME1)


def test_aer():
    attach(NIC1)
    inject_aer(NIC1, IDE_ERRORS["IDECheck"])
    state = trouble(NIC1, "counted 1 IDECheck")
    tap.ok(state and state["state"] == "degraded", "an error that AER counts is told",
           guest.state(NIC1))
    got, out, err = guest.tioctl("reconnect", NIC1)
    tap.ok(got == 0 and attached(NIC1), "and forgotten with a new link", got, out, err)
    detach(NIC1)


def test_tsm():
    before = snapshot()
    attach(NVME1)
    attach(NIC1, vm="vm2")
    knob("present", 0)
    for function in (NVME1, NIC1):
        tap.ok(trouble(function, "its TSM is gone"), f"{function}: a TSM that is gone is told",
               guest.state(function))
    knob("present", 1)
    for function in (NVME1, NIC1):
        tap.ok(attached(function), f"{function}: connected again when it is back",
               guest.state(function), guest.log_end())
    detach(NVME1)
    detach(NIC1)
    checks.same(before, "the host is as it was")


YEAR = 365 * 24 * 3600


def figures(name):
    """All values of a metric, whatever its labels."""
    text = guest.tioctl("metrics")[1]
    return [float(value) for value in re.findall(rf"(?m)^{name}(?:{{.*}})? (\S+)$", text)]


def test_clock():
    """The wall clock jumps while tiod waits and works: nothing is early, nothing negative."""
    real, steady = time.time(), time.monotonic()
    failures = figures("tiod_step_failures_total")
    try:
        attach(NVME1)
        time.clock_settime(time.CLOCK_REALTIME, real + 5 * YEAR)
        tap.ok(attached(NVME1), "the clock goes five years on: all is as it was",
               guest.state(NVME1))
        knob("fail", NVME1)
        tap.ok(trouble(NVME1, "is not in the secure state"), "a link that falls is noticed")
        time.clock_settime(time.CLOCK_REALTIME, real - 5 * YEAR)
        got, out, err = guest.tioctl("reconnect", NVME1)
        tap.ok(got == 0 and attached(NVME1), "ten years back: reconnect makes it anew", got, out,
               err)
        knob("fail", NVME1)
        tap.ok(trouble(NVME1, "is not in the secure state"), "a fall is noticed then, too")
        detach(NVME1)
    finally:
        time.clock_settime(time.CLOCK_REALTIME, real + time.monotonic() - steady)
    took = figures("tiod_step_duration_seconds_sum")
    tap.ok(took and all(0 <= seconds < YEAR / 2 for seconds in took),
           "no step took years, or less than nothing", took)
    tap.ok(figures("tiod_step_failures_total") == failures, "and none was given up", failures)


write(f"{CONFIG}/tiod.conf", "[Daemon]\nWatchInterval=1\n")
guest.start()
for test in (test_fall, test_silent, test_tsm, test_aer, test_clock):
    test()
guest.stop()
tap.end()
