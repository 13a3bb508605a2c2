# SPDX-License-Identifier: GPL-2.0-or-later
"""tiod under what should not happen: damaged files, dead workers, a log nobody reads, crowds.

Each test stands for a mistake that tiod once made.
"""

import json
import os
import socket
import subprocess
import sys
import time

import world
from checks import PCI, Checks, run_all, set_pci, until, write

GPU, NIC, DRIVE, OTHER_GPU = "0000:e1:00.0", "0000:41:00.0", "0000:61:00.0", "0000:21:00.0"
SERVICE = "org.varlink.service."


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(world.SOCKET)
    return s


def read_reply(s):
    data = b""
    while not data.endswith(b"\0"):
        try:
            more = s.recv(65536)
        except ConnectionResetError:
            break
        if not more:
            break
        data += more
    return json.loads(data[:-1]) if data.endswith(b"\0") else None


def ask(s, method, **parameters):
    s.sendall(json.dumps({"method": method, "parameters": parameters}).encode() + b"\0")
    return read_reply(s)


# --- Calls ---

def unknown_methods(checks):
    with connect() as s:
        for method, error in (("io.tiod.Monitor.x", "InterfaceNotFound"),
                              ("io.tiod.GetHost.x", "InterfaceNotFound"),
                              ("org.varlink.service.GetInterfaceDescription.x",
                               "InterfaceNotFound"),
                              ("io.tiod.GetHost2", "MethodNotFound"),
                              ("io.tio.x", "InterfaceNotFound")):
            reply = ask(s, method)
            checks.tap.ok(reply and reply["error"] == SERVICE + error,
                          f"{method} is {error}", reply)
    checks.tap.ok(checks.world.alive(), "and tiod goes on")


def many_names(checks):
    many = [f"0000:{i >> 8:02x}:{i >> 3 & 31:02x}.{i & 7}" for i in range(60000)]
    for method, parameters in (("Plan", {"vm": "vm1"}), ("Attach", {"vm": "vm1"}), ("Detach", {})):
        began = time.monotonic()
        reply = checks.world.call(method, functions=many, **parameters)
        took = time.monotonic() - began
        checks.tap.ok(reply.get("error") == "io.tiod.InvalidRequest" and
                      "60000 functions are more than" in reply["parameters"]["sentence"],
                      f"{method} of 60000 functions is refused", reply)
        checks.tap.ok(took < 3, "before they are looked for", took)
    began = time.monotonic()
    reply = checks.world.call("Plan", functions=[DRIVE] * 60000, vm="vm1")
    checks.tap.ok(len(reply.get("parameters", {}).get("plans", [])) == 1 and
                  time.monotonic() - began < 3, "60000 times the same function is one", reply)


def crowd(checks):
    clients = [connect() for _ in range(64)]
    for s in clients:
        ask(s, "io.tiod.ListVms")
    with connect() as s:
        reply = read_reply(s)
        checks.tap.ok(reply and reply["error"] == "io.tiod.Busy" and
                      "too many clients are connected" in reply["parameters"]["sentence"],
                      "a client above the limit is told so before it is turned away", reply)
    checks.run("list", 5, ["too many clients are connected"], "tioctl says it, too")
    for s in clients:
        s.close()
    checks.tap.ok(until(lambda: checks.world.tioctl("list")[0] == 0),
                  "and is served when others have gone")


# --- Who may ---

GROUPS = "tiod:x:5001:\ntiod-admin:x:5002:\n"
CALLER = """
import json, os, socket, sys
os.setgroups([int(g) for g in sys.argv[2:]]); os.setgid(5999); os.setuid(5999)
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
for method in ("GetHost", "Reload"):
    s.sendall(b'{"method":"io.tiod.%s"}\\0' % method.encode())
    print(json.loads(s.recv(65536)[:-1]).get("error", "granted"))
"""


def as_member(*groups):
    run = subprocess.run([sys.executable, "-c", CALLER, world.SOCKET, *map(str, groups)],
                         capture_output=True, text=True, check=False)
    return run.stdout.split() or [run.stderr]


def who_may(checks):
    write("/run/groups", open("/etc/group", encoding="utf-8").read() + GROUPS)
    mounted = os.getuid() == 0 and subprocess.run(
        ["mount", "--bind", "/run/groups", "/etc/group"], capture_output=True).returncode == 0
    one_user = open("/proc/self/uid_map", encoding="ascii").read().split()[2] == "1"
    if not mounted or one_user:
        checks.tap.skip("groups decide who may what", "this host has one user")
        return
    try:
        checks.world.stop()
        checks.world.start()
        for groups, expected in (((), ["io.tiod.NotPermitted"] * 2),
                                 ((5001,), ["granted", "io.tiod.NotPermitted"]),
                                 ((5002,), ["granted", "granted"]),
                                 ((5001, 5002), ["granted", "granted"])):
            got = as_member(*groups)
            checks.tap.ok(got == expected, f"a member of {groups or 'no group'} may: {expected}",
                          got)
    finally:
        subprocess.run(["umount", "/etc/group"], check=False)
        checks.world.stop()
        checks.world.start()


TESTS = {"plain": [unknown_methods, many_names, crowd, who_may]}

if __name__ == "__main__":
    run_all(TESTS)
