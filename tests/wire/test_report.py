# SPDX-License-Identifier: GPL-2.0-or-later
"""io.systemd.Metrics on the socket that systemd-report looks for, as systemd passes it."""

import os
import re
import subprocess

from wire import REPORT, Activated, Client, Tap, finish, settle

FUNCTION = "0000:01:00.0"
PREFIX = os.path.basename(REPORT) + "."
FIELD = re.compile(r"^[A-Za-z](_?[A-Za-z0-9])*$")
KINDS = {"counter": (int, float), "gauge": (int, float), "string": str}


def stream(client, method, parameters=None):
    """Every reply's parameters; an error is one, too."""
    client.start(method, parameters, more=True)
    replies = [client.read()]
    while replies[-1].get("continues"):
        replies.append(client.read())
    return [reply.get("parameters", reply) if "error" not in reply else reply
            for reply in replies]


def listed():
    with Client(path=REPORT) as client:
        return stream(client, "io.systemd.Metrics.List")


def find(name, **wanted):
    """The records of the family @name, whose keys are as @wanted."""
    return [r for r in listed() if r["name"] == PREFIX + name and
            all(r.get(key) == value for key, value in wanted.items())]


def test_shape(tap):
    with Client(path=REPORT) as client:
        families = stream(client, "io.systemd.Metrics.Describe")
        records = stream(client, "io.systemd.Metrics.List")
        again = stream(client, "io.systemd.Metrics.Describe")
    tap.ok(len(families) > 10 and len(records) > 10 and again == families,
           "Describe and List are streams, one after the other", families, records)
    wrong = [f for f in families if set(f) != {"name", "description", "type"} or
             f["type"] not in KINDS or not f["description"]]
    tap.ok(not wrong, "a family has a name, a description and a type", *wrong)
    kinds = {f["name"]: f["type"] for f in families}
    tap.ok(len(kinds) == len(families), "each family is there once")
    wrong = [name for name in kinds if not name.startswith(PREFIX) or
             not FIELD.match(name[len(PREFIX):])]
    tap.ok(not wrong, "their names begin with that of the socket", *wrong)
    wrong = [r for r in records if not set(r) <= {"name", "object", "fields", "value"} or
             not isinstance(r.get("value"), KINDS[kinds[r["name"]]]) or
             not all(isinstance(v, str) for v in r.get("fields", {"": ""}).values()) or
             r.get("fields") == {}]
    tap.ok(not wrong, "a record is of a family, and its value of that type", *wrong)
    series = [(r["name"], r.get("object"), str(r.get("fields"))) for r in records]
    tap.ok(len(series) == len(set(series)), "each record is there once")


def test_limits(tap):
    with Client(path=REPORT) as client:
        for method in ("List", "Describe"):
            reply = client.call("io.systemd.Metrics." + method)
            tap.ok(reply == {"error": "org.varlink.service.ExpectedMore"},
                   f"{method} wants a stream", reply)
        reply = stream(client, "io.systemd.Metrics.List", {"x": 1})[0]
        tap.ok(reply.get("error") == "org.varlink.service.InvalidParameter",
               "what is no parameter is refused", reply)
        reply = client.call("io.systemd.Metrics.Frob")
        tap.ok(reply.get("error") == "org.varlink.service.MethodNotFound",
               "there are no other methods", reply)
    with Client() as client:
        tap.ok(len(stream(client, "io.systemd.Metrics.List")) > 10,
               "tiod's own socket serves it, too")


def test_values(tap, world):
    state = find("function_state", object=FUNCTION)
    tap.ok([r["value"] for r in state] == ["idle"] and "fields" not in state[0],
           "a function has one state", state)
    world.must("attach", FUNCTION, "--vm", "vm1")
    tap.ok(settle(lambda: find("function_state", object=FUNCTION, value="attached")),
           "the state is what it is now", find("function_state"))
    tap.ok(find("assignment_vm", object=FUNCTION, value="vm1"), "its VM is named")
    tap.ok(find("link_secure", object=FUNCTION, fields={"end": "endpoint"}, value=1),
           "other labels are fields", find("link_secure"))
    steps = find("step_duration_seconds_count", value=1,
                 fields={"step": "connect-tsm", "undo": "false"})
    tap.ok(steps and find("step_duration_seconds_sum") and
           not [r for r in listed() if "bucket" in r["name"]],
           "of a histogram there are count and sum", listed())
    world.must("detach", FUNCTION)


def test_programs(tap):
    """systemd's own, where there is one that is new enough."""
    report = os.environ.get("SYSTEMD_REPORT")
    if not report:
        tap.skip("systemd-report collects it", os.environ.get("NEWER_SYSTEMD") or
                 "no systemd-report (systemd 260 or later); $SYSTEMD_REPORT may name one")
        return
    run = subprocess.run([report, "metrics", "--json=short"], capture_output=True,
                         text=True, check=False)
    tap.ok(run.returncode == 0 and PREFIX + "function_state" in run.stdout,
           "systemd-report collects it", run.stdout[-500:], run.stderr)


def main():
    tap, world = Tap(), Activated().start()
    test_shape(tap)
    test_limits(tap)
    test_values(tap, world)
    test_programs(tap)
    finish(world, tap)


main()
