# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests see of the simulated host: files, events and the control socket."""
import errno
import json
import os
import select
import signal
import socket
import threading
import time

PCI = "/sys/bus/pci/devices/"
DRIVERS = "/sys/bus/pci/drivers/"

tests = []


class Failure(Exception):
    pass


class Skip(Exception):
    pass


class Test:
    def __init__(self, sentence, run, variant, keeps):
        self.sentence, self.run, self.variant, self.keeps = sentence, run, variant, keeps


def test(sentence, variant="base", keeps=False):
    def add(run):
        tests.append(Test(sentence, run, variant, keeps))
        return run
    return add


def same(got, wanted, what=""):
    if got != wanted:
        raise Failure(f"{what or 'got'} {got!r}, wanted {wanted!r}")


def true(value, what):
    if not value:
        raise Failure(what)


def read(path):
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()


def write(path, text):
    """One write(2); "" or the name of the errno."""
    try:
        fd = os.open(path, os.O_WRONLY)
    except OSError as error:
        return errno.errorcode[error.errno]
    try:
        os.write(fd, text.encode())
    except OSError as error:
        return errno.errorcode[error.errno]
    finally:
        os.close(fd)
    return ""


def try_read(path):
    try:
        return read(path)
    except OSError as error:
        return errno.errorcode[error.errno]


def try_open(path):
    try:
        return os.open(path, os.O_RDWR)
    except OSError as error:
        return errno.errorcode[error.errno]


def exists(path):
    return os.path.lexists(path)


def driver_of(bdf):
    path = PCI + bdf + "/driver"
    return os.path.basename(os.readlink(path)) if os.path.islink(path) else ""


def config(bdf):
    with open(PCI + bdf + "/config", "rb") as file:
        return file.read()


def dword(image, at):
    return int.from_bytes(image[at:at + 4], "little")


def ext_cap(image, wanted):
    at = 0x100
    while at:
        head = dword(image, at)
        if head & 0xffff == wanted:
            return at
        at = head >> 20
    return 0


def ide_block(bdf, block=0):
    """Control and status registers of a Selective block."""
    image = config(bdf)
    first = ext_cap(image, 0x30) + 0x0c
    at = first + block * (20 + 12 * (dword(image, first) & 0xf))
    return dword(image, at + 4), dword(image, at + 8)


def in_the_kernel(task):
    """Whether it waits in a read or a write (system calls 0 and 1 of x86-64), of a file."""
    try:
        with open(f"/proc/{task}/syscall", encoding="ascii") as file:
            return file.read().split()[0] in ("0", "1")
    except (OSError, IndexError):
        return False


class Background(threading.Thread):
    """A write in a thread of its own: result and how long it took."""

    def __init__(self, path, text):
        super().__init__(daemon=True)
        self.path, self.text, self.result, self.took = path, text, None, 0
        self.start()

    def run(self):
        begin = time.monotonic()
        self.result = write(self.path, self.text)
        self.took = time.monotonic() - begin

    def wait(self):
        self.join(60)
        if self.is_alive():
            raise Failure(f"the write to {self.path} never ended")
        return self.result

    def at_work(self):
        """Returns once the write is in the kernel, or has ended."""
        until(lambda: not self.is_alive() or in_the_kernel(self.native_id), self.path)
        return self


class Child:
    """A process that writes, or keeps a file open, and can be killed."""

    def __init__(self, run):
        ready, tell = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            code = 99
            try:
                os.write(tell, b"x")
                code = run()
            finally:
                os._exit(code)
        os.read(ready, 1)
        os.close(ready)
        os.close(tell)

    def kill(self, sig=signal.SIGKILL):
        os.kill(self.pid, sig)

    def at_work(self):
        """Returns once it waits in the kernel, or has ended."""
        until(lambda: self.ended() or in_the_kernel(self.pid), "a child never began")
        return self

    def wait(self):
        _, status = os.waitpid(self.pid, 0)
        return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

    def ended(self):
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


class Events:
    """The kernel's uevents, as dictionaries."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind((0, 1))

    def drain(self, seconds=0.0):
        events = []
        while select.select([self.socket], [], [], seconds)[0]:
            data, _ = self.socket.recvfrom(65536)
            parts = data.decode().split("\0")[1:]
            events.append(dict(part.split("=", 1) for part in parts if part))
        return events

    def get(self, **wanted):
        """Those that arrived with these values, DEVPATH by its last part."""
        found = []
        for event in self.drain(0.15):
            if all(event.get(key) == value or key == "NAME" for key, value in wanted.items()):
                found.append(event)
        return [e for e in found if "NAME" not in wanted or name(e) == wanted["NAME"]]


def name(event):
    return os.path.basename(event["DEVPATH"])


class World:
    def __init__(self):
        self.events = Events()
        self.lock = threading.Lock()

    def ask(self, do, **args):
        link = socket.socket(socket.AF_UNIX)
        link.connect(os.environ["TIO_SIM_CTL"])
        link.sendall(json.dumps(dict(args, do=do)).encode() + b"\n")
        with link.makefile() as reply:
            answer = json.loads(reply.readline())
        link.close()
        return answer

    def ctl(self, do, **args):
        answer = self.ask(do, **args)
        true(answer["ok"], f"{do}: {answer.get('error')}")
        return answer

    def snapshot(self):
        return self.ctl("snapshot")["text"]

    def settle(self):
        """Releases of files that were closed reach the host a moment later."""
        for _ in range(100):
            if not any(f["users"] for f in self.ctl("list")["functions"]):
                return
            time.sleep(0.01)


def until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failure(what)
        time.sleep(0.005)


def to_vfio(bdf):
    same(write(PCI + bdf + "/driver_override", "vfio-pci"), "", "override")
    if driver_of(bdf):
        same(write(PCI + bdf + "/driver/unbind", bdf), "", "unbind")
    same(write("/sys/bus/pci/drivers_probe", bdf), "", "probe")
    same(driver_of(bdf), "vfio-pci", "driver")


def back(bdf):
    same(write(PCI + bdf + "/driver_override", "\n"), "", "override")
    same(write(PCI + bdf + "/driver/unbind", bdf), "", "unbind")
    same(write("/sys/bus/pci/drivers_probe", bdf), "", "probe")
