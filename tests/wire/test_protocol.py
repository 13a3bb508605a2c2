# SPDX-License-Identifier: GPL-2.0-or-later
"""What tiod's socket says to clients that keep to the protocol."""

import json
import os
import re
import sys
import time

from wire import HERE, SOCKET, Client, Tap, World, description, finish, settle, steady

FUNCTION = "0000:01:00.0"
INTERFACES = ("org.varlink.service", "io.tiod", "io.systemd.Metrics")


def test_service(tap):
    with Client() as c:
        info = c.call("org.varlink.service.GetInfo")["parameters"]
        tap.ok(set(info) == {"vendor", "product", "version", "url", "interfaces"} and
               set(info["interfaces"]) == set(INTERFACES),
               "GetInfo names all interfaces", info)
        for interface in info["interfaces"]:
            reply = c.call("org.varlink.service.GetInterfaceDescription",
                           {"interface": interface})
            tap.ok(reply == {"parameters": {"description": description(interface)}},
                   f"the description of {interface} is its file")
        tap.ok(c.call("org.varlink.service.GetInterfaceDescription", {"interface": "a.b"}) ==
               {"error": "org.varlink.service.InterfaceNotFound",
                "parameters": {"interface": "a.b"}}, "a strange interface is not found")


def test_symbols(tap):
    for interface in INTERFACES:
        names = re.findall(r"^(?:type|method|error) (\w+)", description(interface), re.M)
        twice = {name for name in names if names.count(name) > 1}
        tap.ok(not twice, f"no name stands twice in {interface}", twice)


def test_errors(tap):
    service = "org.varlink.service."
    cases = [
        ("a.b.C", {}, "InterfaceNotFound", {"interface": "a.b"}),
        ("io.tio.GetHost", {}, "InterfaceNotFound", {"interface": "io.tio"}),
        ("io.tiod.GetHosts", {}, "MethodNotFound", {"method": "io.tiod.GetHosts"}),
        ("io.tiod.gethost", {}, "MethodNotFound", {"method": "io.tiod.gethost"}),
        ("io.tiod.GetHost", {"x": 1}, "InvalidParameter", {"parameter": "x"}),
        ("io.tiod.GetFunction", {}, "InvalidParameter", {"parameter": "function"}),
        ("io.tiod.GetFunction", {"function": 1}, "InvalidParameter",
         {"parameter": "function"}),
        ("io.tiod.GetFunction", {"function": None}, "InvalidParameter",
         {"parameter": "function"}),
        ("io.tiod.ListFunctions", {"all": "yes"}, "InvalidParameter", {"parameter": "all"}),
        ("io.tiod.Attach", {"functions": ["a", 1], "vm": "b"}, "InvalidParameter",
         {"parameter": "functions"}),
        ("io.tiod.CancelJob", {"job": 1.5}, "InvalidParameter", {"parameter": "job"}),
        ("io.tiod.Monitor", {}, "ExpectedMore", None),
    ]
    with Client() as c:
        for method, parameters, error, about in cases:
            reply = c.call(method, parameters)
            expected = {"error": service + error}
            if about is not None:
                expected["parameters"] = about
            tap.ok(reply == expected, f"{method} {json.dumps(parameters)} is {error}", reply)


def test_typed_errors(tap):
    cases = [
        ("GetFunction", {"function": "zz"}, "InvalidRequest"),
        ("GetFunction", {"function": "0000:ff:00.0"}, "NoSuchFunction"),
        ("GetFunction", {"function": "01:00.0/vf9"}, "InvalidRequest"),
        ("GetVm", {"vm": "nobody"}, "NoSuchVm"),
        ("GetVm", {"vm": "../x"}, "InvalidRequest"),
        ("CancelJob", {"job": 4711}, "NoSuchJob"),
        ("CancelJob", {"job": -1}, "NoSuchJob"),
        ("Attach", {"functions": [], "vm": "vm1"}, "InvalidRequest"),
        ("Attach", {"functions": [FUNCTION], "vm": "nobody"}, "NoSuchVm"),
        ("Attach", {"functions": [FUNCTION], "vm": "vm1", "vfs": 0}, "InvalidRequest"),
        ("Detach", {}, "InvalidRequest"),
        ("Detach", {"functions": [FUNCTION], "vm": "vm1"}, "InvalidRequest"),
        ("Detach", {"vm": "nobody"}, "NoSuchVm"),
        ("Connect", {"function": FUNCTION, "tsm": "x" * 40}, "InvalidRequest"),
    ]
    keys = {"function", "step", "attribute", "errno", "errnoName", "sentence", "fix"}
    with Client() as c:
        for method, parameters, error in cases:
            reply = c.call("io.tiod." + method, parameters)
            tap.ok(reply.get("error") == "io.tiod." + error and
                   set(reply["parameters"]) == keys and reply["parameters"]["sentence"],
                   f"{method} {json.dumps(parameters)[:60]} is {error}", reply)


def test_framing(tap):
    host = b'{"method":"io.tiod.GetHost"}\0'
    vms = b'{"method":"io.tiod.ListVms"}\0'
    with Client() as c:
        c.send(host + vms)
        tap.ok("ready" in c.read()["parameters"] and "vms" in c.read()["parameters"],
               "two calls in one write are answered in order")
        c.send(host[:9])
        time.sleep(0.05)
        c.send(host[9:])
        tap.ok("ready" in c.read()["parameters"], "a call in two halves is answered")
        for i in range(len(host)):
            c.send(host[i:i + 1])
        tap.ok("ready" in c.read()["parameters"], "a call byte by byte is answered")
        c.send((host + vms) * 500)
        order = ["ready" in c.read()["parameters"] for _ in range(1000)]
        tap.ok(order == [True, False] * 500, "a thousand calls at once are answered in order")
        c.start("io.tiod.ListVms", oneway=True)
        tap.ok("ready" in c.call("io.tiod.GetHost")["parameters"],
               "a oneway call is not answered")
        padding = (1 << 20) - len(host)
        c.send(host[:-1] + b" " * padding + b"\0")
        tap.ok("ready" in c.read()["parameters"], "a message of 1 MiB is taken")
    with Client() as c:
        c.send(vms + host)
        c.socket.shutdown(1)
        tap.ok("vms" in c.read()["parameters"] and "ready" in c.read()["parameters"] and
               c.is_closed(), "who has no more to say still gets all answers")


def test_transcript(tap, name):
    client, listed = None, None
    with open(name, encoding="utf-8") as file:
        for line in file:
            line = line.rstrip("\n")
            if line.startswith("--- "):
                client, title = Client(), line[4:]
            elif line.startswith("> "):
                client.send(line[2:].encode() + b"\0")
            elif line.startswith("< "):
                reply = steady(client.read_raw()).decode()
                if line == "< @FUNCTIONS":
                    listed = listed or reply
                    parts = json.loads(reply)["parameters"]["functions"]
                    good = reply == listed and parts[0]["address"] == FUNCTION
                else:
                    good = reply == line[2:]
                tap.ok(good, f"as in the transcript: {title}", "got:      " + reply,
                       "expected: " + line[2:])


def test_fields(tap):
    """A reply's fields are those of the description, in name and number."""
    wanted = re.search(r"^type Function \((.*?)^\)", description("io.tiod"), re.S | re.M)
    wanted = re.findall(r"^  (\w+):", wanted.group(1), re.M)
    with Client() as c:
        given = c.call("io.tiod.GetFunction", {"function": FUNCTION})
        given = list(given["parameters"]["function"])
    tap.ok(sorted(given) == sorted(wanted), "a Function has the fields that are described",
           set(given) ^ set(wanted))


def test_stream(tap, world):
    with Client() as monitor, Client() as c:
        monitor.start("io.tiod.Monitor", more=True)
        first = [monitor.read() for _ in range(2)]
        tap.ok([r["parameters"]["event"] for r in first] == ["function", "ready"] and
               all(r["continues"] for r in first), "Monitor starts with what there is", first)
        c.start("io.tiod.Attach", {"functions": ["01:00.0"], "vm": "vm1"}, more=True)
        phases, reply = [], c.read()
        while reply.get("continues"):
            phases.append(reply["parameters"]["progress"]["phase"])
            reply = c.read()
        last = reply.get("parameters", {})
        tap.ok(phases[:1] == ["plan"] and phases.count("begin") == phases.count("done") > 3,
               "Attach with more tells each step", phases, reply)
        tap.ok("continues" not in reply and last.get("outcomes") and
               last["outcomes"][0]["changed"] and last["handoff"]["arguments"],
               "its last reply has outcomes and hand-off", reply)
        seen = set()
        while "attached" not in seen:
            event = monitor.read()["parameters"]
            seen.add(event["event"])
            if event["event"] == "function":
                seen.add(event["function"]["state"])
        tap.ok({"job", "progress", "function", "busy"} <= seen, "Monitor tells of all of it",
               seen)
        again = c.call("io.tiod.Attach", {"functions": ["01:00.0"], "vm": "vm1"})
        tap.ok(again["parameters"]["outcomes"][0]["changed"] is False,
               "without more there is one reply, and a second attach changes nothing", again)
        tap.ok(c.call("io.tiod.Attach", {"functions": ["01:00.0"], "vm": "vm2"})["error"] ==
               "io.tiod.Conflict", "another VM does not get it")
        tap.ok("outcomes" in c.call("io.tiod.Detach", {"vm": "vm1"})["parameters"],
               "Detach takes a VM's name")


def test_leaving(tap, world):
    fault = world.sim.fault(path="*/tsm/connect", op="write", act="delay", ms=400)
    with Client() as c:
        c.start("io.tiod.Attach", {"functions": [FUNCTION], "vm": "vm1"}, more=True)
        c.read()
    tap.ok(settle(lambda: world.state(FUNCTION)["state"] == "attached"),
           "a job goes on when its client has gone")
    with Client() as c:
        c.start("io.tiod.Detach", {"functions": [FUNCTION]}, oneway=True)
    tap.ok(settle(lambda: world.state(FUNCTION)["state"] == "idle"),
           "a oneway call is carried out after its client has gone")
    with Client() as c:
        reply = c.call("io.tiod.Attach",
                       {"functions": [FUNCTION], "vm": "vm1", "wait": False})
        jobs = reply["parameters"]["jobs"]
        tap.ok(len(jobs) == 1 and world.state(FUNCTION)["state"] == "busy",
               "without waiting there are the numbers of the jobs", reply)
        tap.ok(c.call("io.tiod.CancelJob", {"job": jobs[0]}) == {},
               "a running job can be cancelled")
    tap.ok(settle(lambda: world.state(FUNCTION)["state"] == "idle"),
           "and is taken back")
    world.sim("release", id=fault)


def main():
    tap, world = Tap(), World().start()
    test_service(tap)
    test_symbols(tap)
    test_errors(tap)
    test_typed_errors(tap)
    test_framing(tap)
    test_fields(tap)
    test_transcript(tap, sys.argv[1] if len(sys.argv) > 1 else
                    os.path.join(HERE, "transcript.txt"))
    test_stream(tap, world)
    test_leaving(tap, world)
    finish(world, tap)


main()
