# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands that name a card at the very moment at which it comes or goes."""

import json
import signal
import socket
import subprocess
import sys
import time

import world
from checks import run_all, set_pci, until, write

GPU, DRIVE = "0000:e1:00.0", "0000:61:00.0"
SPARE, SERIAL = "0000:81:00.0", "serial:48-b0-2d-00-00-00-00-03"
POOL = "sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"
ABSENT = f"there is no function {SPARE} in this host"


class Client:
    """One connection, and calls over it one after the other."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(world.SOCKET)

    def ask(self, method, **parameters):
        self.socket.sendall(json.dumps({"method": "io.tiod." + method,
                                        "parameters": parameters}).encode() + b"\0")

    def answer(self):
        data = b""
        while not data.endswith(b"\0"):
            more = self.socket.recv(65536)
            if not more:
                raise ConnectionError("closed")
            data += more
        return json.loads(data[:-1])

    def plan(self, *functions):
        self.ask("Plan", functions=functions, vm="vm1")


class Scans:
    """Counts how often tiod has read the host: each reading has this file once."""

    def __init__(self, checks):
        self.sim = checks.sim
        self.rule = self.sim.fault(path=POOL, op="open", act="count", nth=0)

    def __call__(self):
        return self.sim.hits(self.rule)


def quiet(checks):
    """Until no event is left that would have something read."""
    scans = Scans(checks)
    until(lambda: is_still(scans), 30)


def is_still(scans):
    before = scans()
    time.sleep(0.5)
    return scans() == before


# --- Right after it came or went ---

def at_once(checks):
    rounds, wrong = 50, []
    for n in range(rounds):
        name = SERIAL if n % 2 else SPARE
        checks.sim("plug", name="spare-gpu")
        got = [checks.world.tioctl("attach", name, "--vm", "vm1"),
               checks.world.tioctl("detach", name)]
        checks.sim("unplug" if n % 3 else "surprise-remove", function=SPARE)
        last = checks.world.tioctl("attach", name, "--vm", "vm1")
        if [code for code, _, _ in got] != [0, 0] or last[0] != 4 or \
                "there is no" not in last[2]:
            wrong.append((n, name, got, last))
    checks.tap.ok(not wrong, f"{rounds} times a card is attached the moment it is there, and "
                  "not found the moment it has gone", *wrong[:4], checks.world.log_text())


def first_word(checks):
    """Each verb that names a function finds it, not attach alone."""
    for verb, *more in (["plan", "--vm", "vm1"], ["ide"], ["connect"]):
        checks.sim("plug", name="spare-gpu")
        checks.run(" ".join([verb, SPARE, *more]), 0, sentence=f"{verb} of a card just plugged in")
        checks.sim("unplug", function=SPARE)
    checks.run(f"disconnect {SPARE}", 4, [ABSENT], "disconnect of one just pulled out")
    checks.run(f"show {SPARE}", 4)


def together(checks):
    """Many ask for it at once."""
    clients = [Client() for _ in range(8)]
    checks.world.daemon.send_signal(signal.SIGSTOP)
    checks.sim("plug", name="spare-gpu")
    for client in clients:
        client.plan(SPARE)
    checks.world.daemon.send_signal(signal.SIGCONT)
    answers = [client.answer() for client in clients]
    checks.tap.ok(all(a.get("error", "io.tiod.Busy") == "io.tiod.Busy" for a in answers) and
                  any("error" not in a for a in answers), "all who ask at once find it", answers)
    checks.sim("unplug", function=SPARE)


def taken_first(checks):
    """The host's driver was still starting on the card when the attach began."""
    set_pci(DRIVE, "driver/unbind", DRIVE)
    checks.sees(DRIVE, "driver", "")
    rule = checks.sim.fault(path="*drivers/vfio-pci/bind", act="hang", count=1)
    client = checks.world.background("attach", DRIVE, "--vm", "vm1")
    until(lambda: any(f["hanging"] for f in checks.sim("faults")["faults"]), 60)
    set_pci(DRIVE, "driver_override", "nvme")
    write("/sys/bus/pci/drivers/nvme/bind", DRIVE)
    set_pci(DRIVE, "driver_override", "vfio-pci")
    checks.sim("release", id=rule)
    out, err = client.communicate(timeout=120)
    checks.sim("clear")
    checks.tap.ok(client.returncode == 0 and checks.world.state(DRIVE)["driver"] == "vfio-pci",
                  "a driver that comes first does not make an attach fail", out, err,
                  checks.world.log_text())
    checks.run(f"detach {DRIVE}", 0)
    driver = checks.world.state(DRIVE)["driver"]
    checks.tap.ok(driver == "nvme", "and has it back afterwards", driver)
    checks.sees(DRIVE, "driverOverride", "")


# --- Names of nothing ---

def unknown(checks):
    """Nobody can make tiod read the host again and again by names of nothing."""
    checks.run("attach 0000:99:00.0 --vm vm1", 4, ["there is no function 0000:99:00.0"])
    checks.run("attach serial:00-11-22 --vm vm1", 4, ["there is no card with the serial"])
    clients = [Client() for _ in range(10)]
    quiet(checks)
    scans = Scans(checks)
    checks.world.daemon.send_signal(signal.SIGSTOP)
    for client in clients:
        client.plan("0000:99:00.0")
    before = scans()
    checks.world.daemon.send_signal(signal.SIGCONT)
    answers = [client.answer() for client in clients]
    checks.tap.ok(1 <= scans() - before <= 2, "those who ask at once share a reading",
                  scans() - before, answers)
    begin, before, calls = time.monotonic(), scans(), 0
    while calls < 300:
        for n, client in enumerate(clients):
            client.plan(f"0000:{n + 0x90:x}:00.0")
        answers = [client.answer() for client in clients]
        calls += len(answers)
        if any(a.get("error") != "io.tiod.NoSuchFunction" for a in answers):
            checks.tap.ok(False, "a name of nothing is refused", answers)
            return
    taken, seconds = scans() - before, time.monotonic() - begin
    checks.tap.ok(0 < taken <= seconds / 0.1 + 2,
                  f"{calls} calls for what is not there have the host read now and then", taken,
                  seconds)
    checks.tap.note(f"{taken} readings in {seconds:.1f} s")
    before = scans()
    checks.run(f"attach {GPU} {DRIVE} --vm none", 4, ["no file describes"])
    checks.run("attach nonsense --vm vm1", 2)
    checks.tap.ok(scans() == before, "what is known, or is no name, has nothing read")


STRANGER = """
import os, sys
os.setgroups([]); os.setgid(5999); os.setuid(5999)
os.execv(sys.argv[1], sys.argv[1:])
"""


def strangers(checks):
    quiet(checks)
    scans = Scans(checks)
    before = scans()
    client = subprocess.run(
        [sys.executable, "-c", STRANGER, world.TIOCTL, "attach", "0000:99:00.0", "--vm", "vm1"],
        env=checks.world.env, capture_output=True, text=True, timeout=60, check=False)
    checks.tap.ok(client.returncode == 3, "who may not attach is told so first",
                  client.returncode, client.stderr)
    checks.tap.ok(scans() == before, "and nothing is read for him", scans() - before)


# --- A reading that does not end ---

def hangs(checks):
    """The new card's first reading hangs: whoever asks for it is told what is known."""
    before = checks.host()
    rule = checks.sim.fault(path=f"*{SPARE}/config", op="open", act="hang",
                            mode="uninterruptible", nth=0)
    checks.sim("plug", name="spare-gpu")
    left = checks.world.background("attach", SPARE, "--vm", "vm1")
    until(lambda: checks.sim.hits(rule))
    left.send_signal(signal.SIGKILL)
    left.communicate()
    checks.run(f"plan {DRIVE} --vm vm1", 0, sentence="others don't wait for it")
    code, _, err = checks.world.tioctl("attach", SPARE, "--vm", "vm1")
    checks.tap.ok(code == 4 and ABSENT in err, "a reading that hangs is not waited for without "
                  "end", code, err, checks.world.log_text())
    checks.sim("release", id="all")
    checks.sim("clear")
    checks.reaches(SPARE, "idle", "when it has come back the card is known", 30)
    checks.tap.ok(not checks.world.call("ListJobs")["parameters"]["jobs"],
                  "who hung up meanwhile is forgotten")
    checks.sim("unplug", function=SPARE)
    until(lambda: not checks.state(SPARE))
    checks.stays(before, "and nothing has changed")


def stopped(checks):
    """tiod is told to stop while calls wait."""
    checks.sim.fault(path=f"*{SPARE}/config", op="open", act="hang", mode="killable", nth=1)
    checks.sim("plug", name="spare-gpu")
    client = Client()
    client.plan(SPARE)
    until(lambda: any(f["hanging"] for f in checks.sim("faults")["faults"]))
    checks.world.daemon.terminate()
    answer = client.answer()
    checks.tap.ok("error" in answer, "who waits when tiod stops is answered", answer)
    checks.sim("release", id="all")
    checks.sim("clear")
    checks.world.stop()
    checks.world.start()
    checks.sim("unplug", function=SPARE)


if __name__ == "__main__":
    run_all({"plain": [at_once, first_word, together, taken_first, unknown, strangers, hangs,
                       stopped]})
