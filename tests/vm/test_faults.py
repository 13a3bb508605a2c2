# SPDX-License-Identifier: GPL-2.0-or-later
"""What the rig can do beside failing connects: a slow TSM, a link that goes down or fails, no
streams left, a TSM that knows no VFs, cards that lack a part of TDISP.
"""

import os
import subprocess

from guest import (BOOT, NIC1, NIC2, NVME1, NVME2, PCI, PLAIN, TDISP, Checks, Guest, driver,
                   glob, knob, settle, snapshot, until, write)

guest = Guest(step_timeout=30)
checks = Checks(guest)
tap, same, attach, detach = checks.tap, checks.same, checks.attach, checks.detach
VF0 = "0000:01:10.0"


def steps():
    """The step each running job is at, by family."""
    return {job["family"]: (job["state"], job["step"])
            for job in guest.call("ListJobs")["parameters"]["jobs"]}


def at_connect(function):
    return steps().get(function, ("", ""))[1] == "connect-tsm"


def look(function):
    """The state of @function after it has been read again: a failing link has no event."""
    write(f"{PCI}{function}/uevent", "change")
    settle()
    return guest.state(function)


def test_only_pf0():
    """As with AMD's driver: a VF has no tsm/, and its card's link serves it."""
    before = snapshot()
    knob("only_pf0", 1)
    attach(NIC1, "--vfs", "2", "--vf", "0")
    tap.ok(not os.path.exists(f"{PCI}{VF0}/tsm"), "the VF has no tsm/")
    tap.ok(driver(VF0) == "vfio-pci", "and is attached")
    state = guest.state(VF0)
    tap.ok((state["state"], state["link"]) == ("attached", "secure"),
           "its link is its card's, and secure", state)
    out = checks.must_exit(0, "status")
    tap.ok("this kernel cannot bind" in out, "status says that no TDI is bound", out)
    detach(VF0)
    knob("only_pf0", 0)
    same(before, "the host is as before a VF without tsm/ was attached")


def test_slow_connect():
    """Two cards queue at the TSM; whoever needs no turn goes on meanwhile."""
    guest.must("connect", NIC2)
    before = snapshot()
    knob("connect_ms", 6000)
    first = guest.background("attach", NVME1, "--vm", "vm1")
    tap.ok(until(lambda: at_connect(NVME1)), "the first card connects", steps())
    second = guest.background("attach", NVME2, "--vm", "vm1")
    tap.ok(until(lambda: NVME2 in steps()), "the second waits", steps())
    shown = guest.must("list") + guest.tioctl("status")[1]
    tap.ok(first.poll() is None and NVME1 in shown and "connect-tsm" in shown,
           "list and status answer before the first has connected", shown)
    attach(NIC2, vm="vm2")
    tap.ok(second.poll() is None, "a card that is connected is attached before them", steps())
    knob("connect_ms", 500)
    said = [job.communicate(timeout=60)[1] for job in (first, second)]
    tap.ok(first.returncode == second.returncode == 0, "both are attached in the end", *said)
    for text in said:
        tap.ok("connect-tsm" in text, "and progress was told", text)
    tap.ok("wait" in said[1], "the second was told that it waits", said[1])
    knob("disconnect_ms", 3000)
    job = guest.background("detach", NVME1)
    tap.ok(until(lambda: at_connect(NVME1)), "the first card disconnects", steps())
    shown = guest.must("list") + guest.tioctl("status")[1]
    tap.ok(job.poll() is None and NVME1 in shown, "list and status answer meanwhile", shown)
    out, err = job.communicate(timeout=60)
    tap.ok(job.returncode == 0, "a slow disconnect ends well", out, err)
    knob("disconnect_ms", 0)
    knob("connect_ms", 0)
    detach(NVME2)
    detach(NIC2)
    same(before, "the host is as before, and the link that was there stayed")
    guest.must("disconnect", NIC2)


def link_up(function):
    """And the card found anew, as after it was reset or reseated."""
    knob("link_down", "none")
    write(f"{PCI}{function}/remove", "1")
    write("/sys/bus/pci/rescan", "1")
    until(lambda: driver(function))
    settle()


def test_link_down_meanwhile():
    """The card falls off the bus while it is connected: no success, nothing left behind."""
    before = snapshot()
    knob("connect_ms", 2000)
    job = guest.background("attach", NVME1, "--vm", "vm1")
    tap.ok(until(lambda: at_connect(NVME1)), "the card connects", steps())
    knob("link_down", NVME1)
    out, err = job.communicate(timeout=90)
    tap.ok(job.returncode == 1 and "does not answer" in err,
           "a card whose link goes down is not attached, and that is why", out, err)
    knob("connect_ms", 0)
    guest.job_free()
    link_up(NVME1)
    same(before, "the host is as before, once the link is up", out, err)


def test_link_down_attached():
    """It can't be given back to a driver that doesn't start on it; but given back it can be."""
    before = snapshot()
    attach(NVME1)
    knob("link_down", NVME1)
    tap.ok(until(lambda: look(NVME1)["state"] == "degraded"),
           "a card whose link is down isn't called attached", guest.state(NVME1))
    code, out, err = guest.tioctl("status")
    tap.ok(code == 1 and "degraded" in out and "reads as all ones" in out,
           "status fails and says that it doesn't answer", code, out, err)
    out = guest.must("list")
    tap.ok(NVME1 in out, "list still has it", out)
    out = guest.must("ide", NVME1)
    tap.ok("does not answer" in out and "secure at both ends" not in out,
           "and ide says so, too", out)
    out = detach(NVME1)
    tap.ok("it has no driver now" in out, "detach says that no driver starts on it", out)
    state = guest.state(NVME1)
    tap.ok((state["state"], state["link"], state["driver"]) == ("idle", "none", ""),
           "it belongs to nobody, and its link is taken down", state)
    link_up(NVME1)
    tap.ok(driver(NVME1) == "nvme", "once it answers and is found anew, its driver takes it")
    same(before, "and the host is as before")


def test_streams_exhausted():
    before = snapshot()
    knob("streams", 1)
    attach(NVME1)
    out = attach(NIC2, code=1)
    tap.ok("EFAULT" in out and "no IDE stream left" in out,
           "a host bridge without a free stream is told as such", out)
    attach(NVME2, vm="vm2")
    tap.ok(driver(NVME2) == "vfio-pci", "the other host bridge has streams of its own")
    detach(NVME2)
    detach(NVME1)
    attach(NIC2)
    detach(NIC2)
    knob("streams", 256)
    same(before, "the host is as before")


def test_stream_fails():
    """As after an integrity error: the stream leaves Secure and IDE_FAIL has been received."""
    before = snapshot()
    attach(NVME1)
    knob("fail", NVME1)
    tap.ok(until(lambda: look(NVME1)["state"] == "degraded"),
           "a card whose stream has failed isn't called attached", guest.state(NVME1))
    code, out, err = guest.tioctl("status")
    tap.ok(code == 1 and "insecure" in out, "status fails and says insecure", code, out, err)
    out = guest.must("ide", NVME1)
    tap.ok("not in the secure state at both ends" in out and "RecvChkFail+" in out,
           "ide tells that the endpoint has received IDE_FAIL", out)
    detach(NVME1)
    same(before, "the host is as before the stream failed")
    attach(NVME1)
    tap.ok(guest.state(NVME1)["link"] == "secure", "attached anew, the link is secure")
    detach(NVME1)


def reload(words):
    subprocess.run(["rmmod", "tsm_test"], check=True)
    subprocess.run(["insmod", os.environ["VM_KO"], *words], check=True)
    settle()
    until(lambda: all(driver(f) for f in (NIC1, NVME1, NIC2, NVME2)))
    settle()


def test_lacking():
    """Each of these cards, or its root port, lacks one part."""
    lacking = {"no_tee": [PLAIN, BOOT, NIC1], "no_ide": [PLAIN, BOOT, NVME1, "0000:40:00.0"],
               "no_doe": [PLAIN, BOOT, NIC2]}
    reload([name + "=" + ",".join(f[5:] for f in cards) for name, cards in lacking.items()])
    until(lambda: all(f in guest.must("list") for f in TDISP))
    listed = guest.must("list")
    for function, missing in ((NIC1, "the TEE-IO bit"), (NVME1, "the IDE capability"),
                              (NIC2, "a DOE mailbox"), (NVME2, "IDE at its root port")):
        tap.ok(function in listed, f"{function}, which lacks {missing}, is listed", listed)
        out = attach(function, code=4)
        tap.ok(missing in out, f"attach says that it lacks {missing}", out)
    tap.ok(os.path.exists(f"{PCI}{NIC1}/tsm/connect") and
           not os.path.exists(f"{PCI}{NIC1}/tsm/bound"),
           "a card with IDE and no TEE-IO can be connected and not bound")
    tap.ok(not glob.glob("/sys/devices/pci*/stream*"),
           "no refused attach has left a stream")
    reload(os.environ["VM_MODULE"].split())
    attach(NVME1)
    tap.ok(guest.state(NVME1)["link"] == "secure", "with all parts, it is attached")
    detach(NVME1)


def main():
    guest.start()
    for netdev in glob.glob(f"{PCI}{NIC1}/net/*"):
        subprocess.run(["ip", "link", "set", os.path.basename(netdev), "up"], check=False)
    attach(NVME1)
    detach(NVME1)
    test_only_pf0()
    test_slow_connect()
    test_stream_fails()
    test_streams_exhausted()
    test_link_down_meanwhile()
    test_link_down_attached()
    test_lacking()
    guest.stop()
    tap.end()


main()
