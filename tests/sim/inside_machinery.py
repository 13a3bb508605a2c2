#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of the machinery of tio-sim that run inside it, on hosts/minimal.json.

test_machinery.py starts this and collects its lines: "ok <sentence>" or
"not ok <sentence>: <why>".
"""

import ctypes
import errno
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time

SIM = sys.argv[1]
STORE = os.environ["TIO_SIM_STORE"]
BDF = "0000:01:00.0"
DEV = f"/sys/bus/pci/devices/{BDF}"
OVERRIDE = f"{DEV}/driver_override"
CHECKS = []


def check(sentence):
    def add(function):
        CHECKS.append((sentence, function))
        return function
    return add


def ctl(verb, *args, ok=True):
    """The reply as an object; with ok=False the sentence of the refusal."""
    run = subprocess.run([SIM, "ctl", verb, *args], capture_output=True, text=True, check=False)
    assert (run.returncode == 0) == ok, f"ctl {verb} {args}: {run.stdout}{run.stderr}"
    if not ok:
        return run.stderr
    return json.loads(run.stdout) if run.stdout.startswith("{") else run.stdout


def fault(**keys):
    return ctl("fault", *[f"{key}={value}" for key, value in keys.items()])["id"]


def the_fault(number):
    return [f for f in ctl("faults")["faults"] if f["id"] == number][0]


def read(path):
    with open(path, "rb", buffering=0) as file:
        return file.read()


def write(path, value):
    fd = os.open(path, os.O_WRONLY)
    try:
        return os.write(fd, value)
    finally:
        os.close(fd)


def error_of(function, *args):
    """The errno with which it fails, as its name; "" if it does not."""
    try:
        function(*args)
    except OSError as failure:
        return errno.errorcode[failure.errno]
    return ""


def child(function, *args):
    """Runs it in a process of its own: exits 0, or with the errno."""
    pid = os.fork()
    if pid == 0:
        try:
            function(*args)
        except OSError as failure:
            os._exit(failure.errno)
        os._exit(0)
    return pid


def end_of(pid, seconds=5):
    """How it ended: its exit status, or the negative signal; None if it did not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    return None


def until(condition, seconds=5):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.005)
    return False


def state_of(pid):
    return read(f"/proc/{pid}/stat").rsplit(b")", 1)[1].split()[0].decode()


def hanging(number, count=1):
    assert until(lambda: the_fault(number)["hanging"] == count), the_fault(number)


def equal(seen, wanted):
    assert seen == wanted, f"{seen!r} is not {wanted!r}"


# --- Attributes ---


@check("an attribute shows its text and takes one write")
def _():
    equal(read(OVERRIDE), b"(null)\n")
    equal(write(OVERRIDE, b"vfio-pci\n"), 9)
    equal(read(OVERRIDE), b"vfio-pci\n")
    write(OVERRIDE, b"\n")
    equal(read(OVERRIDE), b"(null)\n")


@check("a read at a later offset goes on with the text of the first one")
def _():
    fd = os.open(OVERRIDE, os.O_RDONLY)
    equal(os.pread(fd, 3, 0), b"(nu")
    write(OVERRIDE, b"other\n")
    equal(os.pread(fd, 9, 3), b"ll)\n")
    equal(os.pread(fd, 9, 0), b"other\n")
    os.close(fd)
    write(OVERRIDE, b"\n")


@check("a write of nothing and a truncation have no effect")
def _():
    write(OVERRIDE, b"kept\n")
    equal(write(OVERRIDE, b""), 0)
    os.close(os.open(OVERRIDE, os.O_WRONLY | os.O_TRUNC))
    os.truncate(OVERRIDE, 0)
    equal(read(OVERRIDE), b"kept\n")
    subprocess.run(["sh", "-c", f"echo > {OVERRIDE}"], check=True)
    equal(read(OVERRIDE), b"(null)\n")


@check("the errno of an attribute reaches the caller")
def _():
    equal(error_of(write, f"{DEV}/sriov_numvfs", b"99"), "ERANGE")
    equal(error_of(write, "/sys/bus/pci/drivers/gpudrv/bind", b"0000:77:00.0"), "ENODEV")


@check("names cannot be made or removed in /sys")
def _():
    equal(error_of(os.open, f"{DEV}/new", os.O_CREAT | os.O_WRONLY), "EACCES")
    equal(error_of(os.mkdir, f"{DEV}/new"), "EPERM")
    equal(error_of(os.unlink, OVERRIDE), "EPERM")
    equal(error_of(os.rename, OVERRIDE, f"{DEV}/new"), "EPERM")
    equal(error_of(os.stat, f"{DEV}/absent"), "ENOENT")


@check("not even root reads what nobody may read")
def _():
    equal(error_of(os.open, f"{DEV}/remove", os.O_RDONLY), "EACCES")
    equal(error_of(os.open, f"{DEV}/vendor", os.O_WRONLY), "EACCES")


@check("mode and owner of an attribute can be changed")
def _():
    os.chmod(OVERRIDE, 0o640)
    equal(os.stat(OVERRIDE).st_mode & 0o7777, 0o640)
    os.chmod(OVERRIDE, 0o644)
    if len(read("/proc/self/uid_map").split()) > 1 and b" 65536" in read("/proc/self/uid_map"):
        os.chown(OVERRIDE, 7, 8)
        equal((os.stat(OVERRIDE).st_uid, os.stat(OVERRIDE).st_gid), (7, 8))
        os.chown(OVERRIDE, 0, 0)


@check("configuration space is cut to 64 bytes for who opens it without CAP_SYS_ADMIN")
def _():
    equal(len(read(f"{DEV}/config")), 4096)
    run = subprocess.run(["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin",
                          "sh", "-c", f"wc -c < {DEV}/config"], capture_output=True, check=True)
    equal(int(run.stdout), 64)


# --- The store ---


@check("the store keeps files like any file system")
def _():
    os.mkdir(f"{STORE}/dir")
    with open(f"{STORE}/dir/a", "wb") as file:
        file.write(b"x" * 10000)
        file.flush()
        os.fsync(file.fileno())
        file.truncate(5)
    with open(f"{STORE}/dir/a", "ab") as file:
        file.write(b"yy")
    equal(read(f"{STORE}/dir/a"), b"xxxxxyy")
    equal(os.stat(f"{STORE}/dir/a").st_size, 7)
    equal(error_of(os.rmdir, f"{STORE}/dir"), "ENOTEMPTY")
    os.rename(f"{STORE}/dir/a", f"{STORE}/b")
    equal(os.listdir(STORE), ["dir", "b"])
    os.rmdir(f"{STORE}/dir")


@check("a rename in the store replaces the file, which stays readable while open")
def _():
    with open(f"{STORE}/b", "rb", buffering=0) as old:
        with open(f"{STORE}/new", "wb") as file:
            file.write(b"new")
        os.rename(f"{STORE}/new", f"{STORE}/b")
        equal(old.read(), b"xxxxxyy")
    equal(read(f"{STORE}/b"), b"new")
    os.unlink(f"{STORE}/b")
    equal(os.listdir(STORE), [])


# --- Faults ---


@check("the nth write fails with the errno of the rule, once")
def _():
    number = fault(path="*/driver_override", act="errno", errno="EBUSY", nth=2)
    equal([error_of(write, OVERRIDE, b"a\n") for _ in range(3)], ["", "EBUSY", ""])
    rule = the_fault(number)
    equal((rule["seen"], rule["applied"]), (3, 1))
    write(OVERRIDE, b"\n")


@check("a rule with nth=0 applies every time, with count as often as that")
def _():
    fault(path="driver_override", act="errno", errno="EIO", nth=0)
    equal([error_of(write, OVERRIDE, b"a\n") for _ in range(3)], ["EIO"] * 3)
    ctl("clear")
    fault(path="driver_override", act="errno", errno="EIO", nth=2, count=2)
    equal([error_of(write, OVERRIDE, b"\n") for _ in range(4)], ["", "EIO", "EIO", ""])


@check("a fault before has no effect, a fault after has had it")
def _():
    fault(path="driver_override", act="errno", errno="EIO")
    equal(error_of(write, OVERRIDE, b"before\n"), "EIO")
    equal(read(OVERRIDE), b"(null)\n")
    fault(path="driver_override", act="errno", errno="EIO", when="after")
    equal(error_of(write, OVERRIDE, b"after\n"), "EIO")
    equal(read(OVERRIDE), b"after\n")
    write(OVERRIDE, b"\n")


@check("noeffect answers success and does nothing")
def _():
    fault(path="driver_override", act="noeffect")
    equal(write(OVERRIDE, b"lost\n"), 5)
    equal(read(OVERRIDE), b"(null)\n")


@check("reads and opens can fail too")
def _():
    fault(path="sys/*/driver_override", op="read", act="errno", errno="ENXIO")
    equal(error_of(read, OVERRIDE), "ENXIO")
    fault(path="sys/*/driver_override", op="open", act="errno", errno="EMFILE")
    equal(error_of(read, OVERRIDE), "EMFILE")
    equal(read(OVERRIDE), b"(null)\n")


@check("a delay takes its time")
def _():
    fault(path="driver_override", act="delay", ms=150)
    start = time.monotonic()
    write(OVERRIDE, b"\n")
    assert 0.14 < time.monotonic() - start < 2


@check("rename, fsync, unlink, create, mkdir and truncate in the store can fail")
def _():
    path = f"{STORE}/f"
    fd = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    cases = [("rename", os.rename, path, f"{STORE}/g"), ("fsync", os.fsync, fd),
             ("unlink", os.unlink, path), ("truncate", os.ftruncate, fd, 3),
             ("write", os.write, fd, b"x"), ("mkdir", os.mkdir, f"{STORE}/d"),
             ("create", os.open, f"{STORE}/g", os.O_CREAT | os.O_WRONLY)]
    for op, function, *args in cases:
        fault(path="store/*", op=op, act="errno", errno="ENOSPC")
        equal((op, error_of(function, *args)), (op, "ENOSPC"))
        fault(path="store/*", op="change", act="errno", errno="EROFS")
        equal((op, error_of(function, *args)), (op, "EROFS"))
    equal((os.listdir(STORE), os.stat(path).st_size), (["f"], 0))
    os.unlink(path)
    os.close(fd)


@check("a counting rule counts and nothing else")
def _():
    number = fault(path="sys/*", op="change", act="count")
    for _ in range(3):
        write(OVERRIDE, b"\n")
    read(OVERRIDE)
    equal(the_fault(number)["seen"], 3)


@check("a process that hangs killably dies when killed, and has changed nothing")
def _():
    number = fault(path="driver_override", act="hang")
    pid = child(write, OVERRIDE, b"hung\n")
    hanging(number)
    os.kill(pid, signal.SIGKILL)
    equal(end_of(pid), -signal.SIGKILL)
    equal(read(OVERRIDE), b"(null)\n")


@check("a killable hang ignores signals that do not kill")
def _():
    number = fault(path="driver_override", act="hang")
    pid = child(lambda: (signal.signal(signal.SIGUSR1, lambda *_: None),
                         write(OVERRIDE, b"hung\n")))
    hanging(number)
    os.kill(pid, signal.SIGUSR1)
    equal(end_of(pid, 0.2), None)
    ctl("release", str(number))
    equal(end_of(pid), 0)
    equal(read(OVERRIDE), b"hung\n")
    write(OVERRIDE, b"\n")


@check("an interruptible hang ends with EINTR on any signal")
def _():
    number = fault(path="driver_override", act="hang", mode="interruptible")
    pid = child(lambda: (signal.signal(signal.SIGUSR1, lambda *_: os._exit(77)),
                         write(OVERRIDE, b"hung\n")))
    hanging(number)
    os.kill(pid, signal.SIGUSR1)
    equal(end_of(pid), 77)
    equal(read(OVERRIDE), b"(null)\n")


@check("an uninterruptible hang keeps a killed process in D state until it is released")
def _():
    number = fault(path="driver_override", act="hang", mode="uninterruptible")
    pid = child(write, OVERRIDE, b"late\n")
    hanging(number)
    os.kill(pid, signal.SIGKILL)
    assert until(lambda: state_of(pid) == "D"), state_of(pid)
    equal(end_of(pid, 0.2), None)
    equal(ctl("release", "all")["released"], 1)
    equal(end_of(pid), -signal.SIGKILL)
    equal(read(OVERRIDE), b"late\n")
    write(OVERRIDE, b"\n")


@check("while a hundred writes hang, everything else answers")
def _():
    number = fault(path="*/sriov_numvfs", act="hang", nth=0)
    pids = [child(write, f"{DEV}/sriov_numvfs", b"0") for _ in range(100)]
    hanging(number, 100)
    start = time.monotonic()
    equal(read(f"{DEV}/vendor"), b"0x1af4\n")
    ctl("snapshot")
    write(OVERRIDE, b"\n")
    assert time.monotonic() - start < 2
    ctl("clear")
    equal([end_of(pid) for pid in pids], [0] * 100)


@check("a writer of the same attribute gets past one that hangs")
def _():
    number = fault(path="driver_override", act="hang", mode="uninterruptible")
    pid = child(write, OVERRIDE, b"slow\n")
    hanging(number)
    other = child(write, OVERRIDE, b"quick\n")
    equal(end_of(other, 2), 0)
    equal(read(OVERRIDE), b"quick\n")
    ctl("release", "all")
    equal(end_of(pid), 0)
    write(OVERRIDE, b"\n")


@check("kill before and after the effect of a write")
def _():
    for when, wanted in (("before", b"(null)\n"), ("after", b"dead\n")):
        fault(path="driver_override", act="kill", when=when)
        equal(end_of(child(write, OVERRIDE, b"dead\n")), -signal.SIGKILL)
        equal(read(OVERRIDE), wanted)
    write(OVERRIDE, b"\n")


def parent_of_writer(report):
    pid = child(write, OVERRIDE, b"x\n")
    os.write(report, str(end_of(pid)).encode())


@check("kill-parent kills the parent, kill-both the writer too")
def _():
    for act, wanted in (("kill-parent", b"x\n"), ("kill-both", b"(null)\n")):
        fault(path="driver_override", act=act)
        ours, theirs = os.pipe()
        pid = child(parent_of_writer, theirs)
        os.close(theirs)
        equal(end_of(pid), -signal.SIGKILL)
        equal(os.read(ours, 9), b"")
        os.close(ours)
        equal(read(OVERRIDE), wanted)
        write(OVERRIDE, b"\n")


@check("a writer that dies with its parent has changed nothing")
def _():
    def writer():
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        write(OVERRIDE, b"x\n")

    fault(path="driver_override", act="kill-parent")
    pid = child(lambda: end_of(child(writer)))
    equal(end_of(pid), -signal.SIGKILL)
    ctl("ping")
    equal(read(OVERRIDE), b"(null)\n")


@check("signal-stop stops the caller once it is answered")
def _():
    fault(path="driver_override", act="signal-stop")
    pid = child(write, OVERRIDE, b"\n")
    assert until(lambda: state_of(pid) == "T")
    os.kill(pid, signal.SIGCONT)
    equal(end_of(pid), 0)


@check("vanish removes the device under the write, which answers ENODEV")
def _():
    fault(path="sys/*/sriov_numvfs", act="vanish")
    fd = os.open(OVERRIDE, os.O_RDONLY)
    equal(error_of(write, f"{DEV}/sriov_numvfs", b"0"), "ENODEV")
    equal(os.path.lexists(DEV), False)
    equal(error_of(os.pread, fd, 9, 0), "ENODEV")
    os.close(fd)
    ctl("plug", f"name={BDF}")
    assert os.path.exists(DEV), "it could not be plugged again"


@check("tsm-gone takes the TSM away at the write")
def _():
    equal(os.listdir("/sys/class/tsm"), ["tsm0"])
    fault(path="driver_override", act="tsm-gone")
    write(OVERRIDE, b"\n")
    equal(os.listdir("/sys/class/tsm"), [])
    ctl("tsm-add")


@check("a rule that makes no sense is refused with a sentence")
def _():
    for keys, word in (({"act": "errno"}, "path"), ({"path": "x", "act": "dance"}, "dance"),
                       ({"path": "x", "act": "errno", "errno": "EFOO"}, "EFOO"),
                       ({"path": "x", "act": "hang", "op": "fly"}, "fly"),
                       ({"path": "x", "act": "hang", "mode": "soft"}, "soft"),
                       ({"path": "x", "act": "hang", "nth": "two"}, "number"),
                       ({"path": "x", "act": "hang", "typo": 1}, "typo")):
        said = ctl("fault", *[f"{k}={v}" for k, v in keys.items()], ok=False)
        assert word in said, said
    assert "nonsense" in ctl("nonsense", ok=False)


# --- Trace, snapshot, events, modules ---


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


def main():
    for sentence, function in CHECKS:
        try:
            function()
            print(f"ok {sentence}", flush=True)
        except Exception as why:  # pylint: disable=broad-except
            line = why.__traceback__.tb_next.tb_lineno if why.__traceback__.tb_next else 0
            said = f"{type(why).__name__} {why} (line {line})".replace("\n", " ")
            print(f"not ok {sentence}: {said}", flush=True)
        ctl("clear")


main()
