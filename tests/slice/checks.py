# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the slice say about a command: its exit status, its words, the host.

Used by test_refusals.py, test_live.py and test_families.py, inside the simulated host.
"""

import json
import os
import re
import time

from world import CONFIG, Tap, World, diff

PCI = "/sys/bus/pci/devices/"
VARIANT = os.environ.get("SLICE_VARIANT", "plain")
EMPTY_ASSIGNMENTS = re.compile(r"^store/lib/assignments\.json .*\"assignments\": \[\],")


WAIT = 60  # seconds for what takes far less of them: a busy machine makes nothing false


def until(condition, wait=WAIT):
    """Waits for @condition and returns what it said last."""
    end = time.monotonic() + wait
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    return condition()


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def set_pci(function, attribute, text):
    write(f"{PCI}{function}/{attribute}", text)


def vm_file(name, text):
    path = f"{CONFIG}/vms.d/{name}.conf"
    write(path, text)
    return path


class Checks:
    """A world with a tiod in it, and what is claimed about both."""

    def __init__(self, **options):
        self.tap = Tap()
        self.world = World(**options)
        self.sim = self.world.sim

    def host(self):
        """The kernel's tree and tiod's files, without locks and a list of nothing."""
        lines = self.sim("snapshot", store=True)["text"].splitlines()
        return "\n".join(line for line in lines
                         if "lock file" not in line and not EMPTY_ASSIGNMENTS.match(line))

    def stays(self, before, sentence):
        return self.same(before, self.host(), sentence)

    def same(self, before, after, sentence):
        details = () if before == after else [line[:300] for line in
                                              diff(before, after).splitlines()]
        return self.tap.ok(before == after, sentence, *details)

    def run(self, args, code, words=(), sentence=None, out=()):
        """One tioctl: its status and what it says on stderr and stdout."""
        got, stdout, stderr = self.world.tioctl(*args.split())
        missing = [w for w in words if w not in stderr] + [w for w in out if w not in stdout]
        details = [f"status {got}, wanted {code}"] if got != code else []
        details += [f"does not say: {word}" for word in missing]
        self.tap.ok(not details, sentence or f"tioctl {args}: exit {code}",
                    *details, stdout, stderr)
        return stdout

    def refused(self, args, code, words, sentence):
        """@words: what, where, why and the fix; and nothing has changed."""
        before = self.host()
        self.run(args, code, words, sentence)
        self.stays(before, f"{sentence}: nothing has changed")

    def calls(self, error, method, words, sentence, **parameters):
        """A Varlink call that is answered by @error, whose parameters say @words."""
        before = self.host()
        reply = self.world.call(method, **parameters)
        text = json.dumps(reply.get("parameters", {}), ensure_ascii=False)
        good = reply.get("error") == error and all(word in text for word in words)
        self.tap.ok(good, sentence, reply)
        self.stays(before, f"{sentence}: nothing has changed")

    def state(self, function):
        """The state of @function, "" when tiod does not know it."""
        reply = self.world.call("GetFunction", function=function)
        return "" if "error" in reply else reply["parameters"]["function"]["state"]

    def reaches(self, function, state, sentence, wait=WAIT):
        until(lambda: self.state(function) == state, wait)
        got = self.state(function)
        return self.tap.ok(got == state, sentence, f"{function} is {got!r}")

    def sees(self, function, key, value):
        """tiod comes to know that @key of @function is @value."""
        until(lambda: self.world.state(function)[key] == value)
        got = self.world.state(function)[key]
        self.tap.ok(got == value, f"tiod sees that {key} of {function} is {value!r}", got)

    def end(self):
        self.world.stop()
        self.tap.end()

    def run_each(self, tests):
        for test in tests:
            try:
                test(self)
            except Exception as error:  # a test that breaks must not hide those after it
                self.tap.ok(False, f"{test.__name__} runs to its end", repr(error),
                            self.world.log_text())


def run_all(tests, **options):
    """Runs the functions of @tests for this variant on one world."""
    checks = Checks(**options)
    checks.world.start()
    checks.run_each(tests[VARIANT])
    checks.end()
