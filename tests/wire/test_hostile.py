# SPDX-License-Identifier: GPL-2.0-or-later
"""What tiod's socket does with clients that do not keep to the protocol, or to measure."""

import array
import fcntl
import json
import os
import random
import socket
import struct
import subprocess
import sys
import time

from wire import SOCKET, Client, Tap, World, descriptors, finish, lives, settle

HOST = b'{"method":"io.tiod.GetHost"}\0'
PER_UID = 64
STALL = 30

MALFORMED = {
    "no JSON": b"hello\0",
    "nothing": b"\0",
    "an array": b"[]\0",
    "null": b"null\0",
    "half an object": b'{"method":"io.tiod.GetHost"\0',
    "two objects": b'{"method":"io.tiod.GetHost"}{}\0',
    "no method": b"{}\0",
    "a method that is a number": b'{"method":7}\0',
    "a method without a dot": b'{"method":"GetHost"}\0',
    "an unknown key": b'{"method":"io.tiod.GetHost","vendor.x":1}\0',
    "the same key twice": b'{"method":"io.tiod.GetHost","method":"io.tiod.GetHost"}\0',
    "the same parameter twice":
        b'{"method":"io.tiod.GetFunction","parameters":{"function":"a","function":"b"}}\0',
    "parameters that are an array": b'{"method":"io.tiod.GetHost","parameters":[]}\0',
    "more that is a number": b'{"method":"io.tiod.GetHost","more":1}\0',
    "more and oneway": b'{"method":"io.tiod.GetHost","more":true,"oneway":true}\0',
    "upgrade": b'{"method":"io.tiod.GetHost","upgrade":true}\0',
    "no UTF-8": b'{"method":"io.tiod.\xff\xfe"}\0',
    "a NUL in a string": b'{"method":"io.tiod.GetVm","parameters":{"vm":"a\\u0000b"}}\0',
    "a number that is too large": b'{"method":"io.tiod.CancelJob","parameters":{"job":1' +
                                  b"0" * 60 + b"}}\0",
    "deep nesting": b'{"method":"io.tiod.GetHost","parameters":{"x":' + b"[" * 100000 + b"\0",
    "a method of 64 KiB": b'{"method":"io.tiod.' + b"x" * 65536 + b'"}\0',
}


def test_malformed(tap):
    for what, data in MALFORMED.items():
        with Client() as c:
            try:
                c.send(data)
            except OSError:
                pass
            tap.ok(c.is_closed(), f"{what}: the connection is closed without a word")
    with Client() as c:
        c.send(HOST + b"junk\0")
        tap.ok(c.read()["parameters"]["ready"] and c.is_closed(),
               "what was right before the mistake is answered")
    tap.ok(lives(), "and tiod goes on")


def test_size(tap):
    with Client() as c:
        try:
            c.send(b"x" * (1 << 20) + b"x" * 4096)
        except OSError:
            pass
        tap.ok(c.is_closed(), "1 MiB without a NUL: closed")
    with Client() as c:
        c.send(HOST[:10])
    tap.ok(lives(), "half a message, then gone: tiod goes on")


def send_along(client, fds, data=HOST):
    """Sends @fds; where the kernel takes none for tiod (since 6.16), False."""
    try:
        client.socket.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                        array.array("i", fds))])
        return True
    except PermissionError:
        return False


def test_descriptors_sent(tap, world):
    before = descriptors(world.daemon.pid)
    fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(200)]
    refused = 0
    for _ in range(20):
        with Client() as c:
            refused += not send_along(c, fds) or c.is_closed()
    for fd in fds:
        os.close(fd)
    tap.ok(refused == 20, "descriptors sent along do not come, or end the connection", refused)
    tap.ok(settle(lambda: descriptors(world.daemon.pid) <= before), "none is kept",
           f"{before} before, {descriptors(world.daemon.pid)} now")


def lingering():
    """A socket whose last close takes two minutes; None where there is no network for it."""
    probe = socket.socket()
    try:
        fcntl.ioctl(probe, 0x8914, struct.pack("16sH14x", b"lo", 0x41))  # SIOCSIFFLAGS: up
    except OSError:
        return None
    listener = socket.create_server(("127.0.0.1", 0))
    near = socket.create_connection(listener.getsockname())
    far, _ = listener.accept()
    near.setblocking(False)
    try:
        while True:
            near.send(b"x" * 65536)
    except BlockingIOError:
        pass
    near.setblocking(True)
    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 120))
    return near, far


def send_early(path):
    """Clients that send what lingers before tiod can say no; those that have not gone."""
    clients = []
    for _ in range(2):
        near, far = lingering() or socket.socketpair()
        client = Client(path=path)
        send_along(client, [near.fileno()])
        near.close()
        clients.append((client, far))
    clients[0][0].socket.close()
    return clients


def test_many(tap, world):
    before = descriptors(world.daemon.pid)
    clients, refused = [], 0
    for _ in range(1000):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(10)
        try:
            s.connect(SOCKET)
            clients.append(s)
        except OSError:
            refused += 1
    kept = told = 0
    for s in clients:
        try:
            s.sendall(HOST)
        except BrokenPipeError:
            pass
        try:
            said = s.recv(4096)
            kept += b'"ready"' in said
            told += b'"io.tiod.Busy"' in said
        except OSError:
            pass
    tap.ok(kept == PER_UID, f"of 1000 connections {PER_UID} are served",
           f"{kept} were, {refused} refused")
    tap.ok(told == len(clients) - kept, "and each of the others is told why not",
           f"{told} of {len(clients) - kept}")
    for s in clients:
        s.close()
    tap.ok(settle(lives), "when they have gone, others are served again")
    tap.ok(settle(lambda: descriptors(world.daemon.pid) <= before),
           "and no descriptor is left", f"{before} before, {descriptors(world.daemon.pid)} now")


def memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS"):
                return int(line.split()[1])
    return 0


def fill(client):
    """Sends calls until nothing more goes in."""
    call = b'{"method":"org.varlink.service.GetInterfaceDescription",' \
           b'"parameters":{"interface":"io.tiod"}}\0' * 64
    client.socket.setblocking(False)
    sent, idle = 0, 0
    while idle < 20:
        try:
            sent += client.socket.send(call)
            idle = 0
        except BlockingIOError:
            idle += 1
            time.sleep(0.02)
    return sent


def test_slow(tap, world):
    """Returns clients that never read, and when they stopped."""
    before = memory(world.daemon.pid)
    slow = [Client() for _ in range(8)]
    taken = [fill(client) for client in slow]
    now = memory(world.daemon.pid)
    tap.ok(lives(1), "with 8 clients that never read, others are answered at once")
    tap.ok(max(taken) < 4 << 20, "of each no more is taken in than the limits say", taken)
    # A sanitizer keeps what was freed for a while.
    tap.ok(now - before < 96 * 1024, "and memory stays within bounds",
           f"{before} KiB before, {now} KiB now")
    return slow, time.monotonic()


def test_stalled(tap, slow, since):
    time.sleep(max(0, since + STALL + 1 - time.monotonic()))
    gone = 0
    for client in slow:
        client.socket.settimeout(5)
        try:
            while client.socket.recv(1 << 20):
                pass
            gone += 1
        except socket.timeout:
            pass
        except ConnectionResetError:
            gone += 1
    tap.ok(gone == len(slow), f"who has not read for {STALL} s is disconnected",
           f"{gone} of {len(slow)} were")


def test_monitors(tap, world):
    """A subscriber that does not read gets no queue without end, but everything anew."""
    with Client() as deaf, Client() as c:
        deaf.start("io.tiod.Monitor", more=True)
        for _ in range(100):
            c.call("io.tiod.Connect", {"function": "0000:01:00.0"})
            c.call("io.tiod.Disconnect", {"function": "0000:01:00.0"})
        events, anew = [], []
        while anew != ["function", "ready"] and len(events) < 20000:
            events.append(deaf.read()["parameters"]["event"])
            if "resync" in events:
                anew = events[events.index("resync") + 1:]
        tap.ok(anew == ["function", "ready"],
               "it hears \"resync\", and then everything anew", len(events), anew[:10])
        c.call("io.tiod.Connect", {"function": "0000:01:00.0"})
        tap.ok(deaf.read()["parameters"]["event"] in ("job", "progress", "function"),
               "and is told what happens from then on")
        c.call("io.tiod.Disconnect", {"function": "0000:01:00.0"})


def mutate(chance, data):
    data = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data))
        how = chance.randrange(4)
        if how == 0:
            data[at] = chance.randrange(256)
        elif how == 1:
            del data[at:at + chance.randint(1, 8)]
        elif how == 2:
            data[at:at] = bytes(chance.choice(b'{}[]",:\\0123x')
                                for _ in range(chance.randint(1, 5)))
        else:
            data[at:at] = data[at:at + chance.randint(1, 12)]
        if not data:
            data = bytearray(b"x")
    return bytes(data)


def test_random(tap):
    chance = random.Random(4711)
    seeds = [HOST, b'{"method":"io.tiod.ListFunctions","parameters":{"all":true}}\0',
             b'{"method":"io.tiod.GetFunction","parameters":{"function":"01:00.0/vf1"}}\0',
             b'{"method":"io.tiod.Plan","parameters":{"functions":["01:00.0"],"vm":"vm1",'
             b'"vfs":4}}\0',
             b'{"method":"io.tiod.Monitor","more":true}\0',
             b'{"method":"org.varlink.service.GetInfo"}\0']
    for _ in range(600):
        with Client() as c:
            try:
                for _ in range(chance.randint(1, 3)):
                    c.send(mutate(chance, chance.choice(seeds)))
            except OSError:
                pass
    tap.ok(settle(lives), "600 mutilated conversations (seed 4711) do no harm")


def test_queue(tap, world):
    """More jobs than may wait."""
    fault = world.sim.fault(path="*/tsm/connect", op="write", act="delay", ms=3000)
    clients = [Client() for _ in range(33)]
    with Client() as c:
        for client in clients:
            client.start("io.tiod.Connect", {"function": "0000:01:00.0"})
        settle(lambda: len(c.call("io.tiod.ListJobs")["parameters"]["jobs"]) == 33)
        more = [c.call("io.tiod.Connect", {"function": "0000:01:00.0"}).get("error")
                for _ in range(3)]
        tap.ok(more == ["io.tiod.Busy"] * 3, "32 jobs wait, and more are refused", more)
        jobs = c.call("io.tiod.ListJobs")["parameters"]["jobs"]
        for job in reversed(jobs):
            c.call("io.tiod.CancelJob", {"job": job["id"]})
    answers = [c.read().get("parameters", {}).get("errnoName") for c in clients]
    tap.ok(answers == ["ECANCELED"] * 33, "each that waited hears that it was cancelled",
           answers)
    world.sim("release", id=fault)


def switches(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return sum(int(line.split()[1]) for line in status if "ctxt_switches" in line)


def test_idle(tap, world):
    with Client():
        time.sleep(0.3)
        before = switches(world.daemon.pid)
        time.sleep(1.5)
        tap.ok(switches(world.daemon.pid) == before, "with nothing to do it does not wake up",
               switches(world.daemon.pid) - before)


def as_nobody(path):
    """What somebody without rights hears; None if this host cannot be anybody else."""
    code = ("import os, socket, sys\n"
            "os.setgroups([]) if os.getuid() == 0 else None\n"
            "os.setgid(65534); os.setuid(65534)\n"
            "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
            "for m in ('io.tiod.GetHost', 'io.tiod.Attach', 'org.varlink.service.GetInfo'):\n"
            "    s.sendall(b'{\"method\":\"%s\"}\\0' % m.encode())\n"
            "    sys.stdout.write(s.recv(65536).decode().rstrip('\\0') + '\\n')\n")
    run = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    if run.returncode != 0:
        return None
    return [json.loads(line) for line in run.stdout.splitlines()]


def hears(manager, *words):
    """Does tiod tell the service manager all of @words?"""
    said, end = "", time.monotonic() + 5
    manager.settimeout(1)
    while time.monotonic() < end and not all(word in said for word in words):
        try:
            said += manager.recv(4096).decode() + "\n"
        except socket.timeout:
            pass
    return all(word in said for word in words)


def test_service_manager(tap, world):
    """tiod takes the service manager's socket; whoever may not call is told so."""
    world.stop()
    path = "/run/passed.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o666)
    listener.listen(16)
    early = send_early(path)
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind("/run/notify.sock")

    def hand_over():
        os.dup2(listener.fileno(), 3)
        os.environ["LISTEN_PID"] = str(os.getpid())

    command = [os.environ["TIOD"], "--runtime-dir", "/run/other", "--state-dir", "/run/state"]
    with open("/run/passed.log", "w", encoding="utf-8") as log:
        tiod = subprocess.Popen(["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$0" "$@"', *command],
                                env=dict(os.environ, LISTEN_FDS="1", WATCHDOG_USEC="200000",
                                         NOTIFY_SOCKET="/run/notify.sock"), stderr=log,
                                pass_fds=[3] if listener.fileno() == 3 else [],
                                preexec_fn=hand_over, close_fds=False)
    with Client(path=path) as c:
        tap.ok(c.call("io.tiod.GetHost")["parameters"]["ready"],
               "a socket that is passed is served")
        tap.ok(early[1][0].is_closed() and "error" not in c.call("io.tiod.GetHost"),
               "descriptors that came before tiod did keep nobody waiting")
    tap.ok(hears(manager, "READY=1", "STATUS=", "WATCHDOG=1"),
           "the manager hears that it is ready, and that it is alive")
    heard = as_nobody(path)
    if heard is None:
        tap.skip("who may not call is told so", "no other user can be taken on here")
    else:
        tap.ok([h.get("error") for h in heard] == ["io.tiod.NotPermitted",
                                                   "io.tiod.NotPermitted", None] and
               "tiod-admin" in heard[1]["parameters"]["fix"],
               "who may not call is told so, before its parameters are looked at", heard)
    tiod.terminate()
    tap.ok(tiod.wait(20) == 0 and os.path.exists(path),
           "it ends in order and leaves that socket where it was")
    tap.ok(hears(manager, "STOPPING=1"), "and the manager hears that, too")
    world.start()


def test_cancels_at_stop(tap, world):
    """Whose job is taken off the queue asks at once to cancel the next one there."""
    fault = world.sim.fault(path="*/tsm/connect", op="write", act="delay", ms=1500)
    function = {"function": "0000:01:00.0"}
    with Client() as first, Client() as second, Client() as third, Client() as c:
        first.start("io.tiod.Connect", function)
        settle(lambda: len(c.call("io.tiod.ListJobs")["parameters"]["jobs"]) == 1)
        number = c.call("io.tiod.ListJobs")["parameters"]["jobs"][0]["id"]
        second.start("io.tiod.Connect", function)
        for k in (2, 3):
            second.start("io.tiod.CancelJob", {"job": number + k})
        settle(lambda: len(c.call("io.tiod.ListJobs")["parameters"]["jobs"]) == 2)
        third.start("io.tiod.Connect", function)
        c.start("io.tiod.Connect", function)
        with Client() as other:
            settle(lambda: len(other.call("io.tiod.ListJobs")["parameters"]["jobs"]) == 4)
        world.daemon.terminate()
        tap.ok(world.daemon.wait(30) == 0, "cancelling jobs while tiod stops does no harm")
    world.sim("release", id=fault)
    world.start()


def main():
    tap, world = Tap(), World().start()
    slow, since = test_slow(tap, world)
    test_malformed(tap)
    test_size(tap)
    test_descriptors_sent(tap, world)
    test_monitors(tap, world)
    test_random(tap)
    test_queue(tap, world)
    test_stalled(tap, slow, since)
    test_many(tap, world)
    test_idle(tap, world)
    test_cancels_at_stop(tap, world)
    test_service_manager(tap, world)
    finish(world, tap)


main()
