# SPDX-License-Identifier: GPL-2.0-or-later
"""What the checks that run inside tio-sim, on hosts/minimal.json, have in common."""

import errno
import json
import os
import subprocess
import sys
import time

SIM = sys.argv[1]
STORE = os.environ["TIO_SIM_STORE"]
BDF = "0000:01:00.0"
DEV = f"/sys/bus/pci/devices/{BDF}"
OVERRIDE = f"{DEV}/driver_override"
CHECKS = []


def check(sentence):
    def add(function):
        CHECKS.append((sentence, function))
        return function
    return add


def ctl(verb, *args, ok=True):
    """The reply as an object; with ok=False the sentence of the refusal."""
    run = subprocess.run([SIM, "ctl", verb, *args], capture_output=True, text=True, check=False)
    assert (run.returncode == 0) == ok, f"ctl {verb} {args}: {run.stdout}{run.stderr}"
    if not ok:
        return run.stderr
    return json.loads(run.stdout) if run.stdout.startswith("{") else run.stdout


def fault(**keys):
    return ctl("fault", *[f"{key}={value}" for key, value in keys.items()])["id"]


def the_fault(number):
    return [f for f in ctl("faults")["faults"] if f["id"] == number][0]


def read(path):
    with open(path, "rb", buffering=0) as file:
        return file.read()


def write(path, value):
    fd = os.open(path, os.O_WRONLY)
    try:
        return os.write(fd, value)
    finally:
        os.close(fd)


def error_of(function, *args):
    """The errno with which it fails, as its name; "" if it does not."""
    try:
        function(*args)
    except OSError as failure:
        return errno.errorcode[failure.errno]
    return ""


def child(function, *args):
    """Runs it in a process of its own: exits 0, or with the errno."""
    pid = os.fork()
    if pid == 0:
        try:
            function(*args)
        except OSError as failure:
            os._exit(failure.errno)
        os._exit(0)
    return pid


def end_of(pid, seconds=5):
    """How it ended: its exit status, or the negative signal; None if it did not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    return None


def until(condition, seconds=5):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.005)
    return False


def state_of(pid):
    return read(f"/proc/{pid}/stat").rsplit(b")", 1)[1].split()[0].decode()


def hanging(number, count=1):
    assert until(lambda: the_fault(number)["hanging"] == count), the_fault(number)


def equal(seen, wanted):
    assert seen == wanted, f"{seen!r} is not {wanted!r}"


def run_checks():
    for sentence, function in CHECKS:
        try:
            function()
            print(f"ok {sentence}", flush=True)
        except Exception as why:  # pylint: disable=broad-except
            line = why.__traceback__.tb_next.tb_lineno if why.__traceback__.tb_next else 0
            said = f"{type(why).__name__} {why} (line {line})".replace("\n", " ")
            print(f"not ok {sentence}: {said}", flush=True)
        ctl("clear")
