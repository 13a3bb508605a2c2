# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad input and hosts that lack something: each a sentence with its fix, and no change.

Every refusal is checked for its exit status, for the words that say what, where and why, for
the fix, and for a host that is byte for byte what it was.
"""

import os
import signal
import socket
import stat
import subprocess
import time

import world
from checks import PCI, Checks, run_all, set_pci, until, vm_file

GPU, AUDIO, OTHER_GPU = "0000:e1:00.0", "0000:e1:00.1", "0000:21:00.0"
NIC, DRIVE, BOOT = "0000:41:00.0", "0000:61:00.0", "0000:01:00.0"
GPU_PORT = "0000:e0:01.1"

# Arguments, exit status, words of the sentence and of the fix, what is claimed.
NAMES = [
    ("attach junk --vm vm1", 2, ['"junk" is not the name of a function', "0000:e1:00.0"],
     "a malformed address"),
    ("attach e1:00.9 --vm vm1", 2, ['"e1:00.9" is not the name', "tioctl list -a"],
     "a function number beyond 7"),
    ("attach e1:00.0/vfx --vm vm1", 2, ["e1:00.0/vfx", "tioctl list -a"],
     "a malformed VF index"),
    ("attach 0000:99:00.0 --vm vm1", 4,
     ["there is no function 0000:99:00.0 in this host", "/sys/bus/pci/rescan"],
     "attach of an absent device"),
    ("detach 0000:99:00.0", 4, ["there is no function 0000:99:00.0", "tioctl list -a"],
     "detach of an absent device"),
    ("show 0000:99:00.0", 4, ["there is no function 0000:99:00.0"], "show of an absent device"),
    ("connect 0000:99:00.0", 4, ["there is no function 0000:99:00.0"],
     "connect of an absent device"),
    ("attach slot:99 --vm vm1", 4, ['no card in slot "99"', "tioctl list -a"],
     "a slot without a card"),
    ("attach 0000:83:00.0 --vm vm1", 4,
     ["0000:83:00.0 cannot do TDISP", "the TEE-IO bit", "the IDE capability",
      "a DOE mailbox", "tioctl list"], "attach of a device without TDISP names what is missing"),
    ("connect 0000:83:00.0", 4, ["cannot do TDISP", "the TEE-IO bit"],
     "connect of a device without TDISP names what is missing"),
    (f"attach {GPU_PORT} --vm vm1", 2, ["it is no PCIe endpoint (kind: root-port)", "the card's own function"],
     "a root port instead of a card"),
    ("attach e1:00.0 --vm ../etc", 2, ['"../etc" is not the name of a VM'],
     "a VM name that is a path"),
    ("cancel 77", 4, ["there is no job 77", "tioctl jobs"], "cancel of no job"),
    ("attach e1:00.0", 2, ["--vm"], "attach without a VM"),
    ("detach --vm nope", 4, ['no file describes the VM "nope"'], "detach of an unknown VM"),
]

VIRTUAL = [
    ("attach e1:00.0/vf99 --vm vm1", 2,
     ["has 16 VFs at most", "VF index 99 is out of range", "from 0 to 15"],
     "a VF index beyond what the card can have"),
    ("attach e1:00.0/vf3 --vm vm1", 2, ["VF 3 is not enabled (it has 0 VFs)", "--vfs 4"],
     "a VF of a card whose VFs are not enabled"),
    ("attach e1:00.0/vf3 --vfs 2 --vm vm1", 2, ["VF 3 is not enabled", "--vfs 4"],
     "a VF index beyond those asked for"),
    ("attach e1:00.0 --vfs 99 --vf 3 --vm vm1", 2,
     ["99 VFs were asked for", "16 at most", "--vfs 16 or less"], "too many VFs"),
    ("attach 02:00.0/vf1 --vm vm1", 2, ["0000:02:00.0 has no SR-IOV"],
     "a VF of a card without SR-IOV"),
]

IN_USE = [
    ("attach 01:00.0 --vm vm1", 5,
     ["0000:01:00.0: cannot unbind from nvme", "/dev/nvme0n1p2 is mounted on /data",
      "/dev/nvme0n1p3 is used as swap space", "`umount /data`; `swapoff /dev/nvme0n1p3`, or choose another device",
      "no --force takes all of these away"],
     "a mounted drive is not given away"),
    ("attach 21:00.0 --vm vm1", 5,
     ["shares IOMMU group", "0000:22:00.0 (xhci_hcd)", "--with-companions",
      "it is one card with 0000:21:00.1, and its functions have no ACS",
      "root port 0000:20:01.1 has no ACS",
      "root port 0000:20:01.2 has ACS without upstream forwarding",
      "enable ACS in the BIOS", "pcie_acs_override only hides the lack"],
     "a card whose IOMMU group a host driver uses is not given away"),
]


def refuse_all(table):
    def test(checks):
        for args, code, words, sentence in table:
            checks.refused(args, code, words, sentence)
    return test


def vm_files(checks):
    checks.refused("attach e1:00.0 --vm nope", 4,
                   ['no file describes the VM "nope"', "vms.d/nope.conf", "Memory=64G",
                    "tioctl reload"], "a VM without a file")
    path = vm_file("broken", "[VM]\nMemory=1G\nHugepageSize=3M\n")
    checks.run("reload", 0, [f"{path}:3: HugepageSize=3M is not 2M, 1G or no"],
               "reload names file and line of what is wrong")
    checks.refused("attach e1:00.0 --vm broken", 4,
                   ['the VM "broken"', f"{path}:3", "HugepageSize=3M is not 2M, 1G or no",
                    "tioctl reload"], "a VM whose file is broken")
    os.unlink(path)
    path = vm_file("vm1", "[VM]\nMemory=lots\n")
    checks.run("reload", 0, [f"{path}:2: Memory=lots is not a size",
                             "what was read of it before stays in force"],
               "reload says that the last good one stays in force")
    checks.run("vms", 0, sentence="a file that became broken leaves the last good one",
               out=["vm1\t1 GiB"])
    checks.run("attach 61:00.0 --vm vm1 --dry-run", 0,
               sentence="a VM can still be used when its file became broken",
               out=["reserve 0000:61:00.0 for vm1"])
    vm_file("vm1", "[VM]\nMemory=1G\n")
    checks.run("reload", 0, sentence="a mended file is read again")


def typed_calls(checks):
    wrong = "org.varlink.service.InvalidParameter"
    mine = "io.tiod.InvalidRequest"
    calls = checks.calls
    calls(wrong, "Attach", ["functions"], "a wrong type", functions="e1:00.0", vm="vm1")
    calls(wrong, "Attach", ["vm"], "a missing parameter", functions=["e1:00.0"])
    calls(wrong, "Attach", ["nonsense"], "an unknown field", functions=["e1:00.0"], vm="vm1",
          nonsense=1)
    calls(wrong, "Attach", ["vfs"], "a fraction for an integer", functions=["41:00.0"],
          vm="vm1", vfs=1.5)
    calls(mine, "Attach", ["-1 is not a number of VFs"], "a negative number of VFs",
          functions=["41:00.0"], vm="vm1", vfs=-1)
    calls(mine, "Attach", ["70000"], "a number of VFs beyond 16 bits",
          functions=["41:00.0/vf1"], vm="vm1", vfs=70000)
    calls(mine, "Attach", ["no function is named"], "no functions", functions=[], vm="vm1")
    calls(mine, "Detach", ["not both"], "functions and a VM", functions=["e1:00.0"], vm="vm1")
    calls(mine, "GetFunction", ["is not the name"], "a name of 3000 letters",
          function="x" * 3000)
    calls("io.tiod.NoSuchJob", "CancelJob", ["no job -1"], "a negative job", job=-1)
    calls("org.varlink.service.MethodNotFound", "Nonsense", ["Nonsense"], "an unknown method")
    calls("org.varlink.service.ExpectedMore", "Monitor", [], "a stream without \"more\"")
    before = checks.host()
    try:
        reply = checks.world.call("GetFunction", function="x" * (2 << 20))
    except OSError as error:
        reply = error
    checks.tap.ok(isinstance(reply, OSError), "a message of 2 MiB ends the connection", reply)
    checks.run("version", 0, sentence="tiod answers others after a message of 2 MiB")
    checks.stays(before, "a message of 2 MiB: nothing has changed")


def client_gone(checks):
    """The job belongs to the daemon, not to who asked for it."""
    rule = checks.sim.fault(path="*0000:61:00.0/tsm/connect", act="delay", ms=700)
    before = checks.host()
    client = checks.world.background("attach", DRIVE, "--vm", "vm1")
    checks.tap.ok(until(lambda: checks.state(DRIVE) == "busy"), "an attach is under way")
    client.send_signal(signal.SIGKILL)
    client.communicate()
    checks.tap.ok(checks.state(DRIVE) == "busy", "the attach goes on when its client is killed")
    checks.reaches(DRIVE, "attached", "an attach whose client was killed ends well")
    checks.tap.ok(checks.sim.hits(rule) == 1, "the link was connected once")
    checks.sim("clear")
    checks.run(f"detach {DRIVE}", 0)
    checks.stays(before, "detach puts back what the abandoned attach did")


def interrupted(checks):
    """Ctrl-C leaves a running attach to the daemon and says so."""
    checks.sim.fault(path="*0000:61:00.0/tsm/connect", act="delay", ms=500)
    client = checks.world.background("attach", DRIVE, "--vm", "vm1")
    checks.tap.ok(until(lambda: checks.state(DRIVE) == "busy"), "an attach is under way")
    time.sleep(0.1)
    client.send_signal(signal.SIGINT)
    _, stderr = client.communicate(timeout=60)
    checks.tap.ok(client.returncode == 130 and "tiod goes on with it" in stderr,
                  "tioctl that is interrupted says that tiod goes on", client.returncode, stderr)
    checks.reaches(DRIVE, "attached", "an attach whose client was interrupted ends well")
    checks.sim("clear")
    checks.run(f"detach {DRIVE}", 0)


def other_vm(checks):
    before = checks.host()
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    attached = checks.host()
    checks.refused(f"attach {DRIVE} --vm vm2", 5,
                   [DRIVE, "it is assigned to vm1", f"tioctl detach {DRIVE}"],
                   "a device of another VM")
    checks.run(f"attach {DRIVE} --vm vm1", 0, ["already attached to vm1, nothing to do"],
               "a second attach to the same VM succeeds", out=[f"host={DRIVE}"])
    checks.stays(attached, "a second attach changes nothing")
    checks.run(f"detach {DRIVE}", 0)
    checks.stays(before, "detach after a second attach restores the host")
    checks.run(f"detach {DRIVE}", 0, ["is not assigned to any VM", "nothing to do"],
               "detach of what is not attached succeeds")
    checks.stays(before, "detach of what is not attached changes nothing")


def held_open(checks):
    before = checks.host()
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    attached = checks.host()
    name = os.listdir(f"{PCI}{DRIVE}/vfio-dev")[0]
    holder = subprocess.Popen(["sleep", "60"], stdin=open(f"/dev/vfio/devices/{name}", "rb"))
    checks.refused(f"detach {DRIVE}", 5,
                   [DRIVE, "cannot unbind from vfio-pci", f"/dev/vfio/devices/{name}",
                    f"process {holder.pid} (sleep)", "end that process", "--force=open"],
                   "detach of a device that a process has open")
    forced = checks.world.background("detach", DRIVE, "--force=open")
    time.sleep(0.3)
    checks.tap.ok(forced.poll() is None and checks.state(DRIVE) == "busy",
                  "a forced detach waits for the kernel", forced.poll())
    holder.kill()
    holder.wait()
    _, stderr = forced.communicate(timeout=60)
    checks.tap.ok(forced.returncode == 0, "a forced detach ends when the holder does", stderr)
    checks.tap.ok(attached != before, "attach had changed the host")
    checks.stays(before, "a forced detach restores the host")


def companions(checks):
    before = checks.host()
    checks.run(f"attach {OTHER_GPU} --vm vm1 --with-companions", 0,
               sentence="--with-companions takes the whole IOMMU group along",
               out=["host=0000:21:00.0", "host=0000:21:00.1", "host=0000:22:00.0"])
    checks.refused("detach 22:00.0", 2,
                   ["0000:22:00.0", "came along with 0000:21:00.0", "tioctl detach 0000:21:00.0"],
                   "detach of a companion alone")
    checks.refused("attach 22:00.0 --vm vm2", 4, ["0000:22:00.0 cannot do TDISP"],
                   "attach of a companion to another VM")
    checks.refused("attach 21:00.0/vf0 --vfs 2 --vm vm2", 5,
                   ["its PF 0000:21:00.0 is given to vm1", "tioctl detach 0000:21:00.0"],
                   "a VF of an assigned PF")
    checks.run("detach 21:00.0", 0, ["0000:22:00.0"], "the companions go back with their lead")
    checks.stays(before, "detach with companions restores the host")


def short_hugepages(checks):
    vm_file("big", "[VM]\nMemory=2G\nHugepageSize=2M\n")
    vm_file("pinned", "[VM]\nMemory=2G\nHugepageSize=2M\nNumaNode=1\n")
    checks.run("reload", 0)
    checks.refused("attach 61:00.0 --vm big", 6,
                   ["big needs 1024 hugepages of 2 MiB for its 2 GiB of memory on node 0",
                    "512 can be had", "node 0 has 512 of 4096 free", "node 1 has 61440 of 65536",
                    "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages",
                    "NumaNode="], "hugepages that are short on the device's node")
    before = checks.host()
    checks.run("attach 61:00.0 --vm pinned", 0,
               sentence="hugepages of the node that the VM's file names are enough")
    vm_file("second", "[VM]\nMemory=119G\nHugepageSize=2M\nNumaNode=1\n")
    checks.run("reload", 0)
    checks.run("plan 21:00.0/vf0 --vfs 1 --vm second", 0,
               out=["pinned count on 2 GiB of the same hugepages (1024), and 60928 are free"],
               sentence="two VMs that count on the same hugepages are told")
    checks.run("detach 61:00.0", 0)
    checks.stays(before, "detach after that restores the host")


def pf_with_vfs(checks):
    set_pci(NIC, "sriov_numvfs", "4")
    checks.sees(NIC, "vfs", 4)
    checks.refused(f"attach {NIC} --vm vm1", 5,
                   [NIC, "it has 4 VFs enabled", f"tioctl attach {NIC}/vf0", "sriov_numvfs"],
                   "a PF with VFs")
    checks.refused(f"attach {NIC}/vf1 --vfs 8 --vm vm1", 5,
                   [NIC, "it has 4 VFs enabled already", "leave --vfs out"],
                   "another number of VFs than are enabled")
    checks.refused(f"attach {NIC}/vf7 --vm vm1", 2, ["VF 7 is not enabled (it has 4 VFs)"],
                   "a VF index beyond those enabled")
    set_pci(NIC, "sriov_numvfs", "0")
    checks.sees(NIC, "vfs", 0)


def link_before_vfs(checks):
    before = checks.host()
    set_pci(GPU, "tsm/connect", "tsm0")
    checks.refused(f"attach {GPU}/vf1 --vfs 4 --vm vm1", 5,
                   ["VFs have to be enabled before its TSM link is made", "tsm0",
                    f"tioctl disconnect {GPU}"], "VFs of a card that is connected already")
    set_pci(GPU, "tsm/disconnect", "tsm0")
    checks.stays(before, "the link that was made by hand is gone again")


def used_link(checks):
    before = checks.host()
    checks.run(f"attach {NIC}/vf2 --vfs 4 --vm vm1", 0)
    checks.refused(f"disconnect {NIC}", 5,
                   ["its TSM link is used by 0000:41:00.3, assigned to vm1",
                    "tioctl detach 0000:41:00.3"], "disconnect of a link that a VF uses")
    checks.run(f"detach {NIC}", 0, [f"{NIC} itself is not assigned, but its VF 2 "
                                    "(0000:41:00.3) is, to vm1", "`tioctl detach 0000:41:00.3`"],
               "detach of the card whose VF is given says which")
    checks.run("detach --vm vm1", 0)
    checks.stays(before, "detach of the VF restores the host")


def stale_socket():
    """A socket of a daemon that was killed: there, but nobody listens."""
    try:
        return stat.S_ISSOCK(os.stat(world.SOCKET).st_mode)
    except FileNotFoundError:
        return False


def no_daemon(checks):
    words = [world.SOCKET, "systemctl start tiod"]
    before = checks.sim.snapshot()
    checks.world.stop()
    checks.tap.ok(not stale_socket(), "a clean stop removes the socket")
    for args in ("list", f"attach {GPU} --vm vm1", "monitor", "version"):
        checks.run(args, 7, words, f"tioctl {args.split()[0]} without a daemon: exit 7")
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(world.SOCKET)
    dead.close()
    checks.tap.ok(stale_socket(), "a stale socket lies there")
    checks.run("list", 7, words, "a socket that nobody listens on: exit 7")
    checks.world.start()
    checks.run("list", 0, sentence="tiod starts over a stale socket")
    checks.same(before, checks.sim.snapshot(), "starting and stopping tiod changes nothing")


def truncated(checks):
    """Without CAP_SYS_ADMIN the kernel shows 64 bytes of config space."""
    wrapper = "/run/tiod-without-cap"
    before = checks.host()
    checks.world.stop()
    with open(wrapper, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\nexec setpriv --bounding-set=-sys_admin "
                   f"--inh-caps=-sys_admin \"{world.TIOD}\" \"$@\"\n")
    os.chmod(wrapper, 0o755)
    tiod, world.TIOD = world.TIOD, wrapper
    try:
        checks.world.start()
        for verb in (f"attach {GPU} --vm vm1", f"connect {GPU}"):
            checks.refused(verb, 6, [GPU, "only the first 64 bytes of its config space",
                                     "CAP_SYS_ADMIN"],
                           f"{verb.split()[0]} with a truncated config space")
    finally:
        checks.world.stop()
        world.TIOD = tiod
        os.unlink(wrapper)
    checks.world.start()
    checks.stays(before, "a tiod without CAP_SYS_ADMIN changes nothing")


def lacking(words, *verbs):
    def test(checks):
        for verb in verbs:
            checks.refused(verb, 6, words, f"{verb.split()[0]} on a host that lacks it")
    return test


NO_TSM = lacking(["this host has no TSM", "/sys/class/tsm is empty", "modprobe kvm_amd",
                  "SEV-TIO"], f"attach {GPU} --vm vm1", f"connect {GPU}",
                 f"attach {NIC}/vf1 --vfs 2 --vm vm1")
NO_IOMMU = lacking(["no IOMMU groups", "enable the IOMMU in the BIOS"],
                   f"attach {GPU} --vm vm1", f"attach {OTHER_GPU} --vm vm1 --with-companions")
NO_IOMMUFD = lacking(["/dev/iommu does not exist", "CONFIG_IOMMUFD"],
                     f"attach {GPU} --vm vm1")
NO_CDEV = lacking(["CONFIG_VFIO_DEVICE_CDEV", "boot a kernel with CONFIG_IOMMUFD"],
                  f"attach {GPU} --vm vm1")

INCAPABLE = [
    (f"attach {NIC} --vm vm1", 4, [NIC, "it lacks the TEE-IO bit", "tioctl list"],
     "a card without the TEE-IO bit"),
    (f"attach {DRIVE} --vm vm1", 4, [DRIVE, "it lacks the IDE capability"],
     "a card without IDE"),
    (f"attach {GPU} --vm vm1", 4, [GPU, "it lacks a DOE mailbox for CMA-SPDM (0001:01)"],
     "a card without CMA-SPDM"),
    (f"attach {OTHER_GPU} --vm vm1", 4,
     ["it lacks IDE at its root port 0000:20:01.1", "PCIE IDE Capability", "use a slot"],
     "a root port without IDE"),
]

TWO_TSMS = [
    (f"attach {GPU} --vm vm1", 2,
     ["this host has 2 TSMs: tsm0 (AMD SEV-TIO), tsm1 (unknown platform (0000:83:00.0))",
      f"tioctl attach {GPU} --vm VM --tsm tsm0"],
     "attach on a host of two TSMs"),
    (f"connect {GPU}", 2, ["this host has 2 TSMs", "--tsm tsm0"],
     "connect on a host of two TSMs"),
    (f"connect {GPU} --tsm tsm7", 2, ['there is no TSM "tsm7"', "tsm0 (", "tsm1 ("],
     "a TSM that is not there"),
    (f"attach {GPU} --vm vm1 --tsm tsm7", 2, ['there is no TSM "tsm7"'],
     "an attach that names a TSM that is not there"),
] + [
    (f"{verb} --tsm {name}", 2, [name[:32]], f"{verb.split()[0]} with a TSM called {name[:12]}")
    for verb in (f"connect {GPU}", f"attach {GPU} --vm vm1")
    for name in ("tsm0junk", "tsm", "tsmX", "tsm00", "../tsm0", "tsm" + "1" * 200,
                 "tsm" + "1" * 297)
]


def with_a_tsm_named(checks):
    before = checks.host()
    checks.run(f"connect {GPU} --tsm tsm1", 0, sentence="the TSM that is named is used")
    checks.refused(f"attach {GPU} --vm vm1 --tsm tsm0", 5,
                   ["it is connected to tsm1, not to tsm0", f"tioctl disconnect {GPU}"],
                   "attach with another TSM than the one it is connected to")
    checks.run(f"attach {GPU} --vm vm1", 0, sentence="attach keeps the link that is there")
    checks.run(f"detach {GPU}", 0)
    checks.tap.ok(checks.world.state(GPU)["tsm"] == "tsm1", "detach leaves that link alone")
    checks.run(f"disconnect {GPU}", 0)
    checks.stays(before, "disconnect restores the host")
    checks.run(f"attach {GPU} --vm vm1 --tsm tsm1", 0, sentence="attach takes the TSM named")
    checks.tap.ok(checks.world.state(GPU)["tsm"] == "tsm1", "and no other",
                  checks.world.state(GPU))
    checks.run(f"detach {GPU}", 0)
    checks.stays(before, "detach takes that link back, too")


TESTS = {
    "plain": [refuse_all(NAMES), refuse_all(VIRTUAL), refuse_all(IN_USE), vm_files, typed_calls,
              client_gone, interrupted, other_vm, held_open, companions, short_hugepages,
              pf_with_vfs, link_before_vfs, used_link, no_daemon, truncated],
    "no-tsm": [NO_TSM],
    "no-iommu": [NO_IOMMU],
    "no-iommufd": [NO_IOMMUFD],
    "no-cdev": [NO_CDEV],
    "incapable": [refuse_all(INCAPABLE)],
    "two-tsms": [refuse_all(TWO_TSMS), with_a_tsm_named],
}

if __name__ == "__main__":
    run_all(TESTS)
