# SPDX-License-Identifier: GPL-2.0-or-later
"""Cards in use on a simulated host: what the kernel's mounts and processes show for real.

Interfaces and what is built on disks need a real kernel: tests/vm/test_inuse.py.
"""

import contextlib
import glob
import os
import subprocess

from checks import PCI, run_all, until

GPU, DRIVE, BOOT = "0000:e1:00.0", "0000:61:00.0", "0000:01:00.0"


def disk(function):
    found = glob.glob(f"{PCI}{function}/nvme/nvme*/nvme*n1")
    return "/dev/" + os.path.basename(found[0])


def node(pattern):
    """A plain file stands for the device node: what counts is the path that was opened."""
    path = "/dev/" + pattern
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "a", encoding="ascii"):
        return path


@contextlib.contextmanager
def opened(path):
    with open(path, "rb") as file, subprocess.Popen(["sleep", "600"], stdin=file) as holder:
        try:
            yield holder.pid
        finally:
            holder.kill()


def far_mount(checks):
    source = disk(DRIVE)
    os.makedirs("/run/far", exist_ok=True)
    script = f"mount -t tmpfs {source} /run/far && touch /run/far-is-there && exec sleep 600"
    with subprocess.Popen(["unshare", "-m", "--propagation", "private", "sh", "-c",
                           script]) as holder:
        until(lambda: os.path.exists("/run/far-is-there"))
        checks.refused(f"attach {DRIVE} --vm vm1", 5,
                       [f"{source} is mounted on /run/far in the mount namespace of process "
                        f"{holder.pid} (sleep)", f"nsenter -t {holder.pid} -m umount /run/far",
                        "no --force takes it away"], "a mount in another namespace")
        checks.refused(f"attach {DRIVE} --vm vm1 --force=net,open", 5, ["is mounted on"],
                       "a mounted file system is never forced")
        holder.kill()


def open_nodes(checks):
    drm = os.path.basename(glob.glob(f"{PCI}{GPU}/drm/card*")[0])
    with opened(node(f"dri/{drm}")) as pid:
        checks.refused(f"attach {GPU} --vm vm1 --with-companions", 5,
                       [f"/dev/dri/{drm} is open in process {pid} (sleep)", f"kill {pid}",
                        "--force=open"], "an open DRM node")
        checks.refused(f"attach {GPU} --vm vm1 --with-companions --force=net", 5,
                       [f"/dev/dri/{drm} is open"], "the wrong word does not force it")
        checks.run(f"plan {GPU} --vm vm1 --with-companions --force=open", 0,
                   sentence="the right one does",
                   out=[f"/dev/dri/{drm} is open in process {pid}", "--force takes it away"])


def plugin_nodes(checks):
    """No sysfs device says which of two GPUs nvidia7 is: that is told, and no refusal."""
    with opened(node("nvidia7")) as pid:
        checks.run(f"plan {GPU} --vm vm1 --with-companions", 0,
                   sentence="a node that may be another GPU's is told",
                   out=[f"/dev/nvidia7, which may be its, is open in process {pid} (sleep)"])
    with opened(node("nvidia-caps")):
        before = checks.run(f"plan {GPU} --vm vm1 --with-companions", 0)
        checks.tap.ok("nvidia-caps" not in before, "what the plugin does not name is not",
                      before)


def words(checks):
    mine = "io.tiod.InvalidRequest"
    for method in ("Attach", "Plan"):
        checks.calls(mine, method, ['\\"swap\\" is nothing that can be forced', "net,open"],
                     f"an unknown word of force in {method}", functions=[DRIVE], vm="vm1",
                     force=["open", "swap"])
    checks.calls(mine, "Detach", ["net,open"], "an unknown word of force in Detach",
                 functions=[DRIVE], force=[""])
    checks.calls("org.varlink.service.InvalidParameter", "Detach", ["force"],
                 "force is a list", functions=[DRIVE], force="open")


def groups(checks):
    checks.run("show 21:00.0", 0, sentence="show says why a group is large",
               out=["root port 0000:20:01.1 has no ACS"])
    out = checks.run(f"show {DRIVE}", 0)
    checks.tap.ok("ACS" not in out, "and says nothing of one that is not", out)


run_all({"plain": [far_mount, open_nodes, plugin_nodes, words, groups]})
