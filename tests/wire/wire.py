# SPDX-License-Identifier: GPL-2.0-or-later
"""A Varlink client that can also behave badly, for the tests of tiod's socket."""

import json
import os
import re
import socket
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "slice"))

from world import SOCKET, Tap, World  # noqa: E402,F401


REPORT = "/run/systemd/report/io.tiod"  # where systemd-report looks


class Activated(World):
    """With two sockets, as tiod.socket has them."""

    def __init__(self):
        super().__init__()
        self.listeners = []
        os.makedirs(os.path.dirname(REPORT), exist_ok=True)
        for path in (SOCKET, REPORT):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            listener.listen(64)
            self.listeners.append(listener)
        a, b = self.pass_fds = [listener.fileno() for listener in self.listeners]
        self.launcher = ("bash", "-c", f'LISTEN_PID=$$ LISTEN_FDS=2 exec "$@" 3<&{a} 4<&{b}',
                         "bash")


class Client:
    def __init__(self, timeout=20, path=SOCKET):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        while True:
            try:
                self.socket.connect(path)
                break
            except BlockingIOError:  # the queue of those who wait is full
                time.sleep(0.01)
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def start(self, method, parameters=None, **flags):
        call = {"method": method, **flags}
        if parameters is not None:
            call["parameters"] = parameters
        self.send(json.dumps(call).encode() + b"\0")

    def read_raw(self):
        """One reply without its NUL; b"" when the other side has closed."""
        while b"\0" not in self.data:
            try:
                more = self.socket.recv(1 << 20)
            except ConnectionResetError:
                return b""
            if not more:
                return b""
            self.data += more
        reply, _, self.data = self.data.partition(b"\0")
        return reply

    def read(self):
        raw = self.read_raw()
        if not raw:
            raise ConnectionError("closed")
        return json.loads(raw)

    def call(self, method, parameters=None, **flags):
        self.start(method, parameters, **flags)
        return self.read()

    def is_closed(self):
        """Waits for the other side to close without having said anything."""
        try:
            return self.read_raw() == b"" and self.data == b""
        except socket.timeout:
            return False


def lives(timeout=5):
    """Does tiod answer somebody else, and in time?"""
    try:
        with Client(timeout) as client:
            return client.call("io.tiod.GetHost")["parameters"]["ready"]
    except (OSError, KeyError, ConnectionError):
        return False


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def settle(condition, wait=10):
    """True as soon as @condition is; it has @wait seconds."""
    end = time.monotonic() + wait
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def description(interface):
    with open(os.path.join(SOURCE, "tiod", interface + ".varlink"), encoding="utf-8") as file:
        return file.read()


def steady(reply):
    """A reply with what differs from run to run taken out."""
    reply = re.sub(rb'"age":[-+.e0-9]+', b'"age":0', reply)
    for interface in ("io.tiod", "org.varlink.service"):
        text = json.dumps(description(interface), ensure_ascii=False).encode()
        reply = reply.replace(text, b'"@' + interface.encode() + b'"')
    return re.sub(rb'"version":"[^"]*"', b'"version":"@"', reply)


def finish(world, tap):
    """Ends tiod and the test; no sanitizer may have spoken."""
    world.stop()
    log = world.log_text()
    tap.ok("Sanitizer" not in log and "runtime error" not in log, "no sanitizer spoke", log)
    tap.end()
