# SPDX-License-Identifier: GPL-2.0-or-later
"""A daemon that answers tioctl from a list, and a runner for the real tioctl against it."""

import json
import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from interface import Interface

HERE = os.path.dirname(os.path.abspath(__file__))
INTERFACE = Interface(os.path.join(HERE, "../../tiod/io.tiod.varlink"))
TIOCTL = os.environ.get("TIOCTL", "tioctl")

# Handed out in place of a reply.
CLOSE = object()  # the daemon closes the connection
HANG = object()  # it says nothing more until the client is gone


class Skip(Exception):
    """What a test needs is not there; says what."""


class Raw(bytes):
    """Bytes to be sent as they are."""


class Fake:
    """Answers a method with the replies of @script: dicts, Raw, CLOSE, HANG or callables.

    A script is {method: [reply, …]}; a method that may be called twice has a list of lists.
    """

    def __init__(self, script, lenient=False):
        self.script = {k: list(v) for k, v in script.items()}
        self.lenient = lenient
        self.calls = []
        self.wrong = []
        self.folder = tempfile.mkdtemp(prefix="tioctl-test.")
        self.path = os.path.join(self.folder, "io.tiod")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)
        shutil.rmtree(self.folder)

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self._talk(connection)
                except (BrokenPipeError, ConnectionResetError):
                    pass

    def _talk(self, connection):
        data = b""
        while True:
            more = connection.recv(65536)
            if not more:
                return
            data += more
            while b"\0" in data:
                message, data = data.split(b"\0", 1)
                if not self._answer(connection, json.loads(message)):
                    return

    def _answer(self, connection, call):
        method, parameters = call["method"], call.get("parameters", {})
        self.calls.append(call)
        wrong = INTERFACE.check_call(method, parameters)
        if wrong:
            self.wrong.append(wrong)
        replies = self.script.get(method)
        if replies is None:
            self.wrong.append(f"{method} was not expected")
            return False
        if replies and isinstance(replies[0], list):
            replies = replies.pop(0)
        for reply in replies:
            if callable(reply):
                reply = reply(self, call)
            if reply is None:
                continue
            if reply is CLOSE:
                return False
            if reply is HANG:
                connection.recv(1)
                return False
            self._send(connection, method, reply)
        return True

    def _send(self, connection, method, reply):
        if not isinstance(reply, Raw):
            wrong = None if self.lenient else INTERFACE.check_reply(method, reply)
            if wrong:
                self.wrong.append("the test's reply: " + wrong)
            reply = json.dumps(reply, ensure_ascii=False).encode() + b"\0"
        connection.sendall(reply)


class Result:
    def __init__(self, code, out, err, fake=None):
        self.code, self.out, self.err = code, out, err
        self.fake = fake
        # A leak ends with exit code 1, which a test may well expect.
        if "Sanitizer" in out + err or "runtime error" in err:
            raise AssertionError(str(self))

    @property
    def calls(self):
        return self.fake.calls

    @property
    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return f"exit {self.code}\nstdout: {self.out!r}\nstderr: {self.err!r}"


def environment(**extra):
    env = {k: v for k, v in os.environ.items() if k not in ("TIOD_SOCKET", "NO_COLOR")}
    env["TERM"] = "xterm"
    env.update(extra)
    return env


def run(*args, script=None, lenient=False, env=None, timeout=30):
    """Runs tioctl, with stdout and stderr in pipes, against a fake of that script."""
    with Fake(script or {}, lenient) as fake:
        done = subprocess.run([TIOCTL, "--socket", fake.path, *args], timeout=timeout,
                              env=env or environment(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        result = Result(done.returncode, done.stdout.decode(), done.stderr.decode(), fake)
    if fake.wrong:
        raise AssertionError("; ".join(fake.wrong))
    return result


def bare(*args, env=None, user=None):
    """Runs tioctl without a daemon, as another user if need be."""
    with tempfile.TemporaryDirectory() as folder:
        tool = TIOCTL
        if user is not None:  # who may not enter the folder that it was built in
            os.chmod(folder, 0o755)
            tool = shutil.copy(TIOCTL, folder)
        done = subprocess.run([tool, *args], timeout=30, env=env or environment(),
                              user=user, extra_groups=None if user is None else [],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def run_tty(*args, script, env=None, width=100):
    """As run(), with stdout and stderr on one terminal, whose output is .out."""
    import fcntl
    import struct
    import termios
    with Fake(script) as fake:
        main, sub = pty.openpty()
        fcntl.ioctl(sub, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
        process = subprocess.Popen([TIOCTL, "--socket", fake.path, *args],
                                   env=env or environment(), stdin=subprocess.DEVNULL,
                                   stdout=sub, stderr=sub)
        os.close(sub)
        out = _drain(main)
        os.close(main)
        result = Result(process.wait(10), out.decode(), "", fake)
    if fake.wrong:
        raise AssertionError("; ".join(fake.wrong))
    return result


def _drain(fd):
    out = b""
    while select.select([fd], [], [], 20)[0]:
        try:
            more = os.read(fd, 65536)
        except OSError:  # a terminal whose other end is closed
            break
        if not more:
            break
        out += more
    return out


def interrupt(*args, script, method):
    """Starts tioctl, waits until @method was called, and sends SIGINT."""
    with Fake(script) as fake:
        process = subprocess.Popen([TIOCTL, "--socket", fake.path, *args],
                                   env=environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            if any(call["method"] == method for call in list(fake.calls)):
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
        return Result(process.returncode, out.decode(), err.decode(), fake)


def main(tests):
    """Runs every function of @tests whose name begins with test_; TAP on stdout."""
    todo = [(name, fn) for name, fn in tests.items() if name.startswith("test_")]
    failed = 0
    print(f"1..{len(todo)}", flush=True)
    for i, (name, fn) in enumerate(todo, 1):
        title = name[len("test_"):].replace("_", " ")
        try:
            fn()
            print(f"ok {i} {title}", flush=True)
        except Skip as why:
            print(f"ok {i} {title} # SKIP {why}", flush=True)
        except Exception as error:  # a test may fail in any way
            failed += 1
            print(f"not ok {i} {title}", flush=True)
            for line in f"{type(error).__name__}: {error}".split("\n"):
                print(f"# {line}", flush=True)
    sys.exit(1 if failed else 0)


def expect(result, code, out=None, err=None):
    """Exit code, and what stdout and stderr hold: a string to be found, or a list of them."""
    if result.code != code:
        raise AssertionError(f"exit code is not {code}\n{result}")
    for have, wanted in ((result.out, out), (result.err, err)):
        for one in [wanted] if isinstance(wanted, str) else wanted or []:
            if one not in have:
                raise AssertionError(f"not there: {one!r}\n{result}")


def equal(have, wanted):
    if have != wanted:
        raise AssertionError(f"is {have!r}, not {wanted!r}")
