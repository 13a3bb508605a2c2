# SPDX-License-Identifier: GPL-2.0-or-later
"""TSMs, connecting, and the encrypted link."""
import os
import signal
import threading
import time

from .sim import (PCI, Background, Child, config, dword, exists, ide_block, name, read, same,
                  test, true, try_read, until, write)

EP = "0000:01:00.0"
RP = "0000:00:02.0"
TSM = PCI + EP + "/tsm/"
BRIDGE = "/sys/devices/pci0000:00/"


def connect(bdf=EP, text="tsm0"):
    return write(f"{PCI}{bdf}/tsm/connect", text)


def disconnect(bdf=EP, text="tsm0"):
    return write(f"{PCI}{bdf}/tsm/disconnect", text)


def streams():
    return sorted(n for n in os.listdir(BRIDGE) if n.startswith("stream"))


@test("tsm/ stands on function 0 of endpoints with TEE or IDE, and bound only where TEE is")
def _(sim):
    found = {bdf: sorted(os.listdir(PCI + bdf + "/tsm")) if exists(PCI + bdf + "/tsm") else None
             for bdf in (EP, "0000:03:00.0", "0000:04:00.0", "0000:02:00.0", RP)}
    full = ["bound", "connect", "disconnect", "dsm"]
    same(found, {EP: full, "0000:03:00.0": full, "0000:04:00.0": ["connect", "disconnect", "dsm"],
                 "0000:02:00.0": None, RP: None})
    true(exists(PCI + EP + "/authenticated"), "no authenticated")


@test("unconnected, connect, dsm, bound and authenticated read as an empty line")
def _(sim):
    same([read(TSM + a) for a in ("connect", "dsm", "bound")], ["\n"] * 3)
    same(read(PCI + EP + "/authenticated"), "\n")


@test("connect takes tsm0 with junk behind it, and EINVAL is for what is no tsm at all")
def _(sim):
    same([connect(text=t) for t in ("junk", "1", "tsm")], ["EINVAL"] * 3)
    same(connect(text="tsm0junk"), "")
    same(read(TSM + "connect"), "tsm0\n")
    same(disconnect(), "")


@test("connect to an absent TSM is ENXIO, and EBUSY once connected, whatever is written then")
def _(sim):
    same(connect(text="tsm7"), "ENXIO")
    same(connect(), "")
    same([connect(), connect(text="tsm7"), connect(text="x")], ["EBUSY", "EBUSY", "EINVAL"])
    same(disconnect(), "")


@test("disconnect is ENXIO unconnected and EINVAL for another name")
def _(sim):
    same(disconnect(), "ENXIO")
    connect()
    same([disconnect(text="tsm1"), disconnect(text="tsm0junk"), disconnect(text="tsm0\n")],
         ["EINVAL", "EINVAL", ""])


@test("connect is ENXIO without a CMA mailbox and EFAULT where its sessions are in another")
def _(sim):
    same([connect("0000:05:00.0"), connect("0000:06:00.0")], ["ENXIO", "EFAULT"])


@test("connect is EFAULT without IDE at the endpoint or at the port")
def _(sim):
    same([connect("0000:03:00.0"), connect("0000:07:00.0")], ["EFAULT", "EFAULT"])


@test("a stream that was enabled when its card was found keeps all below the host bridge out",
      "leftover")
def _(sim):
    same([connect("0000:15:00.0"), connect(EP)], ["EBUSY", "EBUSY"])
    same(read(BRIDGE + "available_secure_streams"), "256\n")


@test("a card keeps the stream that a disconnect did not reach, and its ID is lost", "leftover",
      keeps=True)
def _(sim):
    bdf = "0000:81:00.0"
    same(connect(bdf), "")
    sim.ctl("silent", function=bdf, on=True)
    same(disconnect(bdf), "")
    sim.ctl("silent", function=bdf, on=False)
    same([connect(bdf), disconnect(bdf)], ["", ""], "the kernel knew that it was free")
    connect(bdf)
    sim.ctl("silent", function=bdf, on=True)
    same(write(PCI + bdf + "/remove", "1"), "")
    same(write("/sys/bus/pci/rescan", "1"), "")
    same(ide_block(bdf)[0] & 1, 1)
    same(connect(bdf), "EBUSY")


@test("connect is EFAULT when the port has no block left")
def _(sim):
    same(connect("0000:12:00.0"), "")
    same(connect("0000:13:00.0"), "EFAULT")
    disconnect("0000:12:00.0")
    same(connect("0000:13:00.0"), "")
    disconnect("0000:13:00.0")


@test("connect is EFAULT when the host bridge has no streams, which it then doesn't count",
      "pool0")
def _(sim):
    same(exists(BRIDGE + "available_secure_streams"), False)
    same(connect(), "EFAULT")


@test("connecting shows the TSM, the stream, and secure registers with one ID at both ends")
def _(sim):
    same(read(BRIDGE + "available_secure_streams"), "256\n")
    same(connect(), "")
    same([read(TSM + a) for a in ("connect", "dsm", "bound")], ["tsm0\n", EP + "\n", "\n"])
    same(read(PCI + EP + "/authenticated"), "tsm0\n")
    same(streams(), ["stream0.0.0"])
    same(os.path.realpath(BRIDGE + "stream0.0.0"), os.path.realpath(PCI + EP))
    same(read(BRIDGE + "available_secure_streams"), "255\n")
    (ep, ep_status), (rp, rp_status) = ide_block(EP), ide_block(RP)
    same([ep_status, rp_status], [2, 2])
    same([ep, rp], [1 << 22 | 1 << 23 | 1, 1 << 9 | 1])
    same(disconnect(), "")
    same(streams(), [])


@test("streams are numbered per host bridge, and blocks per port")
def _(sim):
    connect()
    connect("0000:12:00.0")
    same(streams(), ["stream0.0.0", "stream1.0.0"])
    same(ide_block("0000:12:00.0")[0] >> 24, 1)
    disconnect()
    connect("0000:04:00.0")
    same(streams(), ["stream0.0.0", "stream1.0.0"])
    disconnect("0000:04:00.0")
    disconnect("0000:12:00.0")


@test("idle blocks carry Stream ID 255")
def _(sim):
    same([ide_block(EP)[0], ide_block(RP, 1)[0]], [0xff000000] * 2)


@test("connect says nothing to udev")
def _(sim):
    connect()
    disconnect()
    same(sim.events.drain(0.1), [])


@test("connect can succeed with a stream that never gets secure")
def _(sim):
    sim.ctl("ide-insecure", function=EP, on=True)
    same(connect(), "")
    ctl, status = ide_block(EP)
    same([ctl & 1, status], [1, 0])
    disconnect()
    sim.ctl("ide-insecure", function=EP, on=False)


@test("a failed stream is insecure with the message bit, counts in AER, and stays connected",
      keeps=True)
def _(sim):
    bdf = "0000:12:00.0"
    connect(bdf)
    sim.ctl("ide-fail", function=bdf)
    same([ide_block(bdf)[1], ide_block("0000:00:04.1")[1]], [1 << 31] * 2)
    true("IDECheck 1\n" in read(PCI + bdf + "/aer_dev_nonfatal"), "no IDECheck")
    same(read(PCI + "0000:00:04.1/aer_rootport_total_err_nonfatal"), "2\n")
    same(read(PCI + bdf + "/tsm/connect"), "tsm0\n")
    disconnect(bdf)


@test("a reset of function 0 leaves connect as it was and the stream insecure")
def _(sim):
    connect()
    same(write(PCI + EP + "/reset", "1"), "")
    same(read(TSM + "connect"), "tsm0\n")
    same(ide_block(EP)[1], 0)
    disconnect()


@test("reset takes nothing but 1, and reset_method nothing that the function can't do")
def _(sim):
    same(write(PCI + EP + "/reset", "2"), "EINVAL")
    path = PCI + EP + "/reset_method"
    same(read(path), "flr bus\n")
    same(write(path, "pm"), "EINVAL")
    same(write(path, "flr"), "")
    same(read(path), "flr\n")
    same(write(path, "\n"), "")
    same(read(path), "")
    same(write(PCI + EP + "/reset", "1"), "ENOTTY")
    same(write(path, "default"), "")


@test("when the TSM goes, so do every link and tsm/, with one event")
def _(sim):
    connect()
    sim.ctl("tsm-remove", tsm="tsm0")
    same([(e["ACTION"], name(e)) for e in sim.events.drain(0.15)], [("remove", "tsm0")])
    same(exists(TSM), False)
    same(exists(PCI + EP + "/authenticated"), False)
    same(ide_block(EP)[0] & 1, 0)
    sim.ctl("tsm-add")


@test("a TSM that comes sends add before tsm/ is there and change after it")
def _(sim):
    sim.ctl("tsm-remove")
    sim.events.drain(0.1)
    sim.ctl("tsm-add")
    events = sim.events.drain(0.15)
    same([(e["ACTION"], e["SUBSYSTEM"]) for e in events], [("add", "tsm"), ("change", "tsm")])
    true(exists(TSM + "connect"), "no tsm/ after change")
    same(os.path.realpath("/sys/class/tsm/tsm0/device"), os.path.realpath(PCI + "0000:00:01.0"))


@test("unloading kvm-amd takes the TSM away and loading it brings tsm0 again")
def _(sim):
    same(os.system("modprobe -r kvm-amd && [ ! -e /sys/class/tsm/tsm0 ] && modprobe kvm-amd"), 0)
    true(exists(TSM + "connect"), "no tsm/")


@test("removing a connected function disconnects it, and a rescan does not connect it again")
def _(sim):
    connect()
    same(write(PCI + EP + "/remove", "1"), "")
    same(streams(), [])
    same(write("/sys/bus/pci/rescan", "1"), "")
    same(read(TSM + "connect"), "\n")


@test("with TSM support for all functions, VFs get tsm/ at connect and those made later too",
      "vftsm")
def _(sim):
    vfs = ["0000:01:00.1", "0000:01:00.2"]
    numvfs = PCI + EP + "/sriov_numvfs"
    write(numvfs, "1")
    same(exists(PCI + vfs[0] + "/tsm"), False)
    connect()
    same(sorted(os.listdir(PCI + vfs[0] + "/tsm")), ["bound", "dsm"])
    same(read(PCI + vfs[0] + "/tsm/dsm"), EP + "\n")
    same(read(PCI + vfs[0] + "/authenticated"), "tsm0\n")
    write(numvfs, "0")
    write(numvfs, "2")
    true(exists(PCI + vfs[1] + "/tsm/dsm"), "the later VF has no tsm/")
    sim.ctl("tdi-bound", function=vfs[0])
    same(read(PCI + vfs[0] + "/tsm/bound"), "tsm0\n")
    disconnect()
    same(exists(PCI + vfs[0] + "/tsm"), False)
    write(numvfs, "0")


# --- The lock of the whole host ---

OTHER = "0000:12:00.0"


def hanging_connect(sim, bdf=EP):
    """One that is at work, with the lock, until let_go()."""
    sim.ctl("tsm-hang", how="forever")
    return Background(f"{PCI}{bdf}/tsm/connect", "tsm0").at_work()


def let_go(sim, running, result=""):
    sim.ctl("tsm-hang", how="off")
    same(running.wait(), result)


def still_waits(child):
    """A moment longer than it would take if it didn't wait, on a machine that isn't busy."""
    time.sleep(0.1)
    return not child.ended()


@test("while one device connects, reads of any device's tsm/ wait and other reads don't")
def _(sim):
    running = hanging_connect(sim)
    read(PCI + OTHER + "/vendor")
    true(running.is_alive(), "the connect has ended")
    paths = (OTHER + "/tsm/dsm", "0000:03:00.0/tsm/bound", EP + "/authenticated")
    readers = [Child(lambda path=path: 0 if read(PCI + path) is not None else 1).at_work()
               for path in paths]
    same([still_waits(reader) for reader in readers], [True] * 3)
    let_go(sim, running)
    same([reader.wait() for reader in readers], [0] * 3)
    same(read(TSM + "connect"), "tsm0\n")
    disconnect()


@test("connects of two devices run one after the other", "timed")
def _(sim):
    begin = time.monotonic()
    both = [Background(PCI + bdf + "/tsm/connect", "tsm0") for bdf in (EP, OTHER)]
    same([w.wait() for w in both], ["", ""])
    true(time.monotonic() - begin > 0.75, "they ran side by side")
    disconnect()
    disconnect(OTHER)


@test("a read that waits for the lock is interrupted by a signal: EINTR")
def _(sim):
    running = hanging_connect(sim)

    def reader():
        signal.signal(signal.SIGUSR1, lambda *_: None)
        fd = os.open(PCI + OTHER + "/tsm/connect", os.O_RDONLY)
        signal.setitimer(signal.ITIMER_REAL, 0)
        return raw_read_errno(fd)
    child = Child(reader).at_work()
    true(still_waits(child), "it did not wait")
    child.kill(signal.SIGUSR1)
    same(child.wait(), 4)
    true(running.is_alive(), "it waited on")
    let_go(sim, running)
    disconnect()


def raw_read_errno(fd):
    """read(2) as it is: Python's own would try again after EINTR."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    buf = ctypes.create_string_buffer(64)
    return ctypes.get_errno() if libc.read(fd, buf, 64) < 0 else 0


@test("a connect that waits for the lock ends when its process is killed, without effect")
def _(sim):
    running = hanging_connect(sim)
    child = Child(lambda: 0 if connect(OTHER) == "" else 1).at_work()
    true(still_waits(child), "it did not wait")
    child.kill()
    same(child.wait(), -signal.SIGKILL)
    true(running.is_alive(), "it waited on")
    let_go(sim, running)
    same(read(f"{PCI}{OTHER}/tsm/connect"), "\n")
    disconnect()


@test("a connect at work is not stopped by a kill and is done in spite of it")
def _(sim):
    sim.ctl("tsm-hang", how="forever")
    child = Child(lambda: 0 if connect() == "" else 1).at_work()
    child.kill()
    true(still_waits(child), "ended at once")
    sim.ctl("tsm-hang", how="off")
    child.wait()
    until(lambda: read(TSM + "connect") == "tsm0\n", "it was not done")
    disconnect()


@test("VFs wait to be made while a connect runs")
def _(sim):
    running = hanging_connect(sim, OTHER)
    child = Child(lambda: 0 if write(PCI + "0000:0a:00.0/sriov_numvfs", "1") == "" else 1)
    true(still_waits(child.at_work()), "they did not wait")
    let_go(sim, running)
    same(child.wait(), 0)
    write(PCI + "0000:0a:00.0/sriov_numvfs", "0")
    disconnect(OTHER)


@test("a device that is pulled out while it connects makes that EIO", keeps=True)
def _(sim):
    sim.ctl("plug", name="spare")
    bdf = "0000:14:00.0"
    running = hanging_connect(sim, bdf)
    thread = threading.Thread(target=sim.ctl, args=("surprise-remove",),
                              kwargs={"function": bdf})
    thread.start()
    until(lambda: config(bdf)[:4] == b"\xff" * 4, "it still answers")
    let_go(sim, running, "EIO")
    thread.join()
    same(exists(PCI + bdf), False)
    same(streams(), [])


@test("DevCap has the TEE-IO and FLR bits, and the port its number")
def _(sim):
    image, rp = config(EP), config(RP)
    same(dword(image, 0x44) >> 28 & 7, 5)
    same(dword(rp, 0x4c) >> 24, 1)
    same(try_read(PCI + EP + "/doe_features/0001:01"), "0001:01\n")
    true(exists(PCI + EP + "/doe_features/doe_discovery"), "no doe_discovery")
