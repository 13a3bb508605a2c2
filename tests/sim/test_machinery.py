#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The machinery of tio-sim: namespaces, files, faults, events, module loads, the end.

Usage: test_machinery.py TIO-SIM HOSTS-FOLDER.  Speaks TAP.  What is to be seen from
inside is in machinery/.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SIM, HOSTS = (os.path.abspath(arg) for arg in sys.argv[1:3])
HERE = os.path.dirname(os.path.abspath(__file__))
MINIMAL = f"{HOSTS}/minimal.json"
SANITIZERS = ("AddressSanitizer", "LeakSanitizer", "runtime error:")


class Tap:
    """Numbers the lines."""

    count = 0
    failed = 0

    def say(self, good, sentence, comment=""):
        self.count += 1
        self.failed += not good
        print(f"{'' if good else 'not '}ok {self.count} - {sentence}{comment}", flush=True)

    def skip(self, sentence, why):
        self.say(True, sentence, f" # SKIP {why}")

    def check(self, sentence, function):
        try:
            function()
            self.say(True, sentence)
        except (AssertionError, OSError, subprocess.TimeoutExpired) as why:
            self.say(False, sentence)
            print("\n".join(f"# {line}" for line in str(why).splitlines()), flush=True)


def run(*args, host=MINIMAL, prefix=(), **keys):
    """Runs tio-sim and holds it to having ended cleanly."""
    done = subprocess.run([*prefix, SIM, "run", host, *args], capture_output=True, text=True,
                          timeout=120, check=False, **keys)
    assert not any(word in done.stderr for word in SANITIZERS), done.stderr
    return done


def equal(seen, wanted):
    assert seen == wanted, f"{seen!r} is not {wanted!r}"


def sims():
    """The processes of tio-sim that run (zombies are nobody's who still runs)."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if file.read().split(b"\0")[0] == SIM.encode():
                    found.add(pid)
        except OSError:
            pass
    return found


def traces():
    """What a simulation could leave on the machine."""
    with open("/proc/self/mounts", encoding="utf-8") as file:
        mounts = file.read()
    modules = os.listdir("/sys/module")
    return mounts, sorted(modules), sorted(os.listdir("/run")), sorted(os.listdir("/"))


def inside(tap):
    done = run("--", sys.executable, f"{HERE}/machinery", SIM)
    for line in done.stdout.splitlines():
        if line.startswith("ok "):
            tap.say(True, line[3:])
        elif line.startswith("not ok "):
            tap.say(False, line[7:].split(":")[0])
            print(f"# {line}")
    tap.check("all checks inside came to their end", lambda: equal(done.returncode, 0))
    if done.stderr:
        print("\n".join(f"# {line}" for line in done.stderr.splitlines()))


# --- The end of a run ---


def exit_statuses():
    equal(run("--", "true").returncode, 0)
    equal(run("--", "sh", "-c", "exit 7").returncode, 7)
    equal(run("--", "sh", "-c", "kill -TERM $$").returncode, 128 + signal.SIGTERM)
    equal(run("--", "/absent").returncode, 127)
    equal(run("--", "/etc/passwd").returncode, 126)


def bad_hosts():
    with tempfile.TemporaryDirectory() as folder:
        cases = {"absent": None, "notjson": "{", "unknown": '{"no-such-key": 1}'}
        for name, text in cases.items():
            path = f"{folder}/{name}.json"
            if text is not None:
                with open(path, "w", encoding="ascii") as file:
                    file.write(text)
            done = run("--", "true", host=path)
            equal(done.returncode, 125)
            assert path in done.stderr, done.stderr
            assert "no-such-key" in done.stderr or name != "unknown", done.stderr


def children_end_too():
    before = sims()
    done = run("--", "sh", "-c", "sleep 987 & echo $!")
    equal(done.returncode, 0)
    equal(subprocess.run(["pgrep", "-f", "sleep 987"], capture_output=True, check=False).stdout,
          b"")
    equal(sims(), before)


def start(*command):
    sim = subprocess.Popen([SIM, "run", MINIMAL, "--", *command], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True)
    equal(sim.stdout.readline(), "ready\n")
    return sim


HANG = (f"{SIM} ctl fault path=driver_override act=hang mode=uninterruptible > /dev/null;"
        "echo x > /sys/bus/pci/devices/0000:01:00.0/driver_override &"
        "echo ready; sleep 987")


def killed_by(number):
    before = sims(), traces()
    sim = start("sh", "-c", HANG)
    time.sleep(0.2)
    sim.send_signal(number)
    equal(sim.wait(20), -number if number == signal.SIGKILL else 128 + number)
    end = time.monotonic() + 10
    while time.monotonic() < end and sims() != before[0]:
        time.sleep(0.05)
    equal((sims(), traces()), before)


# --- Other users, udev, the terminal ---


def unprivileged(tap):
    sentence = "an ordinary user can run it, and is root inside"
    if os.geteuid() != 0:
        tap.skip(sentence, "all of this ran as one")
        return
    nobody = pwd.getpwnam("nobody")

    def become():
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)

    try:
        probe = subprocess.run(["unshare", "-Ur", "true"], preexec_fn=become,
                               capture_output=True, text=True, check=False)
    except OSError as why:
        tap.skip(sentence, f"cannot become another user: {why}")
        return
    if probe.returncode:
        tap.skip(sentence, f"user namespaces are not permitted: {probe.stderr.strip()}")
        return
    with tempfile.TemporaryDirectory() as folder:
        # the build folder may be closed to others
        os.chmod(folder, 0o755)
        shutil.copy(SIM, f"{folder}/tio-sim")
        shutil.copy(MINIMAL, f"{folder}/host.json")
        os.chmod(f"{folder}/host.json", 0o644)

        def check():
            done = subprocess.run([f"{folder}/tio-sim", "run", f"{folder}/host.json", "--", "sh",
                                   "-c", "id -u; modprobe vfio-pci; ls /sys/module; "
                                   "cat /sys/bus/pci/devices/0000:01:00.0/config | wc -c"],
                                  preexec_fn=become, capture_output=True, text=True, cwd="/",
                                  timeout=60, check=False)
            words = done.stdout.split()
            assert done.returncode == 0 and words[0] == "0", done.stdout + done.stderr
            assert "vfio_pci" in words and words[-1] == "4096", done.stdout
            assert not any(word in done.stderr for word in SANITIZERS), done.stderr

        tap.check(sentence, check)


def many_users():
    """As root, several users exist inside."""
    done = run("--", "setpriv", "--reuid=1234", "--regid=1234", "--clear-groups", "sh", "-c",
               "id -u; echo x > /sys/bus/pci/devices/0000:01:00.0/driver_override")
    equal(done.stdout, "1234\n")
    assert done.returncode and "ermission" in done.stderr, done.stderr


def udevd():
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/70-test.rules", "w", encoding="ascii") as file:
            file.write('SUBSYSTEM=="pci", ATTR{vendor}=="0x1af4", ENV{SIM_RULE}="yes"\n')
        done = run("--udevd", "--rules", folder, "--", "udevadm", "info",
                   "/sys/bus/pci/devices/0000:01:00.0")
    assert "E: SIM_RULE=yes" in done.stdout, done.stdout + done.stderr
    assert "E: ID_PATH=pci-0000:01:00.0" in done.stdout, done.stdout


def environment():
    env = dict(os.environ, SECRET="s")
    ask = ("--", "sh", "-c", "echo ${SECRET-none} $SYSTEMD_DEVICE_VERIFY_SYSFS")
    equal(run(*ask, env=env).stdout, "none 0\n")
    equal(run("--keep-env", *ask, env=env).stdout, "s 0\n")


def mounts():
    done = run("--", "sh", "-c", "grep ' /data ' /proc/mounts; cat /proc/swaps; ls /dev",
               host=f"{HOSTS}/dual-gpu.json")
    assert done.stdout.startswith("/dev/nvme0n1p2 /data "), done.stdout + done.stderr
    assert "nvme0n1p2\n" in done.stdout


def main():
    tap = Tap()
    before = traces()
    inside(tap)
    tap.check("it exits as the command does", exit_statuses)
    tap.check("a host that cannot be read is refused with its name", bad_hosts)
    tap.check("what the command leaves running ends with it", children_end_too)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        tap.check(f"after {number.name}, with a write that hangs, nothing is left",
                  lambda number=number: killed_by(number))
    unprivileged(tap)
    if os.geteuid() == 0:
        tap.check("as root, several users exist inside", many_users)
    else:
        tap.skip("as root, several users exist inside", "not root")
    if shutil.which("udevadm"):
        tap.check("a real udevd applies rules to the host", udevd)
    else:
        tap.skip("a real udevd applies rules to the host", "udev is not installed")
    tap.check("the environment is handed on only when asked", environment)
    tap.check("the mounts of the host are there", mounts)
    tap.check("nothing is left behind on the machine", lambda: equal(traces(), before))
    print(f"1..{tap.count}")
    return 1 if tap.failed else 0


sys.exit(main())
