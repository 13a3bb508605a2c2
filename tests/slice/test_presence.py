# SPDX-License-Identifier: GPL-2.0-or-later
"""What tiod has in /run: taken by others, deleted while it runs, wanted by a second tiod."""

import os
import re
import shutil
import signal
import socket
import subprocess

import world
from checks import run_all, until, write

DRIVE, GPU = "0000:61:00.0", "0000:e1:00.0"
JOURNAL = f"{world.RUNTIME}/journal/{DRIVE}.json"


def start(runtime, path, wait=60):
    """One more tiod, which is expected to end at once: its status and what it says."""
    run = subprocess.run([world.TIOD, "--runtime-dir", runtime, "--state-dir", world.STATE,
                          "--config-dir", world.CONFIG, "--socket", path],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, timeout=wait, check=False)
    return run.returncode, run.stdout


def fails(checks, runtime, path, words, sentence):
    code, said = start(runtime, path)
    missing = [word for word in words if word not in said]
    checks.tap.ok(code == 1 and not missing, sentence, code, missing, said)


def answers(checks):
    try:
        return checks.world.call("GetHost")["parameters"]["ready"]
    except OSError:
        return False


def listing(path):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen()
    return s


# --- Taken ---

def second(checks):
    pid = checks.world.daemon.pid
    fails(checks, world.RUNTIME, "/run/second.sock",
          [f"another tiod (pid {pid}) uses {world.RUNTIME}", "systemctl stop", "--runtime-dir"],
          "a second tiod is refused, with the first one's pid and what to do")
    fails(checks, "/run/second", world.SOCKET,
          [f"the socket {world.SOCKET} is served by process {pid}", "--socket"],
          "so is one that wants only the socket")
    checks.tap.ok(answers(checks), "and the first one goes on")


def taken(checks):
    """The socket's path belongs to something else: nothing of others is taken away."""
    checks.world.stop()
    write(world.SOCKET, "mine")
    fails(checks, world.RUNTIME, world.SOCKET,
          [f"{world.SOCKET} is a file", f"mv {world.SOCKET} {world.SOCKET}.old"],
          "a file in the socket's place is told")
    checks.tap.ok(open(world.SOCKET, encoding="ascii").read() == "mine", "and left alone")
    os.unlink(world.SOCKET)
    os.mkdir(world.SOCKET)
    fails(checks, world.RUNTIME, world.SOCKET, [f"{world.SOCKET} is a folder"],
          "so is a folder")
    os.rmdir(world.SOCKET)
    with listing(world.SOCKET):
        fails(checks, world.RUNTIME, world.SOCKET, [f"served by process {os.getpid()}"],
              "and another process' socket, with its pid")
    checks.world.start()
    checks.tap.ok(answers(checks), "a socket that nobody serves any more makes room")
    fails(checks, "/run/third", "/run/no/folder/sock", ["bind the socket /run/no/folder/sock",
          "make its folder"], "a socket without its folder is told")


# --- Cleared ---

def comes_back(checks, sentence):
    checks.tap.ok(until(lambda: answers(checks), 60), sentence, checks.world.log_text())


def clear(checks, *paths):
    """Files and folders at once, as tiod sees it."""
    os.kill(checks.world.daemon.pid, signal.SIGSTOP)
    for path in paths:
        (shutil.rmtree if os.path.isdir(path) else os.unlink)(path)
    os.kill(checks.world.daemon.pid, signal.SIGCONT)


def cleared(checks):
    before = checks.host()
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    attached = checks.host()
    os.kill(checks.world.daemon.pid, signal.SIGSTOP)
    shutil.rmtree(world.RUNTIME)
    os.unlink(world.SOCKET)
    checks.run("status", 7, ["systemctl start tiod"], "without its socket tioctl says what to do")
    os.kill(checks.world.daemon.pid, signal.SIGCONT)
    comes_back(checks, "the socket comes back")
    checks.tap.ok(os.path.exists(JOURNAL), "so do the journals")
    checks.stays(attached, "and all else of the runtime folder")
    checks.tap.ok(f"somebody has cleared {world.RUNTIME}" in checks.world.log_text(),
                  "the log says so", checks.world.log_text())
    fails(checks, world.RUNTIME, "/run/second.sock", [f"pid {checks.world.daemon.pid}"],
          "a second tiod is refused as before")
    checks.run(f"detach {DRIVE}", 0)
    checks.stays(before, "and a card goes back as if nothing had been")


def cleared_by_halves(checks):
    os.unlink(world.SOCKET)
    comes_back(checks, "only the socket was deleted: it comes back")
    os.unlink(world.RUNTIME + "/lock")
    checks.tap.ok(until(lambda: os.path.exists(world.RUNTIME + "/lock"), 60),
                  "only the lock: it comes back")
    write(world.SOCKET + ".mine", "mine")
    os.rename(world.SOCKET + ".mine", world.SOCKET)
    checks.tap.ok(until(lambda: f"{world.SOCKET} is a file" in checks.world.log_text(), 60),
                  "a file came in its place: the log says so", checks.world.log_text())
    os.unlink(world.SOCKET)
    comes_back(checks, "and once that is gone, the socket comes back")


def cleared_at_work(checks):
    """The folder goes while a worker is at a change, which cannot write its journal then."""
    before = checks.host()
    checks.sim.fault(path="*drivers/vfio-pci/bind", act="hang", nth=1)
    attach = checks.world.background("attach", DRIVE, "--vm", "vm1")
    hangs = until(lambda: any(f["hanging"] for f in checks.sim("faults")["faults"]), 60)
    checks.tap.ok(hangs, "a worker is at it")
    clear(checks, world.RUNTIME)
    checks.sim("clear")
    _, err = attach.communicate(timeout=60)
    checks.tap.ok(attach.returncode == 0, "cleared within an attach, that goes on", err,
                  checks.world.log_text())
    checks.tap.ok(until(lambda: os.path.exists(world.RUNTIME + "/lock"), 60) and
                  os.path.exists(JOURNAL), "with its journal")
    checks.run(f"detach {DRIVE}", 0)
    until(lambda: os.path.exists(world.RUNTIME + "/booted"), 60)
    checks.stays(before, "and all goes back")


def cleared_and_killed(checks):
    """Nothing is lost by the death of tiod after that; and its next start is no boot."""
    before = checks.host()
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    clear(checks, world.RUNTIME)
    checks.tap.ok(until(lambda: os.path.exists(world.RUNTIME + "/booted"), 60) and
                  os.path.exists(JOURNAL), "the runtime folder comes back")
    checks.world.kill()
    checks.world.start()
    os.makedirs(world.CONFIG + "/rules.d", exist_ok=True)
    rule = world.CONFIG + "/rules.d/50-boot.conf"
    write(rule, f"[Match]\nAddress={GPU}\n[Attach]\nVM=vm1\nOn=boot\n")
    checks.world.stop()
    checks.world.start()
    checks.run("wait --timeout 60", 0)
    checks.tap.ok(checks.state(GPU) == "idle", "a rule for boots does not act", checks.state(GPU))
    os.unlink(rule)
    checks.world.tioctl("reload")
    checks.run(f"detach {DRIVE}", 0)
    checks.stays(before, "and the card goes back as it was")


def journals_deleted(checks):
    """Only they: the lock, and with it the folder, seems to be what it was."""
    before = checks.host()
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    attached = checks.host()
    for delete in (lambda: os.unlink(JOURNAL),
                   lambda: clear(checks, os.path.dirname(JOURNAL)),
                   lambda: os.rename(JOURNAL, world.STORE + "/moved.json")):
        delete()
        checks.tap.ok(until(lambda: os.path.exists(JOURNAL), 60), "a journal comes back alone",
                      checks.world.log_text())
    os.unlink(world.STORE + "/moved.json")
    checks.stays(attached, "as it was")
    os.kill(checks.world.daemon.pid, signal.SIGSTOP)
    detach = checks.world.background("detach", DRIVE)
    shutil.rmtree(os.path.dirname(JOURNAL))
    os.kill(checks.world.daemon.pid, signal.SIGCONT)
    _, err = detach.communicate(timeout=60)
    checks.tap.ok(detach.returncode == 0, "deleted right before a detach, it is used", err)
    checks.stays(before, "and the card goes back as it was")


def mount(*args):
    return subprocess.run(["mount", *args], check=False, capture_output=True).returncode == 0


def fill(path):
    with open(path, "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass


def full(checks):
    """The lock finds room again, the journal does not, and is tried again until it does."""
    checks.world.stop()
    before = checks.sim.snapshot()
    if not mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", world.RUNTIME):
        checks.tap.skip("a full disk", "it cannot be mounted so here")
        checks.world.start()
        return
    checks.world.start()
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    attached = checks.sim.snapshot()
    os.kill(checks.world.daemon.pid, signal.SIGSTOP)
    os.unlink(JOURNAL)
    os.unlink(world.RUNTIME + "/lock")
    fill(world.RUNTIME + "/filler")
    os.kill(checks.world.daemon.pid, signal.SIGCONT)
    sentence = f"cannot be made again: in {world.RUNTIME}/journal"
    checks.tap.ok(until(lambda: sentence in checks.world.log_text(), 60),
                  "no room for a journal: the log says so", checks.world.log_text())
    checks.run(f"detach {DRIVE}", 6, ["was deleted from", "No space left", "df -h"],
               "a detach is refused then")
    checks.same(attached, checks.sim.snapshot(), "and leaves the card alone")
    os.unlink(world.RUNTIME + "/filler")
    checks.tap.ok(until(lambda: os.path.exists(JOURNAL), 60), "with room it comes back",
                  checks.world.log_text())
    checks.tap.ok(checks.world.log_text().count(sentence) == 1,
                  "and was told once", checks.world.log_text())
    checks.tap.ok(until(lambda: not os.path.exists(world.STATE + "/journal"), 60),
                  "nothing is left of what was saved elsewhere")
    checks.run(f"detach {DRIVE}", 0)
    checks.same(before, checks.sim.snapshot(), "and the card goes back as it was")
    checks.world.stop()
    subprocess.run(["umount", world.RUNTIME], check=True)
    checks.world.start()


SANDBOX = f"""
mount --make-rslave / && mount --bind {world.STORE} {world.STORE} &&
mount --bind {world.RUNTIME} {world.RUNTIME} && mount --bind {world.STATE} {world.STATE} &&
mount -o remount,bind,ro {world.STORE} && exec "$@"
"""


def sandboxed(checks):
    """As the unit has it: all is read-only but its own folders, of which one is deleted."""
    checks.world.stop()
    before = checks.host()
    checks.world.launcher = ("unshare", "-m", "sh", "-c", SANDBOX, "sh")
    try:
        checks.world.start()
    except RuntimeError as error:
        checks.tap.skip("a sandbox", f"it cannot be made here: {error}"[:90])
        checks.world.launcher = ()
        checks.world.start()
        return
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    clear(checks, *(f"{world.RUNTIME}/{name}" for name in os.listdir(world.RUNTIME)))
    checks.tap.ok(until(lambda: os.path.exists(JOURNAL), 60),
                  "only what is in the folder was deleted: it comes back",
                  checks.world.log_text())
    attached = checks.sim.snapshot()
    clear(checks, world.RUNTIME)
    checks.tap.ok(until(lambda: "cannot be made again: make the folder" in
                        checks.world.log_text(), 60),
                  "the folder, too: the log says that it cannot", checks.world.log_text())
    words = ["was deleted from", "Read-only", "`systemctl restart tiod`"]
    checks.run(f"detach {DRIVE}", 6, words, "a detach is refused, and says what to type")
    checks.same(attached, checks.sim.snapshot(), "and leaves the card alone")
    checks.world.stop()
    os.makedirs(world.RUNTIME)
    checks.world.start()
    checks.tap.ok(os.path.exists(JOURNAL), "a restart brings the journal back",
                  checks.world.log_text())
    checks.run(f"detach {DRIVE}", 0)
    checks.stays(before, "and the card goes back as it was")
    checks.world.stop()
    checks.world.launcher = ()
    checks.world.start()


def journal_lost(checks):
    """Cleared while no tiod runs, so that nobody knows what a card was before."""
    before = checks.sim.snapshot()
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    checks.world.stop()
    shutil.rmtree(world.RUNTIME)
    checks.world.start()
    checks.run("wait --timeout 60", 0)
    _, _, err = checks.world.tioctl("detach", DRIVE)
    found = re.search(r"`(cd [^`]*)`", err)
    checks.tap.ok(found and f"{DRIVE} stays with vfio-pci: its journal is gone" in err,
                  "a detach without a journal says what it leaves", err)
    if not found:
        return
    commands = found.group(1).replace("tioctl", world.TIOCTL)
    run = subprocess.run(["sh", "-ec", commands], env=checks.world.env, capture_output=True,
                         text=True, check=False)
    checks.tap.ok(run.returncode == 0, "and the commands that it names can be typed", commands,
                  run.stderr)
    checks.same(before, checks.sim.snapshot(), "and give the card back")


def lost_to_another(checks):
    """While tiod is stopped the folder is cleared and a second one takes it: one of them ends."""
    first = checks.world.daemon
    os.kill(first.pid, signal.SIGSTOP)
    os.unlink(world.RUNTIME + "/lock")
    os.unlink(world.SOCKET)
    checks.world.start(60)
    os.kill(first.pid, signal.SIGCONT)
    checks.tap.ok(until(lambda: first.poll() is not None, 60) and first.returncode != 0,
                  "the one that lost its lock gives way", checks.world.log_text())
    checks.tap.ok(f"another tiod (pid {checks.world.daemon.pid})" in checks.world.log_text(),
                  "and says to whom", checks.world.log_text())
    checks.tap.ok(answers(checks), "whose socket it leaves alone")


run_all({"plain": [second, taken, cleared, cleared_by_halves, cleared_at_work,
                   cleared_and_killed, journals_deleted, full, sandboxed,
                   journal_lost, lost_to_another]})
