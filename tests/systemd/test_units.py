#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The units as systemd's own tools see them, the machine's and newer ones: test_units.py SOURCE
BUILD.

Nothing is started here: tests/vm/test_boot.py does that.  Prints TAP.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

SOURCE, BUILD = (os.path.abspath(folder) for folder in sys.argv[1:3])
sys.path.insert(0, os.path.join(SOURCE, "tests", "slice"))

from world import Tap  # noqa: E402

BINARIES = {"tiod": "tiod/tiod", "tiod-helper": "tiod/tiod-helper", "tioctl": "tioctl/tioctl",
            "tiod-exporter": "tioctl/tiod-exporter"}
PLAIN = ("tiod.socket", "tiod-helper.socket", "tiod-textfile.timer", "tiod-exporter.socket")

# Tenths of systemd's exposure level, 100 being no sandbox at all.  What tiod must be able to
# do is told, with what it costs, in tiod(8).
EXPOSURE = {"tiod.service": 20, "tiod-helper@.service": 19,
            "tiod-wait.service": 6, "tiod-wait@.service": 6,
            "tiod-textfile.service": 9, "tiod-exporter.service": 7}
# A newer systemd may weigh the same unit otherwise; what it counts is told.
SLACK = 3
GENERATED = [name for name in EXPOSURE if os.path.exists(f"{BUILD}/contrib/systemd/{name}")]

tap = Tap()


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, env=dict(os.environ, LC_ALL="C", SYSTEMD_PAGER=""))
    return done.returncode, done.stdout + done.stderr


def built(name):
    with open(f"{BUILD}/contrib/systemd/{name}", encoding="utf-8") as file:
        return file.read()


def collect(folder):
    """The units with this build's programs: verify wants them to exist."""
    for name in GENERATED:
        text = built(name)
        for program, path in BINARIES.items():
            text = re.sub(rf"^(ExecStart=)\S*/{program}\b", rf"\g<1>{BUILD}/{path}", text,
                          flags=re.M)
        with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
    for name in PLAIN:
        shutil.copy(f"{SOURCE}/contrib/systemd/{name}", folder)


def test_exposure(folder, analyze, slack):
    for name in GENERATED:
        limit = EXPOSURE[name] + slack
        code, said = run(analyze, "security", "--offline=true",
                         f"--threshold={limit}", "--no-pager", f"{folder}/{name}")
        level = re.search(r"Overall exposure level.*?: ([0-9.]+)", said)
        tap.ok(code == 0 and level, f"{name} is exposed {limit / 10} at most", said)
        tap.note(f"{name}: {level.group(1) if level else '?'}")
    with open(f"{folder}/open.service", "w", encoding="utf-8") as file:
        file.write(f"[Service]\nExecStart={BUILD}/{BINARIES['tiod']}\n")
    code, said = run(analyze, "security", "--offline=true", "--threshold=29",
                     "--no-pager", f"{folder}/open.service")
    tap.ok(code != 0, "and one without a sandbox is told from them", said)


def test_verify(folder, analyze):
    names = [f"{folder}/{name}" for name in (*GENERATED, *PLAIN)
             if "@" not in name] + [f"{folder}/tiod-wait@vm1.service"]
    shutil.copy(f"{folder}/tiod-wait@.service", names[-1])
    names += [f"{folder}/tiod-helper@1.service"]
    shutil.copy(f"{folder}/tiod-helper@.service", names[-1])
    code, said = run(analyze, "verify", "--man=no", *names)
    ours = [line for line in said.splitlines() if "tiod" in line]
    tap.ok(code == 0 and not ours, "systemd-analyze verify has nothing to say", said)
    with open(f"{folder}/wrong.service", "w", encoding="utf-8") as file:
        file.write(f"[Service]\nExecStrat=/x\nExecStart={BUILD}/{BINARIES['tiod']}\n")
    _, said = run(analyze, "verify", "--man=no", f"{folder}/wrong.service")
    tap.ok("ExecStrat" in said, "but finds a key that is none", said)


def test_sysusers(folder):
    code, said = run("systemd-sysusers", "--dry-run", f"--root={folder}",
                     f"{SOURCE}/contrib/systemd/sysusers.conf")
    tap.ok(code == 0, "systemd-sysusers takes the groups", said)
    missing = [group for group in ("tiod", "tiod-admin")
               if f"Creating group '{group}' with" not in said]
    tap.ok(not missing, "and would create both", missing, said)
    with open(f"{SOURCE}/tiod/config.h", encoding="utf-8") as file:
        asked = re.findall(r'#define CONFIG_GROUP_\w+ +"([^"]+)"', file.read())
    tap.ok(sorted(asked) == ["tiod", "tiod-admin"], "those that tiod asks for", asked)


def test_tmpfiles(folder):
    """As at boot, in a root of its own."""
    config = f"{SOURCE}/contrib/systemd/tmpfiles.conf"
    root = f"{folder}/root"
    os.makedirs(f"{root}/etc")
    with open(f"{root}/etc/passwd", "w", encoding="utf-8") as file:
        file.write("tiod:x:4711:4712::/:/usr/sbin/nologin\n")
    with open(f"{root}/etc/group", "w", encoding="utf-8") as file:
        file.write("tiod:x:4712:\n")
    code, said = run("systemd-tmpfiles", "--create", f"--root={root}", config)
    found = os.stat(f"{root}/run/tiod") if os.path.exists(f"{root}/run/tiod") else None
    tap.ok(code == 0 and found and found.st_mode & 0o777 == 0o755,
           "systemd-tmpfiles makes the runtime folder", code, said, found)
    if os.getuid() == 0:
        tap.ok(found and (found.st_uid, found.st_gid) == (4711, 4712), "which is tiod's", found)


def lines_of(text, key):
    return [value for line in re.findall(rf"^{key}=(.*)$", text, re.M)
            for value in line.split()]


def test_contents():
    left = [name for name in GENERATED if re.search(r"@[A-Z]+@", built(name))]
    tap.ok(not left, "every word is filled in", left)
    unit = built("tiod.service")
    # The journal of attached cards is in the runtime folder, and the socket of tiod.socket.
    tap.ok(lines_of(unit, "RuntimeDirectoryPreserve") == ["yes"],
           "what was before is kept when tiod is stopped")
    tap.ok(lines_of(unit, "KillMode") == ["mixed"],
           "a stop lets workers finish the step that they are at")
    tap.ok("PrivateNetwork" not in unit and "PrivateUsers" not in unit,
           "the kernel's events are heard in the host's network namespace only")
    before = set(lines_of(unit, "Before")) & set(lines_of(built("tiod-wait.service"), "Before"))
    tap.ok(before >= {"libvirtd.service", "virtqemud.service", "libvirt-guests.service"},
           "guests of libvirt start afterwards", before)
    with open(f"{SOURCE}/contrib/systemd/tiod.preset", encoding="utf-8") as file:
        enabled = re.findall(r"^enable (\S+)$", file.read(), re.M)
    without = [name for name in enabled if not os.path.exists(
        f"{BUILD}/contrib/systemd/{name}") and not os.path.exists(
        f"{SOURCE}/contrib/systemd/{name}")]
    tap.ok(enabled and not without, "the preset names units that there are", without)


def main():
    for tool in ("systemd-analyze", "systemd-sysusers", "systemd-tmpfiles"):
        if not shutil.which(tool):
            tap.skip("the units are clean", f"no {tool} here")
            tap.end()
    with tempfile.TemporaryDirectory(prefix="tiod-units-") as folder:
        collect(folder)
        test_contents()
        for analyze in filter(None, ("systemd-analyze", os.environ.get("SYSTEMD_ANALYZE"))):
            tap.note(run(analyze, "--version")[1].splitlines()[0])
            test_exposure(folder, analyze, 0 if analyze == "systemd-analyze" else SLACK)
            test_verify(folder, analyze)
        test_sysusers(folder)
        test_tmpfiles(folder)
    tap.end()


main()
