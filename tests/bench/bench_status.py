# SPDX-License-Identifier: GPL-2.0-or-later
"""All functions' state over the socket, against a server that answers as many bytes at once."""

import json
import os
import subprocess
import time

from measure import FLOOR, RUNS, ReadyWorld, compare, figures, floor, say, wall, world

ECHO = "/run/tiod-echo.sock"
CALL = json.dumps({"method": "io.tiod.ListFunctions", "parameters": {"all": True}})


def main():
    w = ReadyWorld()
    w.start_and_time()
    size = floor("ask", world.SOCKET, CALL, "1")["bytes"]
    with subprocess.Popen([FLOOR, "echo", ECHO, str(size)]) as echo:
        while not os.path.exists(ECHO):
            time.sleep(0.005)
        ours, bare = [], []
        for _ in range(RUNS):
            ours += [t / 1e3 for t in floor("ask", world.SOCKET, CALL, "3")["usec"]]
            bare += [t / 1e3 for t in floor("ask", ECHO, CALL, "3")["usec"]]
        n = len(w.call("ListFunctions", all=True)["parameters"]["functions"])
        say(f"ListFunctions of {n} functions ({size} bytes, {size // n} each)")
        compare(ours, bare, "tiod", "floor: echo of as many bytes")
        client = [wall(FLOOR, "ask", ECHO, CALL, "1") for _ in range(RUNS)]
        for command in (("list", "--all"), ("list", "--all", "--json")):
            say("tioctl " + " ".join(command))
            compare([wall(world.TIOCTL, *command) for _ in range(RUNS)], client,
                    "tioctl, start to end", "floor: bare client, as many bytes")
        say("tioctl status (nothing attached)")
        figures("tioctl, start to end", [wall(world.TIOCTL, "status") for _ in range(RUNS)])
        echo.terminate()
    w.stop()


main()
