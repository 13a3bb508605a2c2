#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""contrib/demo does what README.md promises: test-demo.py SOURCE.

It runs whole, in a copy of the tree, as whoever tries tiod first runs it.
"""

import os
import re
import subprocess
import sys
import tempfile

ROOT = sys.argv[1]
sys.path.insert(0, os.path.join(ROOT, "tests", "slice"))

from tree import copy_tree  # noqa: E402
from world import Tap  # noqa: E402

# In this order: what was promised, and a line that only the real thing says.
STORY = [
    ("the host's functions are listed", r"^\$ tioctl list$", r"^0000:e1:00\.0\t"),
    ("udev has tagged the GPU", r"^\$ udevadm info ", r"^TIO_TEE_IO=1$"),
    ("the plan has its steps", r"^\$ tioctl plan ", r"^ *\d+\. connect 0000:e1:00\.0 to tsm0"),
    ("an attach ends with QEMU's arguments", r"^\$ tioctl attach 0000:e1:00\.0 ",
     r"-device vfio-pci,.*host=0000:e1:00\.0,"),
    ("status shows it", r"^\$ tioctl status$", r"^0000:e1:00\.0\tgpu-vm\tattached\tsecure\t"),
    ("both ends' registers say secure", r"^\$ tioctl ide ", r"^secure at both ends$"),
    ("a drive in use is refused", r"^\$ tioctl attach 0000:01:00\.0 ", r"is mounted on /data"),
    ("the GPU comes back", r"^\$ tioctl detach ", r" detached in "),
    ("the host is as it was", r"^\$ cmp ", r"^Byte for byte: [1-9]\d{2,} lines"),
    ("and it comes to its end", r"", r"^Done\. "),
]

tap = Tap()


def files_of(folder):
    return sorted(os.path.join(where, name) for where, _, names in os.walk(folder)
                  for name in names if not where.startswith(folder + "/build"))


class Demo:
    """A copy of the tree, and an apt-get that only says that it was wanted."""

    def __init__(self, folder):
        self.tree, self.wanted = folder + "/tree", folder + "/wanted"
        self.copied = copy_tree(ROOT, self.tree)
        os.mkdir(folder + "/bin")
        for name in ("apt-get", "sudo"):
            with open(f"{folder}/bin/{name}", "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\necho \"$@\" >>{self.wanted}\nexit 1\n")
            os.chmod(f"{folder}/bin/{name}", 0o755)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("TIO", "DESTDIR"))}
        self.env["PATH"] = f"{folder}/bin:{self.env['PATH']}"

    def run(self, *arguments, **keys):
        done = subprocess.run(["contrib/demo", *arguments], cwd=self.tree, env=self.env,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              encoding="utf-8", errors="replace", **keys)
        return done.returncode, done.stdout

    def edit(self, name, old, new):
        with open(f"{self.tree}/{name}", "r+", encoding="utf-8") as file:
            text = file.read()
            file.seek(0)
            file.write(text.replace(old, new))
            file.truncate()
        return old in text


def told(text):
    """Each chapter of the story in its place."""
    at = 0
    for sentence, begin, line in STORY:
        found = re.compile(begin, re.M).search(text, at)
        found = found and re.compile(line, re.M).search(text, found.end())
        tap.ok(found, sentence, text[at:][:3000])
        at = found.end() if found else at


def test_story(demo):
    before = files_of(demo.tree)
    code, text = demo.run(stdin=subprocess.DEVNULL)
    tap.ok(code == 0 and "!!" not in text, "the demo ends well", code, text[-4000:])
    told(text)
    new = sorted(set(files_of(demo.tree)) - set(before))
    tap.ok(not new, "it leaves nothing but build/", *new)


def test_shell(demo):
    code, text = demo.run("--shell", input="tioctl list | wc -l\ntioctl version\nexit\n")
    tap.ok(code == 0 and "You are on the simulated host" in text and "\ntioctl " in text,
           "--shell gives a shell on that host", code, text[-3000:])
    code, text = demo.run("--no-such")
    tap.ok(code == 2 and "usage:" in text, "another word is none", code, text)


def test_failure(demo):
    """It would say so if something went wrong."""
    if tap.ok(demo.edit("contrib/demo-story", "run 5 tioctl attach", "run 0 tioctl attach"),
              "the refusal is part of the story"):
        code, text = demo.run(stdin=subprocess.DEVNULL)
        tap.ok(code == 1 and "!! exit status 5 instead of 0" in text and
               "did not go as it should" in text, "what goes wrong is told, and fails", text)


def main():
    with tempfile.TemporaryDirectory(prefix="tiod-demo-") as folder:
        demo = Demo(folder)
        if not demo.copied:
            tap.skip("contrib/demo runs", "this is no clone by git")
            tap.end()
        setup = subprocess.run([demo.tree + "/contrib/setup", "demo"], env=demo.env,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, check=False)
        if setup.returncode != 0 or os.path.exists(demo.wanted):
            tap.skip("contrib/demo runs", "packages are missing: contrib/setup demo")
            tap.end()
        for test in (test_story, test_shell, test_failure):
            test(demo)
    tap.end()


main()
