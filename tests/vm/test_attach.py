# SPDX-License-Identifier: GPL-2.0-or-later
"""tiod on a real kernel: discovery, attach and detach, faults of the TSM, a TSM that leaves."""

import os
import subprocess

from guest import (BOOT, CONFIG, NIC1, NIC2, NVME1, NVME2, PCI, PLAIN, TDISP, Checks, Guest,
                   driver, glob, install_rules, knob, property_of, read, settle, snapshot,
                   until, write)

guest = Guest(step_timeout=60)
checks = Checks(guest)
tap, same, attach, detach = checks.tap, checks.same, checks.attach, checks.detach
VF0 = "0000:01:10.0"


def test_discovery():
    listed = guest.must("list")
    for function in TDISP:
        tap.ok(function in listed, f"{function} is listed", listed)
    for function in (PLAIN, BOOT):
        tap.ok(function not in listed, f"{function}, which can't do TDISP, is not", listed)
        got, out, err = guest.tioctl("attach", function, "--vm", "vm1")
        tap.ok(got != 0 and "TDISP" in out + err, f"attach of {function} says what is missing",
               got, out, err)


def test_rules():
    for function in (NIC1, NVME2):
        path = os.path.realpath(PCI + function)[len("/sys"):]
        tap.ok(property_of(path, "TIO_TSM") == "1" and property_of(path, "TIO_TEE_IO") == "1",
               f"the rules mark {function}")
    path = os.path.realpath(PCI + PLAIN)[len("/sys"):]
    tap.ok(property_of(path, "TIO_TSM") is None, f"the rules don't mark {PLAIN}")
    tsm = os.path.realpath("/sys/class/tsm/tsm0")[len("/sys"):]
    tap.ok("tiod" in (property_of(tsm, "TAGS") or ""), "the rules tag tsm0")


def test_whole(function):
    before = snapshot()
    out = attach(function)
    tap.ok(driver(function) == "vfio-pci", f"{function} is vfio-pci's", driver(function))
    tap.ok(read(f"{PCI}{function}/tsm/connect").startswith("tsm"), f"{function} is connected")
    tap.ok(f"host={function}" in out, f"attach prints {function} for QEMU", out)
    streams = [os.path.realpath(s) for s in glob.glob("/sys/devices/pci*/stream[0-9]*")]
    tap.ok(os.path.realpath(PCI + function) in streams, f"{function} has its stream", streams)
    tap.ok(guest.must("ide", function).count("secure") >= 2, "ide calls both ends secure")
    attach(function)
    detach(function)
    same(before, f"the host is as before {function} was attached")


def test_vf():
    before = snapshot()
    attach(NIC1, "--vfs", "2", "--vf", "0")
    tap.ok(driver(VF0) == "vfio-pci", "the VF is vfio-pci's")
    tap.ok(driver("0000:01:10.2") == "", "the other VF was left to nobody")
    tap.ok(driver(NIC1) == "igb", "the PF stayed with igb")
    tap.ok(read(f"{PCI}{VF0}/tsm/dsm") == NIC1, "the kernel names the PF as the VF's DSM")
    attach(f"{NIC1}", "--vf", "1", vm="vm2")
    tap.ok(driver("0000:01:10.2") == "vfio-pci", "a second VF goes to another VM")
    detach(VF0)
    tap.ok(driver("0000:01:10.2") == "vfio-pci", "it stays when the first is taken back")
    tap.ok(read(f"{PCI}{NIC1}/tsm/connect").startswith("tsm"), "and the link stays, too")
    detach("--vm", "vm2")
    same(before, "the host is as before the VFs were attached")


def test_two():
    before = snapshot()
    attach(NIC2, NVME2)
    tap.ok(driver(NIC2) == driver(NVME2) == "vfio-pci", "two cards of two bridges at once")
    detach("--vm", "vm1")
    same(before, "the host is as before the two were attached")


def test_pinned():
    """vfio-pci lets what it takes sleep, and it does at once; the second is kept awake."""
    before = snapshot()
    attach(NVME2)
    tap.ok(read(f"{PCI}{NVME2}/power/control") == "auto" and
           until(lambda: read(f"{PCI}{NVME2}/power_state") == "D3hot"),
           "under vfio-pci a card falls asleep", read(f"{PCI}{NVME2}/power_state"))
    detach(NVME2)
    attach(NVME2, vm="pinned")
    power = [read(f"{PCI}{NVME2}/{name}") for name in
             ("d3cold_allowed", "power/control", "power_state", "reset_method")]
    tap.ok(power == ["0", "on", "D0", "flr"], "one that is pinned does not", power)
    detach(NVME2)
    attach(NIC1, "--vfs", "1", "--vf", "0", vm="pinned")
    tap.ok(read(f"{PCI}{NIC1}/d3cold_allowed") == "0", "nor does the PF of a VF")
    detach(VF0)
    same(before, "the host is as before what was pinned")


def test_unwilling_tsm():
    before = snapshot()
    for errno, word in ((5, "Input/output error"), (16, "Device or resource busy"),
                        (14, "Bad address"), (22, "Invalid argument"), (110, "timed out")):
        knob("connect_errno", errno)
        knob("connect_fails", 1)
        out = attach(NVME1, code=1)
        tap.ok(word.lower() in out.lower() and "tsm/connect" in out,
               f"the failure of connect with errno {errno} is named", out)
        same(before, f"the host is as before connect failed with errno {errno}")
    attach(NVME1)
    detach(NVME1)
    same(before, "and the next attach works")


def test_insecure_link():
    before = snapshot()
    for how, end in ((1, "either end"), (2, "the endpoint"), (3, "the root port")):
        knob("insecure", how)
        out = attach(NVME1, code=1)
        tap.ok("secure" in out, f"a link that isn't secure at {end} is refused", out)
        knob("insecure", 0)
        same(before, f"the host is as before, insecure at {end}")


def step_timeout(seconds):
    write(CONFIG + "/tiod.conf", f"[Daemon]\nStepTimeout={seconds}\n")
    guest.must("reload")


def hanging():
    return read("/sys/kernel/debug/tsm-test/hanging") == "1"


def test_hanging_connect():
    """Killable: the deadline ends it.  Reads of tsm/* of other cards wait meanwhile."""
    before = snapshot()
    step_timeout(4)
    knob("hang", 1)
    job = guest.background("attach", NVME1, "--vm", "vm1")
    tap.ok(until(hanging), "connect hangs in the kernel")
    out, err = job.communicate(timeout=60)
    tap.ok(job.returncode not in (0, None), "the attach fails at its deadline", out, err)
    knob("hang", 0)
    guest.job_free()
    same(before, "the host is as before connect hung")


def stuck():
    return [j for j in guest.call("ListJobs")["parameters"]["jobs"] if j["state"] == "stuck"]


def test_unkillable_connect():
    before = snapshot()
    knob("hang", 2)
    job = guest.background("attach", NVME1, "--vm", "vm1")
    tap.ok(until(hanging), "connect hangs and can't be killed")
    tap.ok(until(stuck, 60), "its job is stuck", guest.call("ListJobs"))
    code, out, err = guest.tioctl("status")
    tap.ok("0000:02:00.0" in out + err, "status shows the card while its worker is stuck", code,
           out, err)
    guest.must("list")
    tap.ok(hanging(), "list and status answer while connect hangs")
    knob("hang", 0)
    try:
        out, err = job.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        job.kill()
        out, err = job.communicate()
        tap.ok(False, "attach ends when the kernel lets go", out, err)
    guest.job_free()
    code, out, err = guest.tioctl("status")
    if NVME1 in out:
        detach(NVME1)
    step_timeout(60)
    same(before, "the host is as before, once the kernel has let go", out)


def test_tsm_leaves():
    before = snapshot()
    attach(NIC2)
    knob("present", 0)
    settle()
    tap.ok(until(lambda: guest.tioctl("status")[0] != 0, 60),
           "status fails while the TSM is gone")
    tap.ok(guest.state(NIC2)["link"] == "none", "and shows no link", guest.state(NIC2))
    knob("present", 1)
    settle()
    name = os.path.basename(glob.glob("/sys/class/tsm/tsm*")[0])
    tap.ok(until(lambda: name in guest.must("version")), f"tiod finds the TSM again as {name}")
    detach(NIC2)
    same(before, "the host is as before the TSM left")
    attach(NIC2)
    tap.ok(read(f"{PCI}{NIC2}/tsm/connect") == name, f"attach uses {name}")
    detach(NIC2)
    same(before, "and as before after one more attach")


def test_reload():
    """The module goes and returns: with it the TSM and, as they lose IDE, all cards."""
    attach(NVME1)
    subprocess.run(["rmmod", "tsm_test"], check=True)
    settle()
    tap.ok(until(lambda: guest.state(NVME1)["state"] == "reserved"),
           "without the module the card isn't called attached", guest.tioctl("status"))
    tap.ok(guest.state(NVME1)["link"] != "secure", "and has no secure link")
    words = os.environ["VM_MODULE"].split()
    subprocess.run(["insmod", os.environ["VM_KO"], *words], check=True)
    settle()
    tap.ok(until(lambda: guest.state(NVME1)["state"] == "reserved"),
           "with the module back, the card is reserved and no more", guest.tioctl("status"))
    detach(NVME1)
    # Everything was found anew, so that anew is what has to come back.
    until(lambda: all(driver(f) for f in TDISP))
    settle()
    before = snapshot()
    attach(NVME1)
    detach(NVME1)
    same(before, "attach and detach work on cards that were found anew")


def test_busy():
    """A process that has the node open keeps its device; it is named."""
    before = snapshot()
    attach(NVME1)
    node = glob.glob(f"{PCI}{NVME1}/vfio-dev/vfio*")[0]
    # pylint: disable=consider-using-with
    holder = subprocess.Popen(["sleep", "1000"],
                              stdin=open("/dev/vfio/devices/" + os.path.basename(node), "rb"))
    out = detach(NVME1, code=5)
    tap.ok(str(holder.pid) in out, "detach is refused and names the process", out)
    holder.kill()
    holder.wait()
    detach(NVME1)
    same(before, "the host is as before")


def test_plain_connect():
    before = snapshot()
    guest.must("connect", NVME1)
    tap.ok(read(f"{PCI}{NVME1}/tsm/connect").startswith("tsm"), "connect connects")
    guest.must("disconnect", NVME1)
    same(before, "disconnect leaves the host as before")


def test_overridden():
    """What was there before comes back: an override, VFs and autoprobe of the operator's."""
    write(f"{PCI}{NVME1}/driver_override", "nvme")
    write(f"{PCI}{NIC1}/sriov_numvfs", "3")
    settle()
    before = snapshot()
    attach(NVME1)
    attach(NIC1, "--vf", "1", vm="vm2")
    detach(NVME1)
    detach("--vm", "vm2")
    same(before, "an override, VFs and their drivers are put back as they were")
    write(f"{PCI}{NVME1}/driver_override", "\n")
    write(f"{PCI}{NIC1}/sriov_numvfs", "0")
    settle()


def main():
    install_rules()
    guest.start()
    for netdev in glob.glob(f"{PCI}{NIC1}/net/*"):
        subprocess.run(["ip", "link", "set", os.path.basename(netdev), "up"], check=False)
    test_discovery()
    test_rules()
    for function in (NVME1, NIC2, NVME2):
        test_whole(function)
    test_vf()
    test_two()
    test_pinned()
    test_plain_connect()
    test_overridden()
    test_busy()
    test_unwilling_tsm()
    test_insecure_link()
    test_hanging_connect()
    test_unkillable_connect()
    test_tsm_leaves()
    test_reload()
    guest.stop()
    tap.end()


main()
