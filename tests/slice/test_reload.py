# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration on file systems that hang, and with users whom nobody can tell of."""

import json
import os
import signal
import subprocess

import world
from checks import VARIANT, Checks, until, write

DRIVE = "0000:61:00.0"
RULES, VMS = world.CONFIG + "/rules.d", world.CONFIG + "/vms.d"
STORE = world.STORE + "/config"
HANGS = "/run/nss-hangs"
FARAWAY = 4242  # whom nss-test.c knows by this name
TIMEOUT = 8     # tioctl's status
SHORT, LONG = 10, 60  # what is read or done within the short one takes no second of it


def use_names(checks):
    """Users and groups that the host's files do not know are asked of nss-test.c."""
    os.makedirs(HANGS, exist_ok=True)
    write("/run/nsswitch.conf", "passwd: files tiodtest\ngroup: files tiodtest\n")
    subprocess.run(["mount", "--bind", "/run/nsswitch.conf", "/etc/nsswitch.conf"], check=True)
    checks.world.launcher = ("env", "LD_LIBRARY_PATH=" + os.environ["SLICE_NSS"])


def stored(name, text):
    """A file on a file system that can be made to hang, linked to by @name."""
    os.makedirs(STORE, exist_ok=True)
    os.makedirs(os.path.dirname(name), exist_ok=True)
    write(f"{STORE}/{os.path.basename(name)}", text)
    if not os.path.islink(name):
        os.symlink(f"{STORE}/{os.path.basename(name)}", name)


def limit(checks, seconds):
    """How long a reading may take: short where one is to be given up, else long."""
    write(world.CONFIG + "/tiod.conf", f"[Daemon]\nStepTimeout={seconds}\n")
    checks.run("reload", 0, sentence=f"a reading may take {seconds} s")


def said(words):
    """How often tiod has said @words so far."""
    with open("/run/tiod.log", encoding="utf-8") as log:
        return log.read().count(words)


def reloading(checks):
    """A reload that tiod has heard of."""
    before = said("is read again")
    run = checks.world.background("reload")
    until(lambda: said("is read again") > before, 60)
    return run


def answers(checks, sentence):
    """tiod answers who asks for something else."""
    replies = [checks.world.call(method, timeout=60) for method in
               ("GetHost", "ListFunctions", "ListRules", "GetMetrics")]
    checks.tap.ok(all("error" not in reply for reply in replies), sentence, replies)


def gives_up(checks, run, *words):
    _, err = run.communicate(timeout=120)
    missing = [word for word in words if word not in err]
    return checks.tap.ok(run.returncode == TIMEOUT and not missing,
                         "the reading is given up, and said is what it waits for",
                         run.returncode, err, f"does not say {missing}")


def problems(checks):
    page = checks.world.call("GetMetrics")["parameters"]["text"]
    return int(next(line.split()[1] for line in page.splitlines()
                    if line.startswith("tiod_config_problems ")))


def hung(checks, rule):
    """It hangs, or did until it was killed for that."""
    return until(lambda: checks.sim.hits(rule) > 0)


# --- What cannot hang ---

def no_file(checks):
    os.makedirs(RULES, exist_ok=True)
    os.mkfifo(RULES + "/50-fifo.conf")
    checks.run("reload", 0, ["50-fifo.conf", "no file that can be read"],
               "a FIFO in the place of a rule is told, and not waited for")
    checks.run("rules check", 1, ["50-fifo.conf"], "so does rules check")
    checks.tap.ok(problems(checks) == 1, "and counted", problems(checks))
    os.unlink(RULES + "/50-fifo.conf")
    os.mkdir(RULES + "/50-folder.conf")
    checks.run("reload", 0, ["50-folder.conf", "Is a directory"], "so is a folder")
    os.rmdir(RULES + "/50-folder.conf")
    checks.run("reload", 0)
    checks.tap.ok(problems(checks) == 0, "and all is well again", problems(checks))


# --- A file system that hangs ---

def file_hangs(checks):
    rule = RULES + "/50-drive.conf"
    stored(rule, f"[Match]\nAddress={DRIVE}\n[Report]\nOn=boot\n")
    checks.run("reload", 0)
    before = checks.world.call("ListRules")["parameters"]
    for op in ("open", "read"):
        limit(checks, SHORT)
        fault = checks.sim.fault(path="*50-drive.conf", op=op, act="hang", nth=0)
        run = reloading(checks)
        checks.tap.ok(hung(checks, fault), f"a rule's file hangs ({op})")
        answers(checks, "tiod answers meanwhile")
        gives_up(checks, run, rule, "stays in force")
        checks.tap.ok(checks.world.call("ListRules")["parameters"] == before,
                      "the rules are as they were")
        checks.tap.ok(problems(checks) == 1, "a metric says so", problems(checks))
        checks.sim("clear")
        limit(checks, LONG)
    write(f"{STORE}/50-drive.conf", "[Match]\nVendor=0x1\n[Report]\nOn=boot\n")
    checks.run("reload", 0, sentence="it is read when it can be")
    checks.tap.ok(checks.world.call("ListRules")["parameters"] != before and
                  problems(checks) == 0, "and in force")


def many_wait(checks):
    """Who asks meanwhile is answered by a reading that began after that."""
    vm = VMS + "/late.conf"
    stored(vm, "[VM]\nMemory=1G\n")
    fault = checks.sim.fault(path="*config/late.conf", op="read", act="hang", nth=0)
    runs = [reloading(checks)]
    hung(checks, fault)
    write(vm + ".new", "[VM]\nMemory=2G\n")
    os.rename(vm + ".new", vm)
    runs += [reloading(checks) for _ in range(5)]
    for number in (1, 0):  # one of those who wait for the next, and who waits for this one
        quitter = runs.pop(number)
        quitter.kill()
        quitter.wait()
    checks.sim("clear")
    ended = [run.wait(timeout=120) for run in runs]
    memory = checks.world.call("GetVm", vm="late")["parameters"]["memory"]
    checks.tap.ok(ended == [0] * 4 and memory == 2 << 30,
                  "of six who asked for it at once those who wait still have what was there when they asked", ended,
                  memory)
    os.unlink(vm)


def never_ends(checks):
    """Inside the kernel, where nothing can be killed."""
    limit(checks, SHORT)
    ended = said("hung has ended")
    stored(VMS + "/stuck.conf", "[VM]\nMemory=1G\n")
    checks.sim.fault(path="*config/stuck.conf", op="open", act="hang", nth=0,
                     mode="uninterruptible")
    gives_up(checks, reloading(checks), "stuck.conf")
    gives_up(checks, reloading(checks), "stuck.conf")
    checks.tap.ok(said("hung has ended") == ended, "the process is there still")
    checks.run(f"attach {DRIVE} --vm vm1", 0, sentence="what is known can be used")
    checks.run(f"detach {DRIVE}", 0)
    checks.world.daemon.send_signal(signal.SIGHUP)
    checks.run("detach --vm stuck", 4, ["no file describes"], "what was not read is not known")
    checks.sim("clear")
    checks.tap.ok(until(lambda: "error" not in checks.world.call("GetVm", vm="stuck"), 60),
                  "when the kernel lets go it is read as was asked meanwhile",
                  checks.world.log_text())
    os.unlink(VMS + "/stuck.conf")
    limit(checks, LONG)


def check_hangs(checks):
    stored(VMS + "/looked.conf", "[VM]\nMemory=1G\n")
    fault = checks.sim.fault(path="*config/looked.conf", op="read", act="hang", nth=0)
    run = checks.world.background("rules", "check")
    hung(checks, fault)
    answers(checks, "rules check waits for a file: tiod answers others")
    checks.sim("clear")
    run.communicate(timeout=60)
    checks.tap.ok(run.returncode == 0, "and who asked, when it can", run.returncode)
    os.unlink(VMS + "/looked.conf")


def stops(checks):
    """A stop waits for no file."""
    stored(VMS + "/stopped.conf", "[VM]\nMemory=1G\n")
    fault = checks.sim.fault(path="*config/stopped.conf", op="read", act="hang", nth=0)
    runs = [reloading(checks)]
    hung(checks, fault)
    runs.append(reloading(checks))
    checks.world.stop()
    told = [run.communicate(timeout=60)[1] for run in runs]
    checks.tap.ok(all("is being stopped" in one for one in told),
                  "tiod is stopped: who waits is told", *told)
    checks.sim("clear")
    os.unlink(VMS + "/stopped.conf")
    checks.world.start()


# --- Files for others ---

def offer_hangs(checks):
    path = f"{STORE}/cdi/tiod.json"
    os.makedirs(os.path.dirname(path))
    conf = f"{world.CONFIG}/tiod.conf.d/50-cdi.conf"
    os.makedirs(os.path.dirname(conf), exist_ok=True)
    write(conf, f"[Daemon]\nCdiFile={path}\n")
    for op, mode in (("create", "killable"), ("rename", "uninterruptible")):
        limit(checks, SHORT)
        before = said(f"write {path}: it did not end")
        fault = checks.sim.fault(path="*cdi/*", op=op, act="hang", nth=0, mode=mode)
        checks.run(f"attach {DRIVE} --vm vm1", 0)
        checks.tap.ok(hung(checks, fault), f"the CDI file hangs ({op}, {mode})")
        answers(checks, "tiod answers meanwhile")
        checks.tap.ok(until(lambda: said(f"write {path}: it did not end") > before, 60),
                      "and says what is not written", checks.world.log_text())
        checks.sim("clear")
        checks.tap.ok(until(lambda: os.path.exists(path), 120), "it is written when it can be",
                      checks.world.log_text())
        limit(checks, LONG)
        checks.tap.ok(json.load(open(path, encoding="utf-8"))["devices"][0]["name"] ==
                      "0000-61-00.0", "as it should be")
        checks.run(f"detach {DRIVE}", 0)
        checks.tap.ok(until(lambda: not os.path.exists(path), 60), "and goes with its device")
    os.unlink(conf)
    checks.run("reload", 0)


# --- Users ---

def names_hang(checks):
    path = VMS + "/far.conf"
    write(path, "[VM]\nMemory=1G\nUser=faraway\n")
    checks.run("reload", 0, sentence="a user is asked for by nsswitch.conf")
    limit(checks, SHORT)
    write(path, "[VM]\nMemory=2G\nUser=faraway\n")
    write(f"{HANGS}/faraway", "")
    run = reloading(checks)
    answers(checks, "a source of users that hangs keeps nobody else waiting")
    gives_up(checks, run, "who User=faraway is", path + ":3")
    memory = checks.world.call("GetVm", vm="far")["parameters"]["memory"]
    checks.tap.ok(memory == 1 << 30, "the VM is as it was read last", memory)
    if os.getuid() == 0 and VARIANT == "plain":
        checks.run(f"attach {DRIVE} --vm far", 0)
        node = f"/dev/vfio/devices/{checks.world.state(DRIVE)['cdev']}"
        checks.tap.ok(os.stat(node).st_uid == FARAWAY, "and its user is known", os.stat(node))
        checks.run(f"detach {DRIVE}", 0)
    os.unlink(f"{HANGS}/faraway")
    limit(checks, LONG)
    checks.run("reload", 0, sentence="when it answers again all is read")
    memory = checks.world.call("GetVm", vm="far")["parameters"]["memory"]
    checks.tap.ok(memory == 2 << 30, "as it is now", memory)
    os.unlink(path)


def groups_hang(checks):
    limit(checks, SHORT)
    write(f"{HANGS}/tiod-admin", "")
    gives_up(checks, reloading(checks), "who is in the group tiod-admin")
    os.unlink(f"{HANGS}/tiod-admin")
    limit(checks, LONG)


# --- The start ---

def start_hangs(checks):
    """Nothing is known at first, and all is read in the end."""
    os.makedirs(RULES, exist_ok=True)
    write(RULES + "/50-drive.conf", f"[Match]\nAddress={DRIVE}\n[Attach]\nVM=vm1\nOn=boot\n")
    write(f"{HANGS}/tiod", "")
    checks.world.start(wait=120)
    text = checks.world.log_text()
    checks.tap.ok("who is in the group tiod;" in text and "tries again" in text,
                  "tiod starts without its configuration, and says why", text)
    code, _, err = checks.world.tioctl("attach", DRIVE, "--vm", "vm1")
    checks.tap.ok(code == 4 and "vm1" in err, "no VM is known yet", code, err)
    os.unlink(f"{HANGS}/tiod")
    checks.reaches(DRIVE, "attached", "it is read by and by, and the rules for a boot followed",
                   wait=120)


def main(tests, start=True):
    checks = Checks(config=f"StepTimeout={LONG}\n")
    use_names(checks)
    if start:
        checks.world.start()
    checks.run_each(tests)
    checks.end()


if VARIANT == "hung-start":
    main([start_hangs], start=False)
else:
    main([no_file, file_hangs, many_wait, never_ends, check_hangs, stops, offer_hangs,
          names_hang, groups_hang])
