# SPDX-License-Identifier: GPL-2.0-or-later
"""Trace, snapshots, events, modules, device nodes."""

import os
import select
import signal
import socket
import subprocess

from inside import (BDF, DEV, OVERRIDE, STORE, check, child, ctl, end_of, equal, error_of, read,
                    until, write)


@check("the trace lists what changes something, in order")
def _():
    ctl("trace", "on")
    write(OVERRIDE, b"t\n")
    read(OVERRIDE)
    equal(error_of(write, f"{DEV}/sriov_numvfs", b"99"), "ERANGE")
    os.close(os.open(f"{STORE}/t", os.O_CREAT | os.O_WRONLY))
    os.rename(f"{STORE}/t", f"{STORE}/u")
    os.unlink(f"{STORE}/u")
    write(OVERRIDE, b"\n")
    ctl("trace", "off")
    seen = [(t["op"], os.path.basename(t["path"]), t.get("value"), t["errno"])
            for t in ctl("trace", "show")["trace"]]
    equal(seen, [("write", "driver_override", "t\n", ""),
                 ("write", "sriov_numvfs", "99", "ERANGE"), ("create", "t", None, ""),
                 ("rename", "t", "store/u", ""), ("unlink", "u", None, ""),
                 ("write", "driver_override", "\n", "")])


@check("snapshots differ after a change and are equal once it is taken back")
def _():
    before = ctl("snapshot")
    write(OVERRIDE, b"changed\n")
    assert ctl("snapshot") != before
    write(OVERRIDE, b"\n")
    equal(ctl("snapshot"), before)
    assert before.splitlines() == sorted(before.splitlines(), key=lambda l: l.split()[0].split("/"))
    assert "\nstore/" not in ctl("snapshot")
    with open(f"{STORE}/s", "w", encoding="ascii") as file:
        file.write("state\n")
    assert "\nstore/s file 0644 0:0 state\\n\n" in ctl("snapshot", "store=true")
    os.unlink(f"{STORE}/s")


def listen():
    peer = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15)
    peer.bind((0, 1))
    return peer


def events(peer, seconds=0.3):
    seen = []
    while select.select([peer], [], [], seconds)[0]:
        bytes_, (pid, _) = peer.recvfrom(8192)
        fields = bytes_.decode().split("\0")
        seen.append((fields[0], dict(f.split("=", 1) for f in fields[1:] if f), pid))
    return seen


@check("uevents arrive as from the kernel, in order, with rising numbers")
def _():
    peer = listen()
    write(f"{DEV}/uevent", b"change")
    write(f"{DEV}/driver/unbind", BDF.encode())
    write("/sys/bus/pci/drivers_probe", BDF.encode())
    seen = events(peer)
    actions = [fields["ACTION"] for _, fields, _ in seen if fields["SUBSYSTEM"] == "pci"]
    equal(actions, ["change", "unbind", "bind"])
    numbers = [int(fields["SEQNUM"]) for _, fields, _ in seen]
    equal(numbers, sorted(set(numbers)))
    equal({pid for _, _, pid in seen}, {0})
    equal(seen[0][0], "change@" + os.path.realpath(DEV)[4:])


@check("the tree shows what an event says before the event arrives")
def _():
    peer = listen()
    os.stat(f"{DEV}/driver/unbind")
    for turn in range(50):
        pid = child(write, f"{DEV}/driver/unbind", BDF.encode())
        select.select([peer], [], [], 2)
        assert not os.path.lexists(f"{DEV}/driver"), f"still there in turn {turn}"
        equal(end_of(pid), 0)
        events(peer, 0)
        pid = child(write, "/sys/bus/pci/drivers_probe", BDF.encode())
        select.select([peer], [], [], 2)
        assert os.path.lexists(f"{DEV}/driver"), f"not yet there in turn {turn}"
        equal(end_of(pid), 0)
        events(peer, 0)


@check("modprobe loads what the host describes, with what it depends on")
def _():
    assert not os.path.exists("/sys/module/vfio_pci")
    subprocess.run(["modprobe", "vfio-pci"], check=True)
    equal(read("/sys/module/vfio_pci/initstate"), b"live\n")
    assert os.path.isdir("/sys/module/vfio_pci_core")
    assert os.path.isdir("/sys/bus/pci/drivers/vfio-pci")
    subprocess.run(["rmmod", "vfio_pci"], check=True)
    assert not os.path.exists("/sys/module/vfio_pci")
    assert subprocess.run(["modprobe", "absent"], capture_output=True, check=False).returncode


@check("an unprivileged process cannot load modules")
def _():
    run = subprocess.run(["setpriv", "--bounding-set=-sys_module", "--inh-caps=-sys_module",
                          "modprobe", "vfio-pci"], capture_output=True, text=True, check=False)
    assert run.returncode and "not permitted" in run.stderr, run.stderr
    assert not os.path.exists("/sys/module/vfio_pci")


@check("the death of a process that holds a device node is seen")
def _():
    subprocess.run(["modprobe", "vfio-pci"], check=True)
    write(OVERRIDE, b"vfio-pci\n")
    write(f"{DEV}/driver/unbind", BDF.encode())
    write("/sys/bus/pci/drivers_probe", BDF.encode())
    node = f"/dev/vfio/devices/{os.listdir(f'{DEV}/vfio-dev')[0]}"
    holder = child(lambda: (os.open(node, os.O_RDWR | os.O_NOFOLLOW), signal.pause()))
    assert until(lambda: any(os.readlink(f"/proc/{holder}/fd/{fd}").endswith(os.path.basename(node))
                             for fd in os.listdir(f"/proc/{holder}/fd")))
    unbinder = child(write, f"{DEV}/driver/unbind", BDF.encode())
    equal(end_of(unbinder, 0.3), None)
    os.kill(holder, signal.SIGKILL)
    equal((end_of(holder), end_of(unbinder)), (-signal.SIGKILL, 0))
    write(OVERRIDE, b"\n")
    write("/sys/bus/pci/drivers_probe", BDF.encode())
