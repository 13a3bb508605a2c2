# SPDX-License-Identifier: GPL-2.0-or-later
"""Every method of every interface, called by systemd's own varlinkctl: what anybody can do who
has no tioctl.  The transcript is kept in $TRANSCRIPT.
"""

import json
import os
import re
import subprocess

from wire import REPORT, SOCKET, SOURCE, Activated, Tap, description, finish, settle
from world import CONFIG

GPU, NIC, DRIVE = "0000:e1:00.0", "0000:41:00.0", "0000:61:00.0"
INTERFACES = ("org.varlink.service", "io.tiod", "io.systemd.Metrics")
RULE = "[Match]\nSlot=no-such\n[Report]\nOn=boot,hotplug\n"
PROGRAM = os.environ.get("VARLINKCTL")
WAIT = 120

# Method, parameters, what its answer says; in an order in which all of them succeed.  A dot
# before the first means io.tiod.
CALLS = [
    ("org.varlink.service.GetInfo", {}, ['"product":"tiod"', *INTERFACES]),
    ("org.varlink.service.GetInterfaceDescription", {"interface": "io.tiod"},
     ["method Attach("]),
    (".GetHost", {}, ['"ready":true', "tsm0"]),
    (".ListFunctions", {"all": True}, [GPU, NIC, DRIVE, '"kind":']),
    (".GetFunction", {"function": "e1:00.0"}, [f'"address":"{GPU}"', '"state":"idle"']),
    (".GetHugepages", {}, ['"pageSize":2097152']),
    (".ListVms", {}, ['"vm1"', '"owned"']),
    (".GetVm", {"vm": "vm1"}, ['"memory":1073741824', "vms.d/vm1.conf"]),
    (".ListRules", {}, ["10-nothing", '"action":"report"', '"presentDevices":"ignore"']),
    (".TestRules", {"function": GPU}, ['"mismatch":"Slot=no-such, but', '"hotplug":']),
    (".CheckConfig", {}, ['"problems":[]', '"rules":1']),
    (".ListPlugins", {}, ['"name":"nvidia"', GPU]),
    (".Plan", {"functions": [GPU], "vm": "vm1"}, ['"step":"connect-tsm"', '"undo":false']),
    (".Attach", {"functions": [GPU], "vm": "vm1"},
     ['"phase":"begin"', '"phase":"done"', '"outcomes":', "-device"]),
    (".GetStatus", {"vm": "vm1"}, ['"state":"attached"', '"link":"secure"']),
    (".GetIde", {"function": GPU}, ['"secure":true', "secure at both ends"]),
    (".GetTsmStatus", {"function": GPU}, ['"dsmStatus":', '"contextState":']),
    (".GetEvidence", {"function": GPU, "nonce": "00112233445566778899aabbccddeeff"},
     ['"source":"sysfs"', '"name":"measurements"', '"data":"']),
    (".GetQemuArgs", {"vm": "vm1"}, ["vfio-pci", '"ready":true', "<hostdev"]),
    (".OpenDevices", {"vm": "vm1"}, ['"name":"iommu"', '"descriptor":0', "@FD0@"]),
    (".Reconnect", {"function": GPU}, ['"step":"renew-tsm"', '"outcomes":']),
    (".Detach", {"functions": [GPU]}, ['"undo":true', '"changed":true']),
    (".Connect", {"function": DRIVE}, ['"step":"connect-tsm"', '"changed":true']),
    (".Disconnect", {"function": DRIVE}, ['"outcomes":', '"changed":true']),
    (".ListJobs", {"ended": True}, ['"verb":"attach"', '"state":"done"']),
    (".CancelJob", {"job": 0}, ["{}"]),
    (".GetMetrics", {"openMetrics": True}, ["tiod_build_info", "# EOF"]),
    (".Reload", {}, ['"warnings":[]']),
    (".Monitor", {}, ['"event":"ready"']),
    ("io.systemd.Metrics.Describe", {}, ['"name":"io.tiod.function_state"', '"gauge"']),
    ("io.systemd.Metrics.List", {}, ['"name":"io.tiod.function_state"', f'"object":"{GPU}"']),
]
# Errors, as varlinkctl tells them: by their names, or by errnos of its own.
WRONG = [
    (".GetFunction", {"function": "0000:ff:00.0"}, "io.tiod.NoSuchFunction"),
    (".GetFunction", {"function": "no function"}, "io.tiod.InvalidRequest"),
    (".GetVm", {"vm": "nobody"}, "io.tiod.NoSuchVm"),
    (".CancelJob", {"job": 4711}, "io.tiod.NoSuchJob"),
    (".GetQemuArgs", {}, "Invalid argument"),
    (".GetVms", {}, "No such device or address"),
]


class Transcript:
    """Calls varlinkctl, and keeps what it said."""

    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8")

    def run(self, *arguments, shown=True):
        done = subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=WAIT, check=False)
        if shown:
            self.keep(arguments, done.stdout + done.stderr)
        return done

    def keep(self, arguments, said):
        words = [word if re.fullmatch(r"[\w./=-]+", word) else f"'{word}'"
                 for word in arguments if not word.startswith("--json")]
        said = said.replace("\x1e", "")
        self.file.write(f"$ varlinkctl {' '.join(words)}\n{said.rstrip()}\n\n")
        self.file.flush()


def wants_more(method):
    interface, _, name = method.rpartition(".")
    tags = re.search(rf"((?:^#.*\n)*)^method {name}\(", description(interface), re.M)[1]
    return "'more' flag]" in tags


def words_of(method, parameters):
    where = REPORT if method.startswith("io.systemd.") else SOCKET
    more = ["--more"] if wants_more(method) else []
    return ["--json=short", *more, "call", where, method, json.dumps(parameters)]


def running_job(world, script):
    """Sets a job going that ends only when it is cancelled."""
    fault = world.sim.fault(path="*/tsm/connect", op="write", act="hang")
    done = script.run("--json=short", "call", SOCKET, "io.tiod.Attach",
                      json.dumps({"functions": [DRIVE], "vm": "vm1", "wait": False}))
    return fault, json.loads(done.stdout)["jobs"][0]


def until_ready(script, arguments):
    """A stream that has no end: what it said when all was told."""
    said = ""
    with subprocess.Popen([PROGRAM, *arguments], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        for line in process.stdout:
            said += line
            if '"ready"' in line:
                break
        process.terminate()
    script.keep(arguments, said)
    return subprocess.CompletedProcess(arguments, 0, said, "")


def call(world, script, method, parameters):
    fault = None
    if method == "io.tiod.CancelJob" and parameters["job"] == 0:
        fault, parameters["job"] = running_job(world, script)
    arguments = words_of(method, parameters)
    if method == "io.tiod.Monitor":
        return until_ready(script, arguments)
    done = script.run(*arguments)
    if fault is not None:
        settle(lambda: world.state(DRIVE)["state"] == "idle", WAIT)
        world.sim("release", id=fault)
        world.sim("clear")
    return done


def test_descriptions(tap, script):
    for words in (["info", SOCKET], ["list-interfaces", SOCKET], ["list-methods", SOCKET],
                  ["introspect", SOCKET], ["introspect", SOCKET, "io.tiod"],
                  ["introspect", REPORT, "io.systemd.Metrics"]):
        done = script.run(*words)
        wanted = words[-1] if len(words) > 2 else "io.tiod"
        tap.ok(done.returncode == 0 and wanted in done.stdout, "varlinkctl " + " ".join(words),
               done.stdout, done.stderr)
    for interface in INTERFACES:
        done = script.run("validate-idl", os.path.join(SOURCE, "tiod", interface + ".varlink"),
                          shown=False)
        tap.ok(done.returncode == 0, f"the description of {interface} is valid", done.stderr)


def test_descriptors(tap, script):
    """What a shell that may not open the nodes itself needs to start a QEMU."""
    arguments = ["--exec", "call", SOCKET, "io.tiod.OpenDevices", '{"vm":"vm1"}']
    program = "echo $LISTEN_FDS; readlink /proc/self/fd/3 /proc/self/fd/4"
    done = script.run(*arguments, "--", "sh", "-c", program)
    lines = done.stdout.splitlines()
    tap.ok(done.returncode == 0 and len(lines) == 3 and lines[0] == "3" and
           lines[1].endswith("/iommu") and re.search(r"/vfio/devices/vfio\d+$", lines[2]),
           "--exec passes the open devices on", done.stdout, done.stderr)


def test_calls(tap, world, script):
    called = set()
    for method, parameters, wanted in CALLS:
        method = "io.tiod" + method if method.startswith(".") else method
        done = call(world, script, method, dict(parameters))
        text = done.stdout.replace("\\/", "/")
        missing = [word for word in wanted if word not in text]
        tap.ok(done.returncode == 0 and not missing, method, f"not there: {missing}",
               done.stdout[:3000], done.stderr)
        called.add(method)
        if method == "io.tiod.OpenDevices":
            test_descriptors(tap, script)
    there = {f"{interface}.{name}" for interface in INTERFACES
             for name in re.findall(r"^method (\w+)", description(interface), re.M)}
    tap.ok(called == there, "that were all methods of all interfaces", called ^ there)


def test_errors(tap, script):
    for method, parameters, error in WRONG:
        arguments = ["--json=short", "call", SOCKET, "io.tiod" + method, json.dumps(parameters)]
        done = script.run(*arguments)
        tap.ok(done.returncode == 1 and done.stderr.rstrip().endswith("failed: " + error),
               f"io.tiod{method} {json.dumps(parameters)} ends with: {error}", done.stdout,
               done.stderr)
    done = script.run("--graceful=io.tiod.NoSuchVm", *words_of("io.tiod.GetVm", {"vm": "none"}))
    tap.ok(done.returncode == 0 and "no file describes the VM" in
           json.loads(done.stdout)["sentence"], "an error comes with its sentence", done.stdout,
           done.stderr)


def main():
    tap = Tap()
    if not PROGRAM:
        tap.skip("varlinkctl calls every method", os.environ.get("NEWER_SYSTEMD") or
                 "no varlinkctl of systemd 260 or newer; $VARLINKCTL may name one")
        tap.end()
    os.makedirs(CONFIG + "/rules.d", exist_ok=True)
    with open(CONFIG + "/rules.d/10-nothing.conf", "w", encoding="ascii") as file:
        file.write(RULE)
    world = Activated().start()
    script = Transcript(os.environ.get("TRANSCRIPT", "/dev/null"))
    test_descriptions(tap, script)
    test_calls(tap, world, script)
    test_errors(tap, script)
    finish(world, tap)


main()
