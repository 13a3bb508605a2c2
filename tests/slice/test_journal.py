# SPDX-License-Identifier: GPL-2.0-or-later
"""What the journal is told: fields, who did what, and one line whatever somebody is called."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

from world import SOCKET, Tap, World

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
CATALOG = f"{SOURCE}/contrib/systemd/tiod.catalog"
DRIVE = "0000:61:00.0"
JOURNAL = "/run/systemd/journal/socket"

# Calls itself what it is told to and calls tiod.
BADLY_NAMED = """
import ctypes, os, socket, sys
ctypes.CDLL(None).prctl(15, os.fsencode(sys.argv[2]), 0, 0, 0)
os.setgroups([]); os.setgid(65534); os.setuid(int(sys.argv[3]))
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b'{"method":"io.tiod.Reload"}\\0')
s.recv(65536)
"""

# What somebody calls himself; the field's value; what the line says, in quotes.
BAD_NAMES = (
    (b"x\nFAKE=1", "x?FAKE=1", r"x\x0aFAKE=1"),
    (b'a" of "ssh', 'a" of "ssh', r'a\" of \"ssh'),
    (b"caf\xc3", "caf?", r"caf\xc3"),
    (b"\xff\x1b[2J", "??[2J", r"\xff\x1b[2J"),
    (b"\xe2\x80\xaeevil", "???evil", r"\xe2\x80\xaeevil"),
    ("grün".encode(), "grün", "grün"),
)


class Journal:
    def __init__(self):
        os.makedirs(os.path.dirname(JOURNAL), exist_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(JOURNAL)
        self.socket.settimeout(5)

    def entries(self):
        """All that has come, as dictionaries."""
        found = []
        self.socket.setblocking(False)
        while True:
            try:
                data = self.socket.recv(65536).decode()  # no UTF-8: the journal takes no text
            except BlockingIOError:
                return found
            found.append(dict(line.split("=", 1) for line in data.split("\n") if line))

    def close(self):
        self.socket.close()
        os.unlink(JOURNAL)


def ids():
    with open(f"{SOURCE}/tiod/base/journal.c", encoding="utf-8") as file:
        return dict(re.findall(r"\[LOG_EVENT_(\w+)\] = \"([0-9a-f]{32})\"", file.read()))


def of(entries, event):
    return [e for e in entries if e.get("MESSAGE_ID") == ids()[event]]


def test_fields(tap, world, journal):
    journal.entries()
    world.must("attach", DRIVE, "--vm", "vm1")
    found = of(journal.entries(), "CHANGED")
    entry = found[0] if found else {}
    wanted = {"TIOD_DEVICE": DRIVE, "TIOD_VM": "vm1", "TIOD_REQUEST": "attach",
              "TIOD_PEER_UID": "0", "TIOD_PEER_COMM": "tioctl", "PRIORITY": "6",
              "SYSLOG_IDENTIFIER": "tiod"}
    tap.ok(len(found) == 1 and wanted.items() <= entry.items() and
           {"CODE_FILE", "CODE_LINE", "CODE_FUNC", "TIOD_PEER_PID"} <= set(entry),
           "a change is one entry, with what, which device and who", found)
    tap.ok(re.match(rf'{DRIVE}: attached to vm1 in .* \(uid 0, pid \d+, "tioctl"',
                    entry.get("MESSAGE", "")), "and its message says the same", entry)


def test_failure(tap, world, journal):
    world.sim.fault(act="errno", path="*vfio-pci/unbind", errno="EBUSY", nth=0)
    code, _, said = world.tioctl("detach", DRIVE)
    world.sim("clear")
    found = of(journal.entries(), "FAILED")
    entry = found[0] if found else {}
    tap.ok(len(found) == 1 and entry.get("TIOD_STEP") == "rebind" and
           entry.get("ERRNO") == "16" and entry.get("PRIORITY") == "4" and
           entry.get("TIOD_DEVICE") == DRIVE, "a failure is one entry, with step and errno",
           found, code, said)
    world.must("detach", DRIVE)


def test_audit(tap, world, journal):
    journal.entries()
    world.must("reload")
    found = of(journal.entries(), "CHANGED")
    tap.ok(len(found) == 1 and "configuration is read again (uid 0" in found[0]["MESSAGE"],
           "a reload is told with who asked for it", found)
    if os.getuid() != 0:
        tap.skip("who may not is told", "no other user can be taken on here")
        return
    for i, (name, field, told) in enumerate(BAD_NAMES):
        uid = str(3000 + i)  # of one user the log is told one refusal a second
        subprocess.run([sys.executable, "-c", BADLY_NAMED, SOCKET, os.fsdecode(name), uid],
                       check=True)
        found = journal.entries()
        entry = found[0] if found else {}
        tap.ok(len(of(found, "DENIED")) == 1 and entry["TIOD_PEER_UID"] == uid and
               entry["ERRNO"] == "1" and "FAKE" not in entry, f"{name!r} is told", found)
        tap.ok(entry.get("TIOD_PEER_COMM") == field, "its name as it is, without what harms",
               entry)
        tap.ok(f', "{told}"' in entry.get("MESSAGE", ""), f"and in quotes: {told}", entry)


def test_deaf(tap, world, journal):
    """Nobody reads: the queue fills, and tiod goes on at once with lines on standard error."""
    for _ in range(600):
        world.call("Reload")
    tap.ok("configuration is read again" in world.log_text(),
           "what the journal does not take is written as lines")
    tap.ok("ready" in world.call("GetHost")["parameters"], "and nobody waits for it")
    journal.entries()


def test_absent(tap, world, journal):
    journal.close()
    before = len(world.log_text())
    world.must("reload")
    tap.ok(re.search(r"^<6>the configuration is read again", world.log_text()[before - 5:], re.M)
           or "<6>the configuration" in world.log_text(),
           "without a journal there are lines with their level")


def test_other_stream(tap, world):
    """$JOURNAL_STREAM of somebody else's standard error means nothing."""
    world.stop()
    os.environ["JOURNAL_STREAM"] = "1:1"
    world.log.truncate(0)
    world.log.seek(0)
    world.start()
    world.must("reload")
    text = world.log_text()
    tap.ok("the configuration is read again" in text and "<6>" not in text,
           "where standard error is not the journal there are plain lines", text)


def test_catalog(tap):
    with open(CATALOG, encoding="utf-8") as file:
        described = re.findall(r"^-- ([0-9a-f]{32})$", file.read(), re.M)
    tap.ok(sorted(described) == sorted(ids().values()) and len(described) == len(set(described)),
           "the catalog has an entry for each kind of message", described)
    if not shutil.which("journalctl"):
        tap.skip("journalctl takes the catalog", "no journalctl here")
        return
    with tempfile.TemporaryDirectory(prefix="tiod-catalog-") as root:
        folder = f"{root}/usr/lib/systemd/catalog"
        os.makedirs(folder)
        os.makedirs(f"{root}/var/lib/systemd/catalog")
        shutil.copy(CATALOG, folder)
        made = subprocess.run(["journalctl", f"--root={root}", "--update-catalog"],
                              capture_output=True, text=True, check=False)
        tap.ok(made.returncode == 0 and not made.stderr, "journalctl takes the catalog", made)
        listed = subprocess.run(["journalctl", f"--root={root}", "--list-catalog"],
                                capture_output=True, text=True, check=False).stdout
        tap.ok(all(one in listed for one in described), "and knows all of it", listed)


def main():
    tap, journal, world = Tap(), Journal(), World()
    st = os.fstat(world.log.fileno())
    os.environ["JOURNAL_STREAM"] = f"{st.st_dev}:{st.st_ino}"
    world.start()
    tap.ok(len(of(journal.entries(), "READY")) == 1 and not world.log_text(),
           "the journal hears that tiod is ready, and standard error nothing")
    test_fields(tap, world, journal)
    test_failure(tap, world, journal)
    test_audit(tap, world, journal)
    test_deaf(tap, world, journal)
    test_absent(tap, world, journal)
    test_other_stream(tap, world)
    test_catalog(tap)
    world.stop()
    tap.end()


main()
