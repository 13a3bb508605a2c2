# SPDX-License-Identifier: GPL-2.0-or-later
"""Many events at once, and more than the kernel keeps: no device is missed, none read twice."""

import os
import signal
import socket
import time

from checks import run_all, set_pci, until
from world import SOCKET

NIC, VFS, MANY = "0000:41:00.0", 64, 1016
PASSES_MAX, GATHER = 8, 0.05  # a few, and one for each pause of the kernel that is longer
NETLINK_KOBJECT_UEVENT = 15
PAYLOAD = b"add@/devices/none\0ACTION=add\0DEVPATH=/devices/none\0SUBSYSTEM=none\0"


def dropped():
    """Events that the kernel has dropped since listeners of this host did not read."""
    with open("/proc/net/netlink", encoding="ascii") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    return sum(int(row[8]) for row in rows if int(row[1]) == NETLINK_KOBJECT_UEVENT)


def flood(limit=4_000_000):
    """
    Events of nothing, until some are dropped.  What is sent to the kernel's own socket is
    passed to all listeners of the network namespace, as if it were the kernel's.
    """
    payload = PAYLOAD + b"X=" + b"x" * 1500 + b"\0"
    header = (16 + len(payload)).to_bytes(4, "little") + (16).to_bytes(2, "little") + \
        (1).to_bytes(2, "little") + bytes(8)
    before = dropped()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_KOBJECT_UEVENT) as injector:
        injector.connect((0, 0))
        for n in range(limit):
            try:
                injector.send(header + payload)
            except OSError:  # it says so itself when a listener has no room
                pass
            if n % 1000 == 0 and dropped() > before:
                return n
    return 0


def known(checks):
    """How many VFs of the NIC tiod knows."""
    functions = checks.world.call("ListFunctions", all=True)["parameters"]["functions"]
    return sum(f["kind"] == "vf" for f in functions)


def burst(checks):
    opens = checks.sim.fault(path="*/config", op="open", act="count", nth=0)
    set_pci(NIC, "sriov_numvfs", str(VFS))
    until(lambda: known(checks) == VFS)
    checks.tap.ok(known(checks) == VFS, f"{VFS} VFs that come at once are all found",
                  known(checks))
    read = checks.sim.hits(opens)
    checks.tap.ok(VFS <= read < 2 * VFS, "each of them is read about once", read)
    checks.sim("clear")
    set_pci(NIC, "sriov_numvfs", "0")
    until(lambda: known(checks) == 0)
    checks.tap.ok(known(checks) == 0, "and all are gone again", known(checks))


def overrun(checks):
    for number, sentence in ((VFS, "VFs whose events were dropped are all found"),
                             (0, "and are missed when they went without one being heard")):
        checks.world.daemon.send_signal(signal.SIGSTOP)
        try:
            sent = flood()
            lost = dropped()
            set_pci(NIC, "sriov_numvfs", str(number))
            checks.tap.ok(sent and dropped() > lost,
                          "the kernel drops the events of a tiod that does not listen",
                          sent, lost, dropped())
            checks.tap.note(f"{sent} events were sent before the first was dropped")
        finally:
            checks.world.daemon.send_signal(signal.SIGCONT)
        until(lambda: known(checks) == number, 60)
        checks.tap.ok(known(checks) == number, sentence, known(checks))
    checks.tap.ok(os.path.exists(SOCKET) and checks.world.alive(), "tiod has outlived it")


def passes(checks):
    """How often tiod has read the host so far, for whatever reason."""
    page = checks.world.call("GetMetrics")["parameters"]["text"]
    return sum(int(line.split()[1]) for line in page.splitlines()
               if line.startswith("tiod_scans_total{"))


def many(checks):
    """A burst that takes the kernel a while is waited for, but not for ever."""
    opens = checks.sim.fault(path="*/config", op="open", act="count", nth=0)
    for number in (MANY, 0):
        before, begin = passes(checks), time.monotonic()
        set_pci(NIC, "sriov_numvfs", str(number))
        until(lambda: known(checks) == number, 120)
        checks.tap.ok(known(checks) == number, f"{MANY} VFs have "
                      f"{'come, and none is missed' if number else 'gone'}", known(checks))
        most = PASSES_MAX + (time.monotonic() - begin) / GATHER
        read = passes(checks) - before
        checks.tap.note(f"the host was read {read} times")
        checks.tap.ok(0 < read < most, "and the host was read a few times for it", read)
    checks.tap.ok(checks.sim.hits(opens) < 2 * MANY, "each of them about once",
                  checks.sim.hits(opens))
    checks.sim("clear")


run_all({"plain": [burst, overrun], "many-vfs": [many]})
