# SPDX-License-Identifier: GPL-2.0-or-later
"""A tiod that may neither load modules nor give nodes away, as the unit has it: its helper does."""

import os
import pwd
import re
import socket
import subprocess
import threading

from checks import run_all, until, vm_file
from world import Tap, World

DRIVE = "0000:61:00.0"
CARD = "0000:01:00.0"  # of the host without modules
USER = pwd.getpwnam("daemon").pw_uid
PATH = "/run/tiod-helper.sock"
HELPER = os.environ.get("TIOD_HELPER", "/usr/libexec/tiod-helper")
# As contrib/systemd/tiod.service has it of these.
WITHOUT = "-sys_module,-chown,-fowner"


class Helper:
    """What tiod-helper.socket is: starts the program for each that connects."""

    def __init__(self, command=(HELPER,), mute=0, late=0):
        self.command = command
        self.late, self.kept = late, []  # so many requests wait until somebody serves them
        self.mute = mute  # so many answers don't arrive
        self.seen = 0
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.bind(PATH)
        self.socket.listen(64)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            self.seen += 1
            with peer:
                self.answer(peer)

    def answer(self, peer):
        if self.seen <= self.late:
            self.kept.append(peer.dup())
        elif self.seen <= self.mute:
            self.relay(peer)
        else:
            subprocess.run(self.command, stdin=peer, check=False)

    def relay(self, peer):
        """A helper that cannot tell whether anybody still waits; what it answered."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            ours.send(peer.recv(4096))
            subprocess.run(self.command, stdin=theirs, check=False)
            return ours.recv(4096).decode()

    def end(self):
        os.unlink(PATH)
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.socket.close()


def owner(world):
    return os.stat(f"/dev/vfio/devices/{world.state(DRIVE)['cdev']}").st_uid


def test_sandbox(checks):
    """It truly cannot"""
    with open(f"/proc/{checks.world.daemon.pid}/status", encoding="ascii") as file:
        found = re.search(r"^CapEff:\s*(\w+)", file.read(), re.M)
    rights = int(found.group(1), 16)
    checks.tap.ok(not rights & (1 << 16 | 1 << 0 | 1 << 3), "tiod has none of the rights",
                  hex(rights))


def test_no_helper(checks):
    """Without its helper it says what is missing, and takes back what it did."""
    checks.refused(f"attach {DRIVE} --vm owned", 6,
                   ["grant", "CAP_CHOWN, CAP_FOWNER", PATH, "No such file or directory",
                    "systemctl restart tiod-helper.socket", "tioctl run"],
                   "nobody to give the node away")
    checks.world.must("attach", DRIVE, "--vm", "vm1")
    checks.world.must("detach", DRIVE)
    checks.tap.ok(True, "a VM without a user needs no helper")


def test_helper(checks):
    """With it, all goes as it goes with the rights."""
    before, helper = checks.host(), Helper()
    checks.world.must("attach", DRIVE, "--vm", "owned")
    checks.tap.ok(owner(checks.world) == USER and helper.seen == 1,
                  "the helper gives the node to the VM's user", owner(checks.world), helper.seen)
    checks.world.kill()
    checks.world.start()
    again = checks.world.must("attach", DRIVE, "--vm", "owned")
    checks.tap.ok("grant" not in again and helper.seen == 1,
                  "which it is not asked for twice", again, helper.seen)
    checks.world.must("detach", DRIVE)
    helper.end()
    checks.same(before, checks.host(), "afterwards the host is as it was")


def test_detach(checks):
    """A detach without it: the node goes with vfio-pci, whoever has it."""
    before, helper = checks.host(), Helper()
    checks.world.must("attach", DRIVE, "--vm", "owned")
    helper.end()
    taken = checks.sim.snapshot()
    checks.sim.fault(path="*vfio-pci/unbind", act="errno", errno="EIO", nth=1, count=9)
    checks.run(f"detach {DRIVE}", 1, ["everything is as it was before"],
               "one that fails needs no helper to go back")
    checks.sim("clear")
    checks.same(taken, checks.sim.snapshot(), "the VM keeps what it had")
    checks.run(f"detach {DRIVE}", 0, ["goes with vfio-pci", "CAP_CHOWN"],
               "one that does not fail needs none either")
    checks.same(before, checks.host(), "and the host is as it was")


def test_undo(checks):
    """A helper that does what it was asked for and is killed before it says so"""
    before, helper = checks.host(), Helper(mute=1)
    code, out, err = checks.world.tioctl("attach", DRIVE, "--vm", "owned")
    checks.tap.ok(code == 6 and "ended without an answer" in err, "is told", code, out, err)
    helper.end()
    checks.tap.ok(helper.seen == 2, "and asked once more, to take it back", helper.seen)
    checks.same(before, checks.host(), "and the host is as it was")


def late(checks, then):
    """A request that waits while tiod is killed, and the card goes to the VM @then."""
    before, helper = checks.host(), Helper(late=1)
    job = checks.world.background("attach", DRIVE, "--vm", "owned")
    until(lambda: helper.kept, 60)
    checks.world.kill()
    job.communicate()
    checks.world.start()
    checks.world.settled(DRIVE)
    checks.same(before, checks.host(), "killed while its helper lets it wait, it undoes all")
    checks.world.must("attach", DRIVE, "--vm", then)
    return helper


def test_late(checks):
    """What comes late must not give the node to the VM that the card was for before."""
    helper = late(checks, "vm1")
    with helper.kept[0] as kept:
        code = subprocess.run(HELPER, stdin=kept, check=False).returncode
    checks.tap.ok(code == 1 and owner(checks.world) == 0,
                  "nothing is done for who has hung up", code, owner(checks.world))
    checks.world.must("detach", DRIVE)
    helper.end()

    vm_file("binary", "[VM]\nMemory=1G\nUser=bin\n")
    checks.world.must("reload")
    helper = late(checks, "binary")
    with helper.kept[0] as kept:
        said = helper.relay(kept)
    checks.tap.ok("by now" in said and owner(checks.world) == pwd.getpwnam("bin").pw_uid,
                  "nor on a node that is not as it was then", said, owner(checks.world))
    checks.world.must("detach", DRIVE)
    helper.end()


def test_silent(checks):
    """A helper that dies, and one that talks nonsense"""
    for what, command in (("dies", ["/bin/false"]),
                          ("talks nonsense", ["/bin/sh", "-c", "echo yes >&0"])):
        helper = Helper(command)
        checks.refused(f"attach {DRIVE} --vm owned", 6,
                       ["grant", "ended without an answer", "tiod-helper@"],
                       f"a helper that {what}")
        helper.end()


def test_modules(checks):
    """Modules are loaded by the helper, or the refusal says what to type."""
    checks.refused(f"attach {CARD} --vm vm1", 6,
                   ["CAP_SYS_MODULE", PATH, "systemctl restart tiod-helper.socket",
                    "modules-load.d"], "nobody to load the module")
    helper = Helper()
    checks.world.must("attach", CARD, "--vm", "vm1")
    checks.tap.ok(helper.seen > 0 and os.path.isdir("/sys/bus/pci/drivers/vfio-pci"),
                  "the helper loads vfio-pci", helper.seen)
    checks.world.must("detach", CARD)
    helper.end()


LOADED = os.path.isdir("/sys/bus/pci/drivers/vfio-pci")
TESTS = [test_sandbox] + ([test_no_helper, test_helper, test_detach,
                           test_undo, test_late, test_silent] if LOADED else
                          [test_modules])

if os.getuid() == 0:
    World.launcher = ("setpriv", f"--bounding-set={WITHOUT}", f"--inh-caps={WITHOUT}")
    World.options = ("--helper", PATH)
    run_all({"plain": TESTS})
else:
    tap = Tap()
    tap.skip("tiod's helper has what tiod lacks", "there are no rights to be without here")
    tap.end()
