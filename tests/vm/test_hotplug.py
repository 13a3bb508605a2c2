# SPDX-License-Identifier: GPL-2.0-or-later
"""Cards that come and go on a real kernel: pciehp by QMP, and a card that is just gone."""

import os
import signal
import subprocess
import time

from guest import (PCI, Guest, Monitor, Tap, diff, driver, ide_registers, settle,
                   slot_is_free, snapshot, until, write)

NEW = "0000:06:00.0"
PORT = "0000:00:15.0"
CARDS = {"igb": "0x10c9", "nvme": "0x0010"}

tap = Tap()
guest = Guest(step_timeout=10)
monitor = None


def present():
    return os.path.exists(PCI + NEW)


def listed():
    return NEW in guest.tioctl("list")[1]


def known(card):
    """tiod has read this card, and not one that it is reserved for and that is gone."""
    reply = guest.call("GetFunction", function=NEW)
    return "error" not in reply and \
        reply["parameters"]["function"]["device"] == CARDS[card]


def plug(card="igb"):
    insert(card)
    settle()
    tap.ok(until(lambda: known(card), 60), "tiod knows it", guest.log_end())


def insert(card="igb"):
    tap.ok(until(lambda: slot_is_free(PORT), 60), "the slot is free")
    arguments = {"driver": card, "id": "new", "bus": "port6"}
    if card == "igb":
        arguments.update(romfile="", mac="52:54:00:00:06:00")
    else:
        arguments.update(serial="new")
    monitor.call("device_add", **arguments)
    # The driver is the last thing that comes.
    tap.ok(until(lambda: present() and driver(NEW), 60), f"a hot-plugged {card} appears")


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
    tap.ok(until(gone, 60), "device_del takes it away")
    tap.note(f"removal took {time.monotonic() - start:.1f} s")
    settle()
    tap.ok(until(lambda: not listed(), 60), "and tiod's list, too")
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
    tap.ok(until(gone, 60), f"{sentence}: gone")
    settle()
    tap.ok(until(lambda: guest.tioctl("status")[0] != 0, 60),
           "status fails while an attached card is gone", guest.tioctl("status"))
    code, out, err = guest.tioctl("status")
    tap.ok(NEW in out and guest.state(NEW).get("link") != "secure",
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
    until(gone, 60)
    plug()
    settle()
    state = until(lambda: guest.state(NEW)["state"] == "attached", 60)
    tap.ok(state, "a card that came back is attached again", guest.tioctl("status"))
    code, out, err = guest.tioctl("detach", NEW)
    tap.ok(code == 0, "it is taken back", code, out, err, guest.log_end())
    guest.must("attach", NEW, "--vm", "vm1")
    guest.must("detach", NEW)
    tap.ok(driver(NEW) == "igb", "and attached and detached anew", driver(NEW))
    unplug()
    tap.ok(until(gone, 60), "and unplugged")


def pull_attached(how):
    """The card is pulled while it is attached and its stream enabled."""
    plug()
    fresh = ide_registers(NEW)
    guest.must("attach", NEW, "--vm", "vm1")
    how()
    tap.ok(until(gone, 60), "an attached card is pulled")
    settle()
    return fresh


def test_same_again():
    """A card that is torn out takes its registers along: the next one's are fresh."""
    fresh = pull_attached(surprise)
    guest.daemon.send_signal(signal.SIGSTOP)  # it would connect the card at once
    insert()
    settle()
    tap.ok(ide_registers(NEW) == fresh, "a card put into its place has no stream",
           fresh, ide_registers(NEW))
    guest.daemon.send_signal(signal.SIGCONT)
    tap.ok(until(lambda: guest.state(NEW)["state"] == "attached", 60),
           "it is attached again, as it is reserved", guest.tioctl("status"), guest.log_end())
    tap.ok(guest.state(NEW)["link"] == "secure", "with a link of its own", guest.state(NEW))
    guest.must("detach", NEW)
    unplug()
    tap.ok(until(gone, 60), "and is unplugged")


def test_at_once():
    """Nobody has to wait until tiod has heard of a card, or that it went."""
    for _ in range(2):
        insert()
        got = [guest.tioctl("attach", NEW, "--vm", "vm1"), guest.tioctl("detach", NEW)]
        tap.ok([code for code, _, _ in got] == [0, 0], "a card is attached when it is there",
               *got, guest.log_end())
        write(f"{PCI}{NEW}/remove", 1)
        code, _, err = guest.tioctl("attach", NEW, "--vm", "vm1")
        tap.ok(code == 4 and "there is no function" in err, "and not when it has gone", code,
               err)
        write("/sys/bus/pci/rescan", 1)
        code, _, err = guest.tioctl("plan", NEW, "--vm", "vm1")
        tap.ok(code == 0, "and there again right after a rescan", code, err)
        unplug()
        tap.ok(until(gone, 60), "and is unplugged")


def test_another_kind():
    """A reservation is of a card, not of a slot: a drive doesn't inherit a NIC's."""
    before = snapshot()
    pull_attached(surprise)
    plug("nvme")
    state = guest.state(NEW)
    tap.ok(state["state"] == "absent",
           "with another card in its place, the first one is absent", state)
    code, out, err = guest.tioctl("attach", NEW, "--vm", "vm1")
    tap.ok(code == 5 and "another card is in its place" in err,
           "the other card is not given to that VM", code, out, err)
    tap.ok(driver(NEW) == "nvme", "and keeps its driver", driver(NEW))
    with_card = snapshot()
    code, out, err = guest.tioctl("detach", NEW)
    tap.ok(code == 0 and snapshot() == with_card,
           "detach ends the reservation and leaves the other card alone", code, out, err,
           diff(with_card, snapshot()))
    guest.must("attach", NEW, "--vm", "vm1")
    tap.ok(guest.state(NEW)["state"] == "attached", "then the other card is attached")
    guest.must("detach", NEW)
    unplug()
    tap.ok(until(gone, 60), "and unplugged")
    settle()
    after = snapshot()
    tap.ok(before == after, "the host is as before", diff(before, after))


def main():
    global monitor  # pylint: disable=global-statement
    monitor = Monitor.own()
    guest.start()
    test_idle("igb")
    test_idle("nvme")
    test_attached(unplug, "device_del of an attached card")
    test_return()
    test_attached(surprise, "surprise removal of an attached card")
    test_same_again()
    test_another_kind()
    test_at_once()
    guest.stop()
    tap.end()


main()
