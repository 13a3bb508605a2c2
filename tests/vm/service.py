# SPDX-License-Identifier: GPL-2.0-or-later
"""tiod as systemd runs it, for test_boot.py and under_unit.py."""

import os
import re
import subprocess

from guest import Guest, read

SOCKET = "/run/tiod/io.tiod"
# Of include/uapi/linux/capability.h.
RIGHTS = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "SETUID": 7, "SYS_MODULE": 16,
          "SYS_ADMIN": 21}


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def show(unit, name):
    return run("systemctl", "show", "--value", "-p", name, unit).strip()


def restart():
    """However often: the unit's limit of starts is for those that fail."""
    run("systemctl", "reset-failed", "tiod.service")
    run("systemctl", "restart", "tiod.service")


def pid():
    return int(show("tiod.service", "MainPID"))


def seconds(unit, name="ActiveEnterTimestampMonotonic"):
    return int(show(unit, name) or 0) / 1e6


class Service(Guest):
    """The tiod that systemd has started."""

    def __init__(self):  # pylint: disable=super-init-not-called
        self.sim = self.daemon = None
        self.env = dict(os.environ, TIOD_SOCKET=SOCKET)
        if not os.path.lexists("/run/tiod-test.sock"):
            os.symlink(SOCKET, "/run/tiod-test.sock")

    def log_text(self):
        return run("journalctl", "--no-pager", "-o", "cat", "-u", "tiod.service")


def status_of(number, key):
    found = re.search(rf"^{key}:\s*(\S+)", read(f"/proc/{number}/status"), re.M)
    return found.group(1) if found else ""


def has_right(number, name):
    return bool(int(status_of(number, "CapEff"), 16) & 1 << RIGHTS[name])
