# SPDX-License-Identifier: GPL-2.0-or-later
"""A tiod-exporter of the test's own, and HTTP to it."""

import http.client
import os
import socket
import subprocess
import time

from world import SOCKET

EXPORTER = os.environ.get("TIOD_EXPORTER", "tiod-exporter")
PASS_ON = """
import os, sys
os.environ["LISTEN_PID"] = str(os.getpid())
os.dup2(int(sys.argv[1]), 3, inheritable=True)
if sys.argv[2]:
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
os.execv(sys.argv[3], sys.argv[3:])
"""


def listener(port=0):
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    made.listen(64)
    return made


class Exporter:
    """@uid: as whom; else as the test.  The socket is passed as a service manager does it."""

    def __init__(self, uid="", program=EXPORTER, kept=None):
        """@kept: a socket that stays open here, as a service manager's does."""
        self.log = "/run/tiod-exporter.log"
        with (kept.dup() if kept else listener()) as passed, open(self.log, "w", encoding="utf-8") as log:
            self.port = passed.getsockname()[1]
            command = ["/usr/bin/python3", "-c", PASS_ON, str(passed.fileno()), str(uid),
                       program, "--socket", SOCKET]
            self.process = subprocess.Popen(command, stdout=log, stderr=log,
                                            env=dict(os.environ, LISTEN_FDS="1"),
                                            pass_fds=[passed.fileno()])

    def stop(self):
        self.process.terminate()
        return self.process.wait(30)

    def said(self):
        with open(self.log, encoding="utf-8") as log:
            return log.read()

    def connect(self):
        made = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        return made

    def get(self, path="/metrics", method="GET", body=None, **headers):
        """Status, headers and text."""
        http_client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            http_client.request(method, path, body=body, headers=headers)
            reply = http_client.getresponse()
            return reply.status, reply.headers, reply.read().decode()
        finally:
            http_client.close()


def answers(host, port, path, wait=30):
    """Waits until somebody serves HTTP there."""
    end = time.monotonic() + wait
    while time.monotonic() < end:
        client = http.client.HTTPConnection(host, port, timeout=10)
        try:
            client.request("GET", path)
            if client.getresponse().status == 200:
                return True
        except OSError:
            pass
        finally:
            client.close()
        time.sleep(0.05)
    return False
