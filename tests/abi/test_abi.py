# SPDX-License-Identifier: GPL-2.0-or-later
"""Do plugins that are built today fit the interface that was published?

test_abi.py [--update] GOLDEN HEADER PLUGIN.c…

GOLDEN describes the types of tio-plugin.h as abidw saw them.  Every change is reported, one at
the end of a structure too: who makes it knowingly writes GOLDEN anew with --update, and reads
the difference.  tests/unit/test-plugin-abi.c checks offsets where abidiff is not installed.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

# What must be noticed: a line of the header and what becomes of it.
BREAKS = [
    ("a field in the middle", "\tuint32_t bind_ms, unbind_ms;\n",
     "\tuint32_t new_ms;\n\tuint32_t bind_ms, unbind_ms;\n"),
    ("another type", "\tuint32_t verdict;", "\tuint64_t verdict;"),
    ("a field less", "\tuint64_t largest_bar;\n", ""),
    ("shorter text", "#define TIO_TEXT_MAX 256", "#define TIO_TEXT_MAX 128"),
    ("another parameter", "\tbool (*is_companion)(const struct tio_function *lead,",
     "\tbool (*is_companion)(int how, const struct tio_function *lead,"),
    ("a field at the end", "\tsize_t n_checks;\n", "\tsize_t n_checks;\n\tvoid *more;\n"),
]
SOURCE = """#include "tio-plugin.h"
static const struct tio_match any[] = { { 0 } };
TIO_EXPORT const struct tio_plugin tio_plugin = {
	TIO_PLUGIN_HEAD, .name = "any", .match = any, .n_match = 1,
};
"""


def describe(plugin):
    """What abidw says, without where it was built."""
    text = subprocess.run(["abidw", "--no-corpus-path", "--no-comp-dir-path", "--no-show-locs",
                           plugin], check=True, capture_output=True, text=True).stdout
    return re.sub(r" path='[^']*'", "", text)


def differences(golden, plugin):
    run = subprocess.run(["abidiff", "--no-added-syms", golden, plugin], capture_output=True,
                         text=True, check=False)
    return run.returncode, run.stdout + run.stderr


def build(folder, header, source=SOURCE):
    """A plugin by @header, without the sanitizers of a developer's build: they add to it."""
    with open(f"{folder}/tio-plugin.h", "w", encoding="utf-8") as file:
        file.write(header)
    with open(f"{folder}/any.c", "w", encoding="utf-8") as file:
        file.write(source)
    subprocess.run([os.environ.get("CC", "cc"), "-g", "-shared", "-fPIC",
                    "-fvisibility=hidden", "-o", f"{folder}/any.so", f"{folder}/any.c"],
                   check=True)
    return f"{folder}/any.so"


class Tap:
    def __init__(self):
        self.number = self.failed = 0

    def ok(self, good, sentence, details=""):
        self.number += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.number} - {sentence}")
        for line in details.splitlines() if not good else []:
            print(f"# {line}")


def compare(golden, folder, header, plugins):
    tap = Tap()
    for plugin in plugins:
        with open(plugin, encoding="utf-8") as file:
            status, text = differences(golden, build(folder, header, file.read()))
        tap.ok(status == 0, f"{os.path.basename(plugin)} has the published interface", text)
    for what, old, new in BREAKS:
        if old not in header:
            tap.ok(False, f"the header still has the line for: {what}", old)
            continue
        status, _ = differences(golden, build(folder, header.replace(old, new, 1)))
        tap.ok(status != 0, f"it is noticed: {what}", "abidiff found no difference")
    print(f"1..{tap.number}")
    return tap.failed > 0


def main(args):
    if not shutil.which("abidiff"):
        print("1..0 # SKIP abidiff is not installed (Debian's abigail-tools)")
        return 0
    update = args[0] == "--update"
    golden, header, *plugins = args[update:]
    with open(header, encoding="utf-8") as file:
        header = file.read()
    with tempfile.TemporaryDirectory(prefix="tiod-abi-") as folder:
        if not update:
            return compare(golden, folder, header, plugins)
        with open(golden, "w", encoding="utf-8") as file:
            file.write(describe(build(folder, header)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
