# SPDX-License-Identifier: GPL-2.0-or-later
"""Cards that come and go on a real kernel: pciehp by QMP, and a card that is just gone."""

import os
import subprocess
import time

from guest import PCI, Guest, Monitor, Tap, diff, driver, settle, snapshot, until

NEW = "0000:06:00.0"
PORT = "00:15.0"

tap = Tap()
guest = Guest(step_timeout=10)
monitor = None


def present():
    return os.path.exists(PCI + NEW)


def listed():
    return NEW in guest.tioctl("list")[1]


def plug(card="igb"):
    arguments = {"driver": card, "id": "new", "bus": "port6"}
    if card == "igb":
        arguments.update(romfile="", mac="52:54:00:00:06:00")
    else:
        arguments.update(serial="new")
    monitor.call("device_add", **arguments)
    # The driver is the last thing that comes.
    tap.ok(until(lambda: present() and driver(NEW), 30), f"a hot-plugged {card} appears")
    settle()
    tap.ok(until(listed, 10), "tiod lists it", guest.log_end())


def test_idle(card):
    before = snapshot()
    plug(card)
    tap.ok(os.path.exists(PCI + NEW + "/tsm/connect"), "its tsm/ is there from the start")
    with_card = snapshot()
    guest.must("attach", NEW, "--vm", "vm1")
    tap.ok(driver(NEW) == "vfio-pci", "it is attached by hand")
    guest.must("detach", NEW)
    tap.ok(snapshot() == with_card, "and detached", diff(with_card, snapshot()))
    start = time.monotonic()
    unplug()
    tap.ok(until(gone, 30), "device_del takes it away")
    tap.note(f"removal took {time.monotonic() - start:.1f} s")
    settle()
    tap.ok(until(lambda: not listed(), 10), "and tiod's list, too")
    after = snapshot()
    tap.ok(before == after, "the host is as before it came", diff(before, after))


def unplug():
    monitor.call("device_del", id="new")


def gone():
    """Gone for the kernel, and for QEMU, which comes after it."""
    return not present() and not [
        one for one in monitor.call("qom-list", path="/machine/peripheral")
        if one["name"] == "new"]


def surprise():
    """QEMU drops a card whose slot loses power; pciehp, deaf meanwhile, then finds it gone."""
    for control in ("0700:0720", "0120:0720"):
        subprocess.run(["setpci", "-s", PORT, "CAP_EXP+18.w=" + control], check=True)


def test_attached(how, sentence):
    before = snapshot()
    plug()
    guest.must("attach", NEW, "--vm", "vm1")
    how()
    tap.ok(until(gone, 40), f"{sentence}: gone")
    settle()
    tap.ok(until(lambda: guest.tioctl("status")[0] != 0, 10),
           "status fails while an attached card is gone", guest.tioctl("status"))
    code, out, err = guest.tioctl("status")
    tap.ok(NEW in out and "secure" not in guest.state(NEW).get("link", ""),
           "and shows the card without a secure link", code, out, err)
    code, out, err = guest.tioctl("detach", NEW)
    tap.ok(code == 0, "detach of a card that is gone ends the reservation", code, out, err,
           guest.log_end())
    after = snapshot()
    tap.ok(before == after, "the host is as before it came", diff(before, after))



def test_return():
    """The card is pulled while attached, and another comes into the same slot."""
    plug()
    guest.must("attach", NEW, "--vm", "vm1")
    unplug()
    until(gone, 40)
    plug()
    settle()
    state = until(lambda: guest.state(NEW)["state"] == "reserved", 10)
    tap.ok(state, "a card that came back is reserved, no more", guest.tioctl("status"))
    code, out, err = guest.tioctl("detach", NEW)
    tap.ok(code == 0, "it is taken back", code, out, err, guest.log_end())
    guest.must("attach", NEW, "--vm", "vm1")
    guest.must("detach", NEW)
    tap.ok(driver(NEW) == "igb", "and attached and detached anew", driver(NEW))
    unplug()
    tap.ok(until(gone, 40), "and unplugged")


def main():
    global monitor  # pylint: disable=global-statement
    monitor = Monitor.own()
    guest.start()
    test_idle("igb")
    test_idle("nvme")
    test_attached(unplug, "device_del of an attached card")
    test_return()
    test_attached(surprise, "surprise removal of an attached card")
    guest.stop()
    tap.end()


main()
