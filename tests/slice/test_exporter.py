# SPDX-License-Identifier: GPL-2.0-or-later
"""tiod-exporter: the page over HTTP, whatever its clients and tiod do."""

import os
import select
import signal
import socket
import subprocess
import threading
import time

from checks import run_all, until
from exporter import EXPORTER, Exporter, answers, listener
from world import SOCKET

OPEN = "application/openmetrics-text"
NOBODY = 65534


def series(text):
    """What is told, without the figures."""
    return [line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")]


def pages(checks):
    exporter = Exporter()
    status, headers, text = exporter.get()
    checks.tap.ok(status == 200 and
                  headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8" and
                  "# EOF" not in text and "# TYPE tiod_link_falls_total counter\n" in text,
                  "who asks for nothing gets Prometheus' text", status, headers, text[:300])
    status, headers, text = exporter.get(Accept=OPEN + ";version=1.0.0,text/plain;q=0.5")
    checks.tap.ok(status == 200 and headers["Content-Type"] ==
                  OPEN + "; version=1.0.0; charset=utf-8" and text.endswith("# EOF\n") and
                  "# TYPE tiod_link_falls counter\n" in text,
                  "who asks for OpenMetrics gets that", status, headers, text[:300])
    checks.tap.ok(series(text) == series(checks.world.must("metrics")),
                  "it is what tioctl metrics prints")
    status, headers, text = exporter.get(method="HEAD")
    checks.tap.ok(status == 200 and not text and int(headers["Content-Length"]) > 1000,
                  "HEAD is told the length only", status, headers, text)
    status, headers, text = exporter.get(method="POST", body="x" * 100000)
    checks.tap.ok(status == 405 and headers["Allow"] == "GET, HEAD", "POST is refused", status)
    for path, wanted, words in (("/", 200, "/metrics"), ("/metrics/", 404, "only /metrics"),
                                ("/../etc/passwd", 404, "only /metrics"),
                                ("/metrics?x=1", 200, "tiod_ready 1")):
        status, _, text = exporter.get(path)
        checks.tap.ok(status == wanted and words in text, f"{path} is {wanted}", status, text)
    ended(checks, exporter)


def ended(checks, exporter):
    checks.tap.ok(exporter.stop() == 0 and not exporter.said(), "it ends when it is told to",
                  exporter.said())


def fails(checks, exporter, sentence, *words):
    def told():
        got = exporter.get()
        return got if got[0] == 503 and all(word in got[2] for word in words) else None
    # The last page is good for a moment.
    status, headers, text = until(told, 30) or exporter.get()
    missing = [word for word in words if word not in text]
    checks.tap.ok(status == 503 and not missing and text.count("\n") == 1 and
                  headers["Content-Type"].startswith("text/plain"), sentence, status, text)


def without_tiod(checks):
    exporter = Exporter()
    checks.tap.ok(exporter.get()[0] == 200, "tiod is there")
    checks.world.daemon.send_signal(signal.SIGSTOP)
    fails(checks, exporter, "a tiod that hangs is 503 and a sentence", "within 5 s",
          "journalctl -u tiod")
    checks.world.daemon.send_signal(signal.SIGCONT)
    checks.tap.ok(until(lambda: exporter.get()[0] == 200), "it goes on: so do the metrics")
    checks.world.stop()
    fails(checks, exporter, "without tiod there is 503 and a sentence",
          f"cannot reach tiod at {SOCKET}", "systemctl start tiod")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(SOCKET)
        other.listen()
        pid = os.fork()
        if pid == 0:
            client, _ = other.accept()
            client.recv(1000)
            client.sendall(b'{"parameters":{"x":1}}\0')
            os._exit(0)
        fails(checks, exporter, "so it is when somebody else listens there", "no metrics")
        os.waitpid(pid, 0)
    os.unlink(SOCKET)
    checks.world.start()
    checks.tap.ok(until(lambda: exporter.get()[0] == 200, 30),
                  "tiod is back: so are the metrics")
    ended(checks, exporter)


class FakeTiod(threading.Thread):
    """Answers GetMetrics on tiod's socket with the number of the call, or not at all."""

    def __init__(self):
        super().__init__(daemon=True)
        self.calls, self.silent, self.kept = 0, False, []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(SOCKET)
        self.socket.listen(64)
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self.calls += 1
            self.kept.append(client)
            if self.silent:
                continue
            client.recv(1000)
            client.sendall(b'{"parameters":{"text":"call %d\\n"}}\0' % self.calls)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.join()
        os.unlink(SOCKET)


def flood(checks):
    """Many scrapes are few calls of tiod, also when it hangs."""
    checks.world.stop()
    tiod, exporter, texts = FakeTiod(), Exporter(), set()
    since = time.monotonic()
    for _ in range(300):
        texts.add(exporter.get()[2])
    seconds = time.monotonic() - since
    checks.tap.ok(1 <= tiod.calls <= seconds + 2, "300 scrapes are one call a second at most",
                  tiod.calls, seconds)
    checks.tap.ok(texts == {f"call {n + 1}\n" for n in range(tiod.calls)},
                  "and each is told what the last call was", texts)
    checks.tap.ok(until(lambda: exporter.get()[2] not in texts, 30), "which is asked anew")
    tiod.silent = True
    fails(checks, exporter, "a tiod that says nothing is told", "within 5 s")
    ended(checks, exporter)
    tiod.close()
    checks.world.start()


def without_rights(checks):
    exporter = Exporter(uid=NOBODY)
    fails(checks, exporter, "who is not in the group tiod is told so", f"uid {NOBODY}",
          "usermod -aG tiod")
    ended(checks, exporter)


def crowd(checks):
    exporter = Exporter()
    exporter.get()
    silent = [exporter.connect() for _ in range(100)]
    checks.tap.ok(until(lambda: sum(map(closed, silent)) >= 100 - 32),
                  "clients that say nothing are turned away above a limit",
                  sum(map(closed, silent)))
    fds = len(os.listdir(f"/proc/{exporter.process.pid}/fd"))
    checks.tap.ok(fds < 64, "they take no descriptors", fds)
    for client in silent:
        client.close()
    checks.tap.ok(until(lambda: is_served(exporter)), "and others are served when they leave")
    with exporter.connect() as half:
        half.sendall(b"GET /metrics HTT")
        checks.tap.ok(exporter.get()[0] == 200, "half a request holds nobody up")
    for what in (b"\0" * 5000, b"GET " + b"/" * 200000, b"GET /metrics HTTP/1.1\r\n" +
                 b"".join(b"h%d: x\r\n" % i for i in range(20000)) + b"\r\n",
                 b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"):
        garbage(exporter, what)
        checks.tap.ok(exporter.process.poll() is None and exporter.get()[0] == 200,
                      f"it outlives {what[:20]!r}…", exporter.said())
    ended(checks, exporter)


def closed(client):
    client.settimeout(0)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def is_served(exporter):
    try:
        return exporter.get()[0] == 200
    except OSError:
        return False


def garbage(exporter, what):
    with exporter.connect() as client:
        try:
            client.sendall(what)
            client.shutdown(socket.SHUT_WR)
            client.recv(1000)
        except OSError:
            pass


def again(checks):
    """The socket outlives each exporter that it is passed to."""
    with listener() as kept:
        for sentence in ("one that is passed a socket serves it", "so does the next one"):
            exporter = Exporter(kept=kept)
            checks.tap.ok(exporter.get()[0] == 200, sentence)
            ended(checks, exporter)
        # A service manager waits for callers meanwhile: a socket that hung up is none.
        waits = select.poll()
        waits.register(kept, select.POLLIN)
        checks.tap.ok(not waits.poll(0), "which leave it as it was", waits.poll(0))


def by_itself(checks):
    """Where no service manager passes a socket."""
    for where, words in (("127.0.0.1:x", "numbers in both"), ("localhost:9000", "numbers"),
                         ("127.0.0.1:99999", "above 65535"),
                         ("198.51.100.1:9000", "Cannot assign")):
        run = subprocess.run([EXPORTER, "--listen", where], capture_output=True, text=True,
                             check=False, timeout=30)
        checks.tap.ok(run.returncode == 1 and words in run.stderr and where in run.stderr,
                      f"--listen={where} is refused", run.returncode, run.stderr)
    run = subprocess.run([EXPORTER, "--frob"], capture_output=True, check=False, timeout=30)
    checks.tap.ok(run.returncode == 2, "so is an option that it does not know")
    for where, port in (("127.0.0.1:9911", 9911), ("9912", 9912)):
        with subprocess.Popen([EXPORTER, "--socket", SOCKET, "--listen", where]) as process:
            checks.tap.ok(answers("127.0.0.1", port, "/metrics"), f"--listen={where} is served")
            process.terminate()


run_all({"plain": [pages, without_tiod, without_rights, flood, crowd, again, by_itself]})
