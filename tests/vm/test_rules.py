# SPDX-License-Identifier: GPL-2.0-or-later
"""Cards that come up by themselves on a real kernel: by rule, and by what is reserved."""

import os
import time

from guest import (CONFIG, PCI, RUNTIME, Guest, Monitor, Tap, driver, settle,
                   slot_is_free, until, write)

HERE, THERE = "0000:06:00.0", "0000:07:00.0"
RULES = CONFIG + "/rules.d"

tap = Tap()
guest = Guest(step_timeout=20)
monitor = None


def rule(name, text):
    os.makedirs(RULES, exist_ok=True)
    write(f"{RULES}/{name}.conf", text)
    guest.must("reload")


def plug(port):
    # port6 is 0000:00:15.0, port7 the next.
    bridge = f"0000:00:{0x0f + int(port[4:]):x}.0"
    tap.ok(until(lambda: slot_is_free(bridge), 60), f"{port} is free")
    monitor.call("device_add", driver="e1000e", id="new", bus=port, romfile="",
                 mac="52:54:00:00:06:00")
    return time.monotonic()


def unplug(function):
    monitor.call("device_del", id="new")
    until(lambda: not os.path.exists(PCI + function) and not [
        one for one in monitor.call("qom-list", path="/machine/peripheral")
        if one["name"] == "new"], 60)
    until(lambda: "error" in guest.call("GetFunction", function=function) or
          state(function) == "absent", 60)


def state(function):
    reply = guest.call("GetFunction", function=function)
    return "" if "error" in reply else reply["parameters"]["function"]["state"]


def attached(function, since, sentence):
    good = until(lambda: state(function) == "attached", 60)
    took = time.monotonic() - since
    tap.ok(good and driver(function) == "vfio-pci", sentence, state(function), guest.log_end())
    tap.note(f"{took:.1f} s after device_add")


def reserved():
    functions = guest.call("GetStatus", vm="vm1")["parameters"]["functions"]
    return [(f["address"], f["assignment"]["named"]) for f in functions]


def test_by_serial():
    plug("port6")
    until(lambda: state(HERE) == "idle", 60)
    serial = guest.state(HERE)["serial"]  # which e1000e makes of its MAC address
    tap.ok(serial, "the card has a serial number", guest.state(HERE))
    unplug(HERE)
    rule("50-mine", f"[Match]\nSerial={serial}\n[Attach]\nVM=vm1\nOn=hotplug\n")
    attached(HERE, plug("port6"), "a card that is plugged in is attached by a rule")
    tap.ok(reserved() == [(HERE, "serial:" + serial)], "reserved by its serial number",
           reserved())
    link = guest.state(HERE)["link"]
    tap.ok(link == "secure", "over a secure link", link)
    unplug(HERE)
    attached(THERE, plug("port7"), "in another slot it is found by its serial number")
    tap.ok(reserved() == [(THERE, "serial:" + serial)], "and nothing stays at the old address",
           reserved())
    code, _, err = guest.tioctl("wait", "--timeout", "20")
    tap.ok(code == 0, "tioctl wait: all that is reserved is attached", code, err)
    guest.must("detach", THERE)
    tap.ok(until(lambda: driver(THERE) == "e1000e", 20), "detached by hand it goes to its driver",
           driver(THERE))
    settle()
    tap.ok(state(THERE) == "idle", "and stays there", state(THERE))
    unplug(THERE)
    os.unlink(f"{RULES}/50-mine.conf")
    guest.must("reload")


def test_boot():
    """The start after a boot, which an empty runtime folder is."""
    rule("50-vf", "[Match]\nAddress=0000:01:00.0\n"
                  "[Attach]\nVM=vm2\nFunction=vf\nVFs=2\nOn=boot\n")
    guest.stop()
    os.unlink(RUNTIME + "/booted")
    start = time.monotonic()
    guest.start()
    code, _, err = guest.tioctl("wait", "--timeout", "60")
    tap.ok(code == 0, "boot: wait returns when the rules are done", code, err,
           guest.log_end())
    tap.note(f"{time.monotonic() - start:.1f} s after tiod's start")
    functions = guest.call("GetStatus", vm="vm2")["parameters"]["functions"]
    tap.ok([f["assignment"]["named"] for f in functions] ==
           ["0000:01:00.0/vf0", "0000:01:00.0/vf1"], "two VFs were given", functions)
    guest.must("detach", "--vm", "vm2")
    os.unlink(f"{RULES}/50-vf.conf")


def main():
    global monitor
    monitor = Monitor.own()
    guest.start()
    test_by_serial()
    test_boot()
    guest.stop()
    tap.end()


if __name__ == "__main__":
    main()
