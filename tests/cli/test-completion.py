#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Completion: what tioctl offers, and what the shells that are installed make of it."""

import os
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time

from fake import TIOCTL, Fake, Skip, bare, environment, equal, expect, main, run
from shapes import GPU, NIC, function, job

NAMES = {
    "io.tiod.ListFunctions": [{"parameters": {"functions": [
        function(), function(address=NIC, name="Example NIC", state="connected")]}}],
    "io.tiod.ListVms": [{"parameters": {"vms": ["gpu-vm", "net-vm"]}}],
    "io.tiod.ListJobs": [{"parameters": {"jobs": [job()]}}],
}
GLOBAL = ["--json", "--socket", "--help", "--version"]


def offered(*words, script=None):
    """The candidates without their descriptions, and the calls that they took."""
    with Fake(script or {}) as fake:
        done = subprocess.run([TIOCTL, "__complete", *words], timeout=30, check=False,
                              env=environment(TIOD_SOCKET=fake.path),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    if fake.wrong:
        raise AssertionError("; ".join(fake.wrong))
    equal((done.returncode, done.stderr), (0, b""))
    return [line.split("\t")[0] for line in done.stdout.decode().splitlines()]


def verbs():
    text = run("--help").out.split("\n\n")[1]
    return [line.split()[0] for line in text.splitlines()]


def options_of(verb):
    lines = run(verb, "--help").out.splitlines()
    return [word.rstrip(",") for line in lines if line.startswith("  -")
            for word in line.split()[:2] if word.startswith("--")]


def test_every_verb_is_offered():
    equal(offered(""), verbs())
    equal(offered("help", ""), verbs())
    equal(offered("att"), ["attach"])
    equal(offered("--json", "det"), ["detach"])


def test_every_option_of_a_verb_is_offered():
    for verb in verbs():
        equal(offered(verb, "--"), options_of(verb))
    equal(offered("--"), GLOBAL)
    equal("--vm" in offered("attach", "--vm", "x", "--"), False)


def test_devices_are_asked_of_the_daemon():
    for verb in ("show", "attach", "connect", "ide", "evidence"):
        equal(offered(verb, "", script=NAMES), [GPU, NIC])
    equal(offered("attach", GPU, "0000:4", script=NAMES), [NIC])
    equal(offered("detach", "", script=NAMES), [GPU, NIC, "all"])
    equal(offered("rules", "test", "", script=NAMES), [GPU, NIC])


def test_an_address_may_be_begun_without_its_domain():
    equal(offered("show", "e1:", script=NAMES), ["e1:00.0"])


def test_nothing_is_offered_behind_the_last_name():
    equal(offered("show", GPU, ""), [])
    equal(offered("rules", "check", ""), [])
    equal(offered("reload", ""), [])


def test_vms_and_jobs_are_asked_of_the_daemon():
    equal(offered("qemu", "", script=NAMES), ["gpu-vm", "net-vm"])
    equal(offered("attach", GPU, "--vm", "n", script=NAMES), ["net-vm"])
    equal(offered("attach", GPU, "--vm=g", script=NAMES), ["--vm=gpu-vm"])
    equal(offered("cancel", "", script=NAMES), ["3"])


def test_words_and_lists_of_words_are_offered():
    equal(offered("attach", "--wait", ""), ["yes", "no"])
    equal(offered("attach", "--link-state=d"), ["--link-state=disable"])
    equal(offered("attach", "--force", "net,o"), ["net,open"])
    equal(offered("evidence", "--nonce", ""), ["random"])
    equal(offered("rules", ""), ["test", "check"])
    equal(offered("evidence", "-o", ""), [":folders"])
    equal(offered("--socket", ""), [":files"])


def test_the_socket_on_the_line_is_asked():
    with Fake(NAMES) as fake:
        for words in (["--socket", fake.path], ["--socket=" + fake.path]):
            r = bare("__complete", *words, "qemu", "")
            expect(r, 0, "gpu-vm\nnet-vm\n")
            fake.script = {k: list(v) for k, v in NAMES.items()}


def test_without_a_daemon_it_is_silent():
    r = bare("__complete", "show", "", env=environment(TIOD_SOCKET="/nonexistent/socket"))
    equal((r.code, r.out, r.err), (0, "", ""))


def test_descriptions_cannot_obey_the_terminal():
    bad = {"io.tiod.ListFunctions": [{"parameters": {"functions": [
        function(name="a\nb\tc\x1b[2J")]}}]}
    with Fake(bad) as fake:
        r = bare("__complete", "show", "", env=environment(TIOD_SOCKET=fake.path))
    equal(r.out.count("\n"), 1)
    equal(r.out.count("\t"), 1)
    equal("\x1b" in r.out, False)


def test_other_shells_are_refused():
    expect(bare("completion", "tcsh"), 2, "", "bash, zsh and fish")


# --- The shells themselves ---

def shown(output):
    """What stays of it on a terminal's line: without escapes and what was written over."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.decode(errors="replace"))
    return re.sub(r".\x08", "", text)


def await_text(terminal, keys, wanted):
    """Types @keys, reads until @wanted is shown."""
    os.write(terminal, keys.encode())
    seen = b""
    until = time.monotonic() + 60
    while wanted not in shown(seen):
        if time.monotonic() > until:
            raise AssertionError(f"not there: {wanted!r} in {seen!r}")
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 65536)


class Shell:
    """A shell's script in a file, tioctl in the PATH, and a daemon."""

    def __init__(self, name):
        self.name = name
        if not shutil.which(name):
            raise Skip(f"{name} is not installed")

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="tioctl-shell.")
        os.symlink(os.path.abspath(TIOCTL), self.folder + "/tioctl")
        self.script = self.folder + "/script"
        with open(self.script, "w", encoding="utf-8") as file:
            file.write(bare("completion", self.name).out)
        self.fake = Fake(NAMES).__enter__()
        self.env = environment(TIOD_SOCKET=self.fake.path, HOME=self.folder, LC_ALL="C.UTF-8",
                               XDG_CONFIG_HOME=self.folder, XDG_DATA_HOME=self.folder,
                               PATH=self.folder + ":" + os.environ["PATH"])
        return self

    def __exit__(self, *_):
        self.fake.__exit__()
        shutil.rmtree(self.folder)

    def run(self, *command):
        done = subprocess.run([self.name, *command], env=self.env, timeout=60, check=False,
                              cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        equal((done.returncode, done.stderr.decode()), (0, ""))
        return done.stdout.decode().splitlines()

    def typed(self, setup, keys, wanted):
        """Types on a terminal until @wanted appears."""
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.folder)
            os.execvpe(self.name, [self.name, "-f", "-i"], self.env)
        try:
            await_text(terminal, setup + "; echo rea''dy\n", "ready\r\n")
            await_text(terminal, keys, wanted)
        finally:
            os.close(terminal)
            os.kill(child, 9)
            os.waitpid(child, 0)


def test_bash_completes():
    with Shell("bash") as shell:
        def complete(line):
            shell.fake.script = {k: list(v) for k, v in NAMES.items()}
            return shell.run("--norc", "-c", 'source "$1"; COMP_LINE=$2; COMP_POINT=${#2}; '
                             '_tioctl; printf "%s\\n" "${COMPREPLY[@]}"', "-", shell.script,
                             line)
        equal(complete("tioctl rel"), ["reload"])
        equal(complete("tioctl show "), [GPU, NIC])
        # bash takes what is before the last ':' and the '=' for a word of its own.
        equal(complete("tioctl show 0000:e"), ["e1:00.0"])
        equal(complete("tioctl show 0000:e1:0"), ["00.0"])
        equal(complete(f"tioctl attach {GPU} --vm=n"), ["net-vm"])
        equal(complete(f"tioctl attach {GPU} --vm "), ["gpu-vm", "net-vm"])


def test_fish_completes():
    with Shell("fish") as shell:
        def complete(line):
            shell.fake.script = {k: list(v) for k, v in NAMES.items()}
            return shell.run("-c", f"source {shell.script}; complete -C '{line}'")
        equal(complete("tioctl rel"),
              ["reload\thave tiod read its configuration and the VM files again"])
        equal(complete("tioctl show 0000:4"), [NIC + "\tExample NIC (connected)"])
        equal(complete(f"tioctl attach {GPU} --vm=n"), ["--vm=net-vm"])


def test_zsh_completes():
    with Shell("zsh") as shell:
        shell.typed(f"autoload -U compinit; compinit -u -D; source {shell.script}; PS1='> '",
                    "tioctl attach 0000:4\t--vm n\t", "tioctl attach 0000:41:00.0 --vm net-vm")


if __name__ == "__main__":
    main(globals())
