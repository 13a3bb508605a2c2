# SPDX-License-Identifier: GPL-2.0-or-later
"""The device node goes to the VM's user, and back; and the open files to whoever runs QEMU."""

import grp
import os
import pwd
import subprocess

from checks import run_all, until, vm_file
from world import Tap

DRIVE = "0000:61:00.0"
USER = pwd.getpwnam("daemon").pw_uid
BIN = pwd.getpwnam("bin").pw_uid
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


def quiet(checks):
    return until(lambda: not checks.world.call("ListJobs")["parameters"]["jobs"], 60)


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
    with open("/run/other", "w", encoding="ascii"):
        pass
    subprocess.run(["mount", "--bind", "/run/other", path], check=True)
    vm_file("nobodys", FILES["nobodys"] + "User=daemon\n")
    checks.world.must("reload")
    error = until(lambda: checks.world.state(DRIVE)["error"], 60)
    checks.tap.ok(error and error["step"] == "grant" and path in error["sentence"],
                  "a reload that finds it gives it to nobody, and says so", error)
    quiet(checks)
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
    quiet(checks)
    checks.world.must("detach", DRIVE)


def test_silent(checks):
    """Somebody sets the node otherwise meanwhile: detach still puts back what was found."""
    before = checks.host()
    checks.world.must("attach", DRIVE, "--vm", "owned")
    path = node(checks.world)[0]
    os.chown(path, 12, 34)
    checks.world.must("detach", DRIVE)
    checks.same(before, checks.host(), "a node that others gave away meanwhile goes back")


def becomes(checks, expected, sentence):
    until(lambda: node(checks.world)[1] == expected, 60)
    found = node(checks.world)[1]
    checks.tap.ok(found == expected, sentence, f"{found}, not {expected}",
                  checks.world.log_text())


def rewrite(checks, text):
    vm_file("both", "[VM]\nMemory=1G\n" + text)
    return checks.world.must("reload")


def test_another_user_without_link(checks):
    """A node changes hands; the link that fell under a guest is not made anew for that."""
    before = checks.host()
    checks.world.must("attach", DRIVE, "--vm", "both")
    held = os.open(node(checks.world)[0], os.O_RDONLY)
    checks.sim("tsm-remove")
    checks.sim("tsm-add")
    checks.tap.ok(until(lambda: "guest may be running" in checks.world.log_text(), 60),
                  "a link that fell under a guest is not made anew", checks.world.log_text())
    quiet(checks)
    rewrite(checks, "User=daemon\n")
    becomes(checks, f"{USER}:0 0600", "its node is another user's")
    checks.tap.ok(quiet(checks) and checks.world.state(DRIVE)["link"] != "secure",
                  "and its link is as it was", checks.world.state(DRIVE))
    os.close(held)
    checks.world.must("detach", DRIVE)
    vm_file("both", FILES["both"])
    checks.world.must("reload")
    checks.same(before, checks.host(), "and detach restores all")


def test_another_user(checks):
    """The file of a VM that has it names somebody else"""
    before = checks.host()
    checks.world.must("attach", DRIVE, "--vm", "both")
    given = checks.host()
    held = os.open(node(checks.world)[0], os.O_RDONLY)  # as by a guest
    for text, expected in (("User=bin\nGroup=games\n", f"{BIN}:{GROUP} 0660"),
                           ("User=bin\n", f"{BIN}:0 0600"),
                           ("Group=games\n", f"0:{GROUP} 0660"), ("", "0:0 0600"),
                           ("User=daemon\n", f"{USER}:0 0600")):
        rewrite(checks, text)
        becomes(checks, expected, f"reload with {text!r}: its node is {expected}")
        checks.tap.ok(quiet(checks) and not checks.world.state(DRIVE)["error"],
                      "and it is attached as before", checks.world.state(DRIVE))
    os.close(held)
    checks.world.stop()
    vm_file("both", FILES["both"])
    checks.world.start()
    becomes(checks, f"{USER}:{GROUP} 0660",
            "a file that changed while tiod was away counts, too")
    quiet(checks)
    checks.same(given, checks.host(), "the host is as after the attach")
    checks.world.must("detach", DRIVE)
    checks.same(before, checks.host(), "and detach puts back what was found first")


def test_nobody_knows(checks):
    """The file of a VM that has it names a user whom nobody knows, or goes"""
    checks.world.must("attach", DRIVE, "--vm", "owned")
    whose = node(checks.world)[1]
    path = vm_file("owned", "[VM]\nMemory=1G\nUser=nosuchuser\n")
    checks.run("reload", 0, ["nosuchuser", "describes owned no more", "the user daemon",
                             "tioctl detach --vm owned"], "what stays as it is is told")
    os.unlink(path)
    checks.run("reload", 0)
    checks.tap.ok(node(checks.world)[1] == whose, "and stays")
    vm_file("owned", "[VM]\nMemory=1G\nUser=bin\n")
    checks.world.must("reload")
    becomes(checks, f"{BIN}:0 0600", "until a file names somebody again")
    quiet(checks)
    checks.world.must("detach", DRIVE)
    vm_file("owned", "[VM]\nMemory=1G\nUser=daemon\n")
    checks.world.must("reload")


PLAIN = [test_owners, test_told, test_replaced, test_silent, test_another_user,
         test_another_user_without_link,
         test_nobody_knows]

if os.getuid() == 0:
    run_all({"plain": PLAIN}, vms=FILES)
else:
    tap = Tap()
    tap.skip("device nodes are given away", "there is nobody else to give them to here")
    tap.end()
