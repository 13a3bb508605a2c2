# SPDX-License-Identifier: GPL-2.0-or-later
"""The device node goes to the VM's user, and back; and the open files to whoever runs QEMU."""

import grp
import os
import pwd
import subprocess

from checks import run_all, vm_file
from world import Tap

DRIVE = "0000:61:00.0"
USER = pwd.getpwnam("daemon").pw_uid
GROUP = grp.getgrnam("games").gr_gid
FILES = {
    "shared": "[VM]\nMemory=1G\nGroup=games\n",
    "both": "[VM]\nMemory=1G\nUser=daemon\nGroup=games\n",
    "nobodys": "[VM]\nMemory=1G\n",
}


def node(world, function=DRIVE):
    """Path of the node, and "uid:gid mode"."""
    path = f"/dev/vfio/devices/{world.state(function)['cdev']}"
    st = os.stat(path)
    return path, f"{st.st_uid}:{st.st_gid} {st.st_mode & 0o7777:04o}"


def test_owners(checks):
    """Each kind of owner"""
    before = checks.host()
    for vm, expected in (("owned", f"{USER}:0 0600"), ("shared", f"0:{GROUP} 0660"),
                         ("both", f"{USER}:{GROUP} 0660"), ("nobodys", "0:0 0600")):
        out = checks.world.must("attach", DRIVE, "--vm", vm)
        found = node(checks.world)[1]
        checks.tap.ok(found == expected, f"{vm}: its node is {expected}", found, out)
        again = checks.world.must("attach", DRIVE, "--vm", vm)
        checks.tap.ok("grant" not in again, f"{vm}: attached again, nothing is granted", again)
        checks.world.must("detach", DRIVE)
        checks.same(before, checks.host(), f"{vm}: afterwards the host is as it was")


def test_told(checks):
    """What is told"""
    out = checks.world.must("plan", DRIVE, "--vm", "both")
    checks.tap.ok("the user daemon and the group games" in out, "plan names who gets it", out)
    checks.world.must("attach", DRIVE, "--vm", "owned")
    notes = checks.world.call("GetQemuArgs", vm="owned")["parameters"]["handoff"]["notes"]
    text = "\n".join(notes)
    checks.tap.ok("LimitMEMLOCK=1073741824" in text, "the memory to be locked is told", text)
    checks.tap.ok("tioctl run owned" in text, "and who may open /dev/iommu", text)
    checks.world.must("detach", DRIVE)


def test_replaced(checks):
    """A node that is not the function's is given to nobody"""
    checks.world.must("attach", DRIVE, "--vm", "nobodys")
    path, whose = node(checks.world)
    vm_file("nobodys", FILES["nobodys"] + "User=daemon\n")
    checks.world.must("reload")
    with open("/run/other", "w", encoding="ascii"):
        pass
    subprocess.run(["mount", "--bind", "/run/other", path], check=True)
    checks.refused(f"attach {DRIVE} --vm nobodys", 1,
                   ["grant", path, "is not the character device", f"ls -l {path}"],
                   "a node in the place of the function's is refused")
    st = os.stat("/run/other")
    checks.tap.ok(st.st_uid == 0, "and was not given away", st)
    subprocess.run(["umount", path], check=True)
    checks.tap.ok(node(checks.world)[1] == whose, "nor was the true one")
    checks.world.must("attach", DRIVE, "--vm", "nobodys")
    found = node(checks.world)[1]
    checks.tap.ok(found == f"{USER}:0 0600", "which it is when it is back", found)
    vm_file("nobodys", FILES["nobodys"])
    checks.world.must("reload")
    checks.world.must("detach", DRIVE)


def test_silent(checks):
    """Somebody sets the node otherwise meanwhile: detach still puts back what was found."""
    before = checks.host()
    checks.world.must("attach", DRIVE, "--vm", "owned")
    path = node(checks.world)[0]
    os.chown(path, 12, 34)
    checks.world.must("detach", DRIVE)
    checks.same(before, checks.host(), "a node that others gave away meanwhile goes back")


PLAIN = [test_owners, test_told, test_replaced, test_silent]

if os.getuid() == 0:
    run_all({"plain": PLAIN}, vms=FILES)
else:
    tap = Tap()
    tap.skip("device nodes are given away", "there is nobody else to give them to here")
    tap.end()
