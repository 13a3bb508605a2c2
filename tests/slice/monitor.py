# SPDX-License-Identifier: GPL-2.0-or-later
"""The stream of events, as test_live.py reads it."""

import json
import select
import socket
import time

import world


class Monitor:
    """A subscriber to the stream of events."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(world.SOCKET)
        self.socket.sendall(b'{"method":"io.tiod.Monitor","more":true}\0')
        self.data = b""
        self.events = []

    def read(self, seconds=0.0):
        """Takes what has come, waiting for the first of it."""
        while select.select([self.socket], [], [], seconds)[0]:
            more = self.socket.recv(1 << 16)
            if not more:
                raise ConnectionError("tiod closed the stream")
            *whole, self.data = (self.data + more).split(b"\0")
            self.events += [json.loads(message)["parameters"] for message in whole]
            seconds = 0.0
        return self.events

    def wait(self, condition, seconds=10):
        end = time.monotonic() + seconds
        while not any(condition(event) for event in self.read()):
            if time.monotonic() > end:
                return False
            self.read(0.05)
        return True

    def function(self, address, condition=lambda f: True):
        return self.wait(lambda e: e["event"] == "function" and
                         e["function"]["address"] == address and condition(e["function"]))

    def close(self):
        self.socket.close()
