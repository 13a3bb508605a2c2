# SPDX-License-Identifier: GPL-2.0-or-later
"""Every method as every kind of caller, against the real tiod; prints the table."""

import grp
import json
import os
import pwd
import re
import subprocess
import sys
import time

from wire import SOCKET, Client, Tap, World, description, descriptors, finish, settle

FUNCTION = "0000:01:00.0"
ABSENT = "0000:ff:00.0"
READERS, ADMINS = 4001, 4002
STRANGER = 65534

# uid, groups
CALLERS = {
    "root": (0, [0]),
    "admin": (4010, [ADMINS]),
    "reader": (4011, [READERS]),
    "vm1 user": (pwd.getpwnam("daemon").pw_uid, []),
    "vm1 group": (4012, [grp.getgrnam("games").gr_gid]),
    "vm2 user": (pwd.getpwnam("bin").pw_uid, []),
    "nobody": (STRANGER, []),
}
ANYONE = "yes yes yes yes yes yes yes"
READ = "yes yes yes - - - -"
CHANGE = "yes yes - - - - -"
VM1_READ = "yes yes yes yes yes - -"
VM1_CHANGE = "yes yes - yes yes - -"
VM2_READ = "yes yes yes - - yes -"
VM2_CHANGE = "yes yes - - - yes -"

DEVICE = {"function": FUNCTION}
ATTACH = {"functions": [FUNCTION], "vm": "vm1"}

UNREAD = 400  # answers; the kernel keeps fewer

# Method, what it is called with, who may.  FUNCTION is reserved for vm1 before each call.
TABLE = [
    ("org.varlink.service.GetInfo", {}, ANYONE),
    ("org.varlink.service.GetInterfaceDescription", {"interface": "io.tiod"}, ANYONE),
    ("GetHost", {}, READ),
    ("ListFunctions", {}, READ),
    ("GetFunction", DEVICE, READ),
    ("GetStatus", {}, READ),
    ("GetStatus", {"vm": "vm1"}, VM1_READ),
    ("GetStatus", {"vm": "vm2"}, VM2_READ),
    ("GetStatus", DEVICE, VM1_READ),
    ("GetStatus", {"vm": "vm1", **DEVICE}, VM1_READ),
    ("GetStatus", {"vm": "vm2", **DEVICE}, READ),
    ("GetStatus", {"vm": "none", **DEVICE}, READ),
    ("GetIde", DEVICE, READ),
    ("GetTsmStatus", DEVICE, READ),
    ("GetTsmStatus", {"evidence": False, **DEVICE}, READ),
    ("GetTsmStatus", {"evidence": True, **DEVICE}, CHANGE),
    ("GetEvidence", DEVICE, CHANGE),
    ("Plan", ATTACH, VM1_READ),
    ("Plan", {**ATTACH, "vm": "vm2"}, READ),
    ("Plan", {**ATTACH, "vfs": 2}, READ),
    ("Attach", ATTACH, VM1_CHANGE),
    ("Attach", {**ATTACH, "vm": "vm2"}, CHANGE),
    ("Attach", {"functions": [], "vm": "vm1"}, VM1_CHANGE),
    ("Attach", {"functions": [FUNCTION, ABSENT], "vm": "vm1"}, CHANGE),
    ("Attach", {**ATTACH, "force": ["open"]}, CHANGE),
    ("Attach", {**ATTACH, "withCompanions": True}, CHANGE),
    ("Attach", {**ATTACH, "tsm": "tsm0"}, CHANGE),
    ("Attach", {**ATTACH, "vfSettings": {"trust": True}}, CHANGE),
    ("Detach", {"vm": "vm1"}, VM1_CHANGE),
    ("Detach", {"vm": "vm2"}, VM2_CHANGE),
    ("Detach", {"functions": [FUNCTION]}, VM1_CHANGE),
    ("Detach", {"functions": [FUNCTION, ABSENT]}, CHANGE),
    ("Detach", {"functions": [FUNCTION], "force": ["open"]}, CHANGE),
    ("Detach", {}, CHANGE),
    ("Connect", DEVICE, CHANGE),
    ("Disconnect", DEVICE, CHANGE),
    ("Reconnect", DEVICE, CHANGE),
    ("GetVm", {"vm": "vm1"}, READ),
    ("ListVms", {}, READ),
    ("GetQemuArgs", {"vm": "vm1"}, VM1_READ),
    ("GetQemuArgs", {"vm": "vm2"}, VM2_READ),
    ("GetQemuArgs", {"vm": "none"}, READ),
    ("OpenDevices", {"vm": "vm1"}, VM1_CHANGE),
    ("OpenDevices", {"vm": "vm2"}, VM2_CHANGE),
    ("GetHugepages", {}, READ),
    ("ListRules", {}, READ),
    ("TestRules", DEVICE, READ),
    ("CheckConfig", {}, CHANGE),
    ("ListPlugins", {}, READ),
    ("GetMetrics", {}, READ),
    ("io.systemd.Metrics.List", {}, READ),
    ("io.systemd.Metrics.Describe", {}, READ),
    ("ListJobs", {}, READ),
    ("CancelJob", {"job": 4711}, CHANGE),
    ("Reload", {}, CHANGE),
    ("Monitor", {}, READ),
]

# Calls what standard input says, as uid and groups of the command line.
CALLER = """
import json, os, socket, sys
os.setgroups(json.loads(sys.argv[2]))
os.setgid(65534); os.setuid(int(sys.argv[1]))
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[3])
for line in sys.stdin:
    s.sendall(line.strip().encode() + b"\\0")
    data = b""
    while b"\\0" not in data:
        more = s.recv(1 << 20)
        if not more:
            sys.exit("closed")
        data += more
    print(data.split(b"\\0")[0].decode(), flush=True)
"""


# Connects as users without groups, and says how many of each are served, and of the others.
CROWD = """
import os, socket, sys
os.setgroups([])
os.setegid(65534)
kept, served, told = [], [], 0
for uid in range(4100, 4110):
    os.seteuid(uid)
    served.append(0)
    for _ in range(10):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(10)
        s.connect(sys.argv[1])
        try:
            s.sendall(b'{"method":"org.varlink.service.GetInfo"}\\0')
        except BrokenPipeError:
            pass
        try:
            said = s.recv(4096)
        except ConnectionResetError:
            said = b""
        served[-1] += b'"vendor"' in said
        told += b"io.tiod.Busy" in said
        kept.append(s)
    os.seteuid(0)
print(served, told, flush=True)
sys.stdin.read()
"""


# Connects without and with rights, says nothing, half a call or one call after another, and
# tells whose connections were closed when the first two were.
IDLE = """
import json, os, select, socket, sys
def connect(gid):
    os.seteuid(0); os.setgroups([gid]); os.setegid(65534); os.seteuid(4200)
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(120)
    s.connect(sys.argv[1])
    return s
CALL = b'{"method":"org.varlink.service.GetInfo"}\\0'
silent, half, busy = [connect(65534) for _ in range(3)]
reader = connect(int(sys.argv[2]))
half.sendall(CALL[:-9])
ended, asked = set(), 0
while len(ended) < 2 and asked < 600:
    busy.sendall(CALL)
    if not busy.recv(65536):
        break
    asked += 1
    for s in select.select([silent, half], [], [], 0.2)[0]:
        if not s.recv(65536):
            ended.add(s)
reader.sendall(CALL)
busy.sendall(CALL)
print(json.dumps([len(ended), b"vendor" in busy.recv(65536), b"vendor" in reader.recv(65536)]))
"""


class Caller:
    """A process of another user's; calls of it are answered one by one."""

    def __init__(self, uid, groups):
        if uid == 0:
            groups = [0]
        self.process = subprocess.Popen(
            [sys.executable, "-c", CALLER, str(uid), json.dumps(groups), SOCKET],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def start(self, method, parameters, more=False):
        call = {"method": method, "parameters": parameters}
        if more:
            call["more"] = True
        self.process.stdin.write(json.dumps(call) + "\n")
        self.process.stdin.flush()

    def read(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": "closed"}

    def call(self, method, parameters, more=False):
        self.start(method, parameters, more)
        return self.read()

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def make_groups():
    """The groups that the package makes, in this host's own /etc/group."""
    with open("/etc/group", encoding="utf-8") as file:
        text = re.sub(r"^tiod(-admin)?:.*\n", "", file.read(), flags=re.M)
    with open("/run/group", "w", encoding="utf-8") as file:
        file.write(f"{text}tiod:x:{READERS}:\ntiod-admin:x:{ADMINS}:\n")
    return subprocess.run(["mount", "--bind", "/run/group", "/etc/group"],
                          check=False).returncode == 0


def full(method):
    return method if "." in method else "io.tiod." + method


KEPT = {}


def ask(caller, method, parameters):
    """A stream is on a connection of its own."""
    if method in ("Monitor", "GetEvidence") or "Metrics." in method:
        one = Caller(*CALLERS[caller])
        reply = one.call(full(method), parameters, True)
        one.end()
        return reply
    if caller not in KEPT:
        KEPT[caller] = Caller(*CALLERS[caller])
    reply = KEPT[caller].call(full(method), parameters)
    if reply.get("error") == "closed":  # who may do nothing is not kept for long
        KEPT[caller] = Caller(*CALLERS[caller])
        reply = KEPT[caller].call(full(method), parameters)
    return reply


def hang_up():
    for caller in KEPT.values():
        caller.end()
    KEPT.clear()


def verdict(reply):
    error = reply.get("error", "")
    if error == "closed" or error.endswith("InvalidParameter"):
        return error
    return "-" if error == "io.tiod.NotPermitted" else "yes"


def reserve(world):
    if world.state(FUNCTION)["state"] != "attached":
        reply = world.call("Attach", functions=[FUNCTION], vm="vm1")
        if "error" in reply:
            raise RuntimeError(reply)


def row(cells):
    return f"{cells[0]:58}" + "".join(f"{cell:>10}" for cell in cells[1:])


def test_table(tap, world):
    tap.note(row(["method", *CALLERS]))
    for method, parameters, who in TABLE:
        found = []
        for caller in CALLERS:
            reserve(world)
            found.append(verdict(ask(caller, method, parameters)))
        text = json.dumps(parameters) if parameters else ""
        tap.note(row([f"{method} {text}"[:57], *found]))
        tap.ok(found == who.split(), f"{method} {text}: {who}", found)


def test_complete(tap):
    for interface in ("io.tiod", "org.varlink.service", "io.systemd.Metrics"):
        methods = re.findall(r"^method (\w+)", description(interface), re.M)
        left = {f"{interface}.{name}" for name in methods} - {full(row[0]) for row in TABLE}
        tap.ok(not left, f"the table has every method of {interface}", left)


def test_before_parameters(tap):
    reply = ask("nobody", "Attach", {"functions": 7, "what": "ever"})
    tap.ok(reply["error"] == "io.tiod.NotPermitted",
           "who may not call hears that before the parameters are looked at", reply)
    reply = ask("vm1 user", "Attach", {"functions": 7, "vm": "vm1"})
    tap.ok(reply["error"] == "org.varlink.service.InvalidParameter",
           "the users of a VM get as far as the parameters", reply)


def test_long_lists(tap, world):
    """No list is too long to be looked through, not even one of the same name."""
    many = [FUNCTION] * 300
    reserve(world)
    for caller, method, parameters in (
            ("vm2 user", "Attach", {"functions": many, "vm": "vm2"}),
            ("vm2 user", "Plan", {"functions": many, "vm": "vm2"}),
            ("vm2 user", "Detach", {"functions": many}),
            ("vm1 user", "Detach", {"functions": [*many, ABSENT]})):
        reply = ask(caller, method, parameters)
        tap.ok(reply.get("error") == "io.tiod.InvalidRequest" and
               "more than 288 at once" in reply["parameters"]["sentence"],
               f"{method} of one name {len(many)} times is refused to the {caller}", reply)
    state = world.state(FUNCTION)
    tap.ok(state["state"] == "attached" and state["assignment"]["vm"] == "vm1",
           "and the device stays with its VM", state)
    world.call("Detach", functions=[FUNCTION])
    reply = ask("vm1 user", "Attach", {"functions": many, "vm": "vm1"})
    tap.ok("error" in reply and world.state(FUNCTION)["state"] != "attached",
           "nor does a VM take what nobody gave it", reply)


def test_queued(tap, world):
    """What is asked for is judged by whose the device is when its turn comes."""
    detach = {"functions": [FUNCTION], "wait": False}
    reserve(world)
    world.sim.fault(path="*vfio-pci/unbind", act="delay", ms=1500, nth=0)
    with Client() as admin:
        admin.start("io.tiod.Detach", detach)
        admin.start("io.tiod.Attach", {**ATTACH, "vm": "vm2", "wait": False})
        replies = [admin.read(), admin.read()]
        reply = ask("vm1 user", "Detach", {"functions": [FUNCTION]})
        world.settled(FUNCTION)
        owner = (world.state(FUNCTION)["assignment"] or {}).get("vm")
        tap.ok(reply.get("error") == "io.tiod.Conflict" and owner == "vm2" and
               "reserved for vm2 now" in reply["parameters"]["sentence"],
               "a detach that waited does not take the device from the next VM",
               [*replies, reply, owner])
        admin.start("io.tiod.Detach", detach)
        admin.read()
        reply = ask("vm2 user", "Attach", {**ATTACH, "vm": "vm2"})
        world.settled(FUNCTION)
        state = world.state(FUNCTION)
        tap.ok(reply.get("error") == "io.tiod.NotPermitted" and not state["assignment"] and
               "was taken from" in reply["parameters"]["sentence"],
               "an attach that waited does not undo an admin's detach", [reply, state])
    world.sim("clear")


def test_gives_up(tap, world):
    """What a VM's user gives back it cannot take again: only a rule or an admin gives."""
    reserve(world)
    reply = ask("vm1 user", "Detach", {"functions": [FUNCTION]})
    tap.ok("error" not in reply and world.state(FUNCTION)["state"] != "attached",
           "the VM's user detaches its device", reply)
    reply = ask("vm1 user", "Attach", ATTACH)
    tap.ok(reply.get("error") == "io.tiod.NotPermitted" and
           "not reserved" in reply["parameters"]["sentence"] and
           "tioctl attach" in reply["parameters"]["fix"],
           "and cannot attach it again: nobody gave it", reply)
    os.makedirs("/run/tiod-etc/rules.d", exist_ok=True)
    with open("/run/tiod-etc/rules.d/50-x.conf", "w", encoding="utf-8") as file:
        file.write("[Match]\nVendor=0x1af4\n[Attach]\nVM=vm1\nOn=hotplug\n")
    world.call("Reload")
    reply = ask("vm2 user", "Attach", {**ATTACH, "vm": "vm2"})
    tap.ok(reply.get("error") == "io.tiod.NotPermitted",
           "a rule that gives it to vm1 gives it to nobody else", reply)
    reply = ask("vm1 user", "Attach", ATTACH)
    tap.ok("error" not in reply and world.state(FUNCTION)["state"] == "attached",
           "once a rule names the VM for it, it can", reply)
    os.unlink("/run/tiod-etc/rules.d/50-x.conf")
    world.call("Reload")


def test_crowd(tap, world):
    """Strangers may connect, but leave room for others."""
    hang_up()
    with subprocess.Popen([sys.executable, "-c", CROWD, SOCKET], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as crowd:
        said = crowd.stdout.readline().strip()
        tap.ok(said == f"{[8] * 8 + [0] * 2} 36",
               "of each user without rights 8 are served, 64 in all, and others are told",
               said)
        reply = ask("admin", "GetHost", {})
        tap.ok("error" not in reply, "an admin is served beside them", reply)
        reply = ask("vm1 user", "GetStatus", {"vm": "vm1"})
        tap.ok("error" not in reply, "and so is the user of a VM", reply)
        crowd.stdin.close()
    tap.ok(settle(lambda: "vendor" in str(ask("nobody", "org.varlink.service.GetInfo", {}))),
           "when they have gone, another is")


def test_quiet(tap, world):
    """Whoever may not call cannot fill the log with it."""
    def lines():
        return world.log_text().count("may not call")

    before = lines()
    since = time.monotonic()
    for _ in range(300):
        ask("nobody", "GetHost", {})
    seconds = int(time.monotonic() - since)
    tap.ok(lines() - before <= seconds + 2, "300 refusals are one line a second in the log",
           lines() - before, seconds)
    time.sleep(1.1)
    ask("nobody", "GetHost", {})
    tap.ok("uid 65534: and " in world.log_text(), "and then how many more there were")


def steady_count(count):
    """@count() when it has stood still for a second."""
    last, since = -1, time.monotonic()
    while time.monotonic() < since + 1:
        now = count()
        if now != last:
            last, since = now, time.monotonic()
        time.sleep(0.05)
    return last


def test_share(tap, world):
    """A VM's user cannot fill the queue that everybody's jobs wait in."""
    reserve(world)
    fault = world.sim.fault(path="*vfio-pci/unbind", op="write", act="delay", ms=4000)
    users = [Caller(*CALLERS["vm1 user"]) for _ in range(5)]
    with Client() as client:
        for user in users[:4]:
            user.start("io.tiod.Detach", {"functions": [FUNCTION]})
        there = settle(
            lambda: len(client.call("io.tiod.ListJobs")["parameters"]["jobs"]) == 4)
        fifth = users[4].call("io.tiod.Detach", {"functions": [FUNCTION]})
        other = client.call("io.tiod.Detach", {"functions": [FUNCTION], "wait": False})
    tap.ok(there and fifth.get("error") == "io.tiod.Busy" and
           "4 jobs of uid" in fifth["parameters"]["sentence"],
           "4 jobs of a VM's user wait or run, and a fifth is refused", there, fifth)
    tap.ok("error" not in other, "which is nothing to an admin", other)
    world.sim("release", id=fault)
    for user in users[:4]:
        user.read()
    for user in users:
        user.end()
    world.settled(FUNCTION)


def begin_idle():
    hang_up()
    return subprocess.Popen([sys.executable, "-c", IDLE, SOCKET, str(READERS)],
                            stdout=subprocess.PIPE, text=True)


def test_idle(tap, idle):
    said = idle.communicate(timeout=240)[0].strip()
    tap.ok(said == "[2, true, true]",
           "who may do nothing and asks nothing is not kept; who asks, or may, is", said)


def test_unread_devices(tap, world):
    """Answers with open devices that nobody reads."""
    reserve(world)
    before = descriptors(world.daemon.pid)
    with Client() as client:
        for _ in range(UNREAD):
            client.start("io.tiod.OpenDevices", {"vm": "vm1"})
        asked = steady_count(lambda: world.log_text().count("are handed out"))
        now = descriptors(world.daemon.pid)
        tap.ok(0 < asked < UNREAD and now <= before + 8,
               "tiod opens no more for who reads none", asked, before, now)
        read = sum("devices" in client.read().get("parameters", {}) for _ in range(UNREAD))
        tap.ok(read == UNREAD, "and what is left as soon as it reads", read)


def test_unknown_owner(tap, world):
    path = "/run/tiod-etc/vms.d/vm1.conf"
    with open(path, encoding="utf-8") as file:
        before = file.read()
    reserve(world)
    with open(path, "w", encoding="utf-8") as file:
        file.write("[VM]\nMemory=1G\nUser=no-such-one\n")
    reply = world.call("Reload")
    tap.ok("vm1.conf:3: User=no-such-one" in str(reply), "an unknown user is told with its line",
           reply)
    reply = world.call("Attach", functions=[FUNCTION], vm="vm1")
    tap.ok(reply.get("error") == "io.tiod.NoSuchVm" and "vm1.conf:3" in str(reply),
           "and that VM takes nothing, not even from root", reply)
    reply = ask("vm1 user", "GetQemuArgs", {"vm": "vm1"})
    tap.ok(reply.get("error") == "io.tiod.NotPermitted", "its former user has lost it", reply)
    with open(path, "w", encoding="utf-8") as file:
        file.write(before)
    world.call("Reload")
    reply = ask("vm1 user", "GetQemuArgs", {"vm": "vm1"})
    tap.ok("error" not in reply, "mended and read again, it is its user's", reply)


def test_without_groups(tap, world):
    """A host that has no such groups: nobody but root, and the users of VMs."""
    hang_up()
    world.stop()
    subprocess.run(["umount", "/etc/group"], check=True)
    world.start()
    with Client() as client:
        tap.ok("error" not in client.call("io.tiod.GetHost"), "without the groups root may read")
    for caller in ("admin", "reader", "nobody"):
        reply = ask(caller, "GetHost", {})
        tap.ok(reply.get("error") == "io.tiod.NotPermitted", f"and {caller} may not", reply)


def main():
    tap = Tap()
    if os.getuid() != 0 or not make_groups():
        tap.skip("who may do what", "no other user can be taken on here")
        tap.end()
    world = World(vms={"vm1": "[VM]\nMemory=1G\nUser=daemon\nGroup=games\n",
                       "vm2": "[VM]\nMemory=1G\nUser=bin\n"}).start()
    if verdict(ask("nobody", "org.varlink.service.GetInfo", {})) != "yes":
        tap.skip("who may do what", "no other user can be taken on here")
        finish(world, tap)
    test_complete(tap)
    test_before_parameters(tap)
    test_table(tap, world)
    test_long_lists(tap, world)
    test_queued(tap, world)
    test_gives_up(tap, world)
    test_crowd(tap, world)
    idle = begin_idle()
    test_quiet(tap, world)
    test_share(tap, world)
    test_unread_devices(tap, world)
    test_unknown_owner(tap, world)
    test_idle(tap, idle)
    test_without_groups(tap, world)
    hang_up()
    finish(world, tap)


main()
