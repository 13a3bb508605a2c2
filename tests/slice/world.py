# SPDX-License-Identifier: GPL-2.0-or-later
"""The simulated host from inside: tiod, tioctl, the kernel's faults and snapshots.

A test of the slice runs within `tio-sim run HOST -- python3 test_….py`; it starts the real
tiod there, drives it with the real tioctl, and compares whole snapshots of the host.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time

SOCKET = "/run/tiod-test.sock"
STORE = os.environ.get("TIO_SIM_STORE", "/run/tio-sim/store")
RUNTIME = STORE + "/run"
STATE = STORE + "/lib"
CONFIG = "/run/tiod-etc"
TIOD = os.environ.get("TIOD", "tiod")
TIOCTL = os.environ.get("TIOCTL", "tioctl")
PLUGINS = os.environ.get("TIOD_PLUGINS", "")

VM_FILES = {
    "vm1": "[VM]\nMemory=1G\n",
    "vm2": "[VM]\nMemory=1G\n",
    "pinned": "[VM]\nMemory=1G\nPin=d3cold,on,reset\n",
    "owned": "[VM]\nMemory=1G\nUser=daemon\n",
}


class Tap:
    """Counts and prints; a test is one true sentence."""

    def __init__(self):
        self.number = 0
        self.failed = 0

    def ok(self, good, sentence, *details):
        self.number += 1
        if not good:
            self.failed += 1
        print(f"{'ok' if good else 'not ok'} {self.number} - {sentence}", flush=True)
        for line in details if not good else ():
            for part in str(line).splitlines()[:60]:
                print(f"# {part}", flush=True)
        return good

    def skip(self, sentence, why):
        self.number += 1
        print(f"ok {self.number} - {sentence} # SKIP {why}", flush=True)

    def note(self, text):
        print(f"# {text}", flush=True)

    def end(self):
        print(f"1..{self.number}", flush=True)
        sys.exit(1 if self.failed else 0)


class Sim:
    """The control socket of the simulated host."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(os.environ["TIO_SIM_CTL"])
        self.file = self.socket.makefile("r")

    def __call__(self, do, **args):
        self.socket.sendall((json.dumps({"do": do, **args}) + "\n").encode())
        reply = json.loads(self.file.readline())
        if not reply.get("ok"):
            raise RuntimeError(f"tio-sim {do} {args}: {reply}")
        return reply

    def snapshot(self):
        return self("snapshot")["text"]

    def fault(self, **rule):
        return self("fault", **rule)["id"]

    def hits(self, number):
        for rule in self("faults")["faults"]:
            if rule["id"] == number:
                return rule["seen" if rule["act"] == "count" else "applied"]
        return 0


class World:
    launcher, pass_fds = (), ()  # what starts tiod, and what it inherits
    options = ()

    def __init__(self, step_timeout=None, vms=None, udevd=False, config=""):
        self.sim = Sim()
        self.daemon = None
        self.log = open("/run/tiod.log", "w+")
        self.env = dict(os.environ, TIOD_SOCKET=SOCKET)
        for folder in (RUNTIME, STATE, CONFIG, CONFIG + "/vms.d"):
            os.makedirs(folder, exist_ok=True)
        with open(CONFIG + "/tiod.conf", "w") as conf:
            conf.write("[Daemon]\n" + config)
            if step_timeout:
                conf.write(f"StepTimeout={step_timeout}\n")
        for name, text in {**VM_FILES, **(vms or {})}.items():
            with open(f"{CONFIG}/vms.d/{name}.conf", "w") as conf:
                conf.write(text)

    # --- tiod ---

    def start(self, wait=60):
        command = [TIOD, "--runtime-dir", RUNTIME, "--state-dir", STATE, "--config-dir",
                   CONFIG, "--socket", SOCKET, *self.options]
        if PLUGINS:
            command += ["--plugin-dir", PLUGINS]
        self.daemon = subprocess.Popen([*self.launcher, *command], stdout=self.log, stderr=self.log,
                                       stdin=subprocess.DEVNULL,
                                       pass_fds=self.pass_fds)
        end = time.monotonic() + wait
        while time.monotonic() < end:
            if self.daemon.poll() is not None:
                raise RuntimeError("tiod ended at once:\n" + self.log_text())
            try:
                if self.call("GetHost").get("parameters", {}).get("ready"):
                    return self
            except OSError:
                pass
            time.sleep(0.005)
        raise RuntimeError("tiod is not ready:\n" + self.log_text())

    def stop(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.terminate()
            self.daemon.wait(60)
        self.daemon = None

    def kill(self):
        if self.daemon:
            self.daemon.kill()
            self.daemon.wait()
        self.daemon = None

    def alive(self):
        return self.daemon is not None and self.daemon.poll() is None

    def log_text(self):
        self.log.flush()
        with open("/run/tiod.log") as log:
            return log.read()[-6000:]

    def call(self, method, timeout=60, **parameters):
        """One Varlink call over a connection of its own; the last reply."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(timeout)
            s.connect(SOCKET)
            s.sendall(json.dumps({"method": "io.tiod." + method,
                                  "parameters": parameters}).encode() + b"\0")
            data = b""
            while not data.endswith(b"\0"):
                more = s.recv(65536)
                if not more:
                    raise ConnectionError("closed")
                data += more
            return json.loads(data[:-1])

    # --- tioctl ---

    def tioctl(self, *args, timeout=60):
        run = subprocess.run([TIOCTL, *args], env=self.env, stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, timeout=timeout)
        return run.returncode, run.stdout, run.stderr

    def background(self, *args):
        return subprocess.Popen([TIOCTL, *args], env=self.env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def must(self, *args):
        code, out, err = self.tioctl(*args)
        if code != 0:
            raise RuntimeError(f"tioctl {' '.join(args)}: {code}\n{out}{err}\n{self.log_text()}")
        return out

    def state(self, function):
        reply = self.call("GetFunction", function=function)
        return reply["parameters"]["function"]

    def settled(self, function, wait=60):
        """Waits until no job runs on @function any more and returns its state."""
        end = time.monotonic() + wait
        while time.monotonic() < end:
            jobs = self.call("ListJobs")["parameters"]["jobs"]
            if not jobs:
                return self.state(function)["state"]
            time.sleep(0.005)
        return "still busy"


def diff(before, after, limit=12):
    a, b = before.splitlines(), after.splitlines()
    gone = [f"- {line}" for line in a if line not in set(b)]
    came = [f"+ {line}" for line in b if line not in set(a)]
    return "\n".join((gone + came)[:limit])
