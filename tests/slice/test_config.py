# SPDX-License-Identifier: GPL-2.0-or-later
"""Configuration that cannot be used: what was in force stays, and what is wrong is said.

tests/unit/test-config.c has the mistakes within files; this is about files and folders, and
about what tiod does with cards meanwhile.
"""

import os

import world
from checks import run_all, until, vm_file, write

DRIVE = "0000:61:00.0"
RULES, VMS = world.CONFIG + "/rules.d", world.CONFIG + "/vms.d"
STORE = world.STORE + "/config"
GOOD = "[VM]\nMemory=1G\n"


def metric(checks, name):
    for line in checks.world.must("metrics").splitlines():
        if line.startswith(name + " "):
            return float(line.rsplit(" ", 1)[1])
    return None


def vms(checks):
    return checks.world.call("ListVms")["parameters"]["vms"]


def rules(checks):
    return [rule["name"] for rule in checks.world.call("ListRules")["parameters"]["rules"]]


def stays(checks, what, words, break_it, mend_it):
    """@break_it makes a file or folder useless; all that was in force stays so."""
    before = vms(checks), rules(checks)
    since = metric(checks, "tiod_config_last_reload_success_timestamp_seconds")
    break_it()
    checks.run("reload", 0, words, f"{what}: reload says what, and what to do")
    missing = [word for word in words if word not in checks.world.log_text()]
    checks.tap.ok(not missing, "so does the log", *missing, checks.world.log_text())
    checks.tap.ok((vms(checks), rules(checks)) == before, "and what was in force stays so",
                  before, vms(checks), rules(checks))
    checks.tap.ok(metric(checks, "tiod_config_last_reload_successful") == 0 and
                  metric(checks, "tiod_config_last_reload_success_timestamp_seconds") == since,
                  "and metrics tell")
    mend_it()
    checks.run("reload", 0, sentence="mended, all is well")
    checks.tap.ok(metric(checks, "tiod_config_last_reload_successful") == 1, "metrics, too")


def link(target, path):
    """@path becomes a link to @target, or what it was when that is None."""
    def do():
        if os.path.lexists(path):
            os.rename(path, path + ".old")
        os.symlink(target, path)
    return do


def unlink(path):
    def do():
        os.unlink(path)
        if os.path.lexists(path + ".old"):
            os.rename(path + ".old", path)
    return do


def chmod(path, mode):
    return lambda: os.chmod(path, mode)


def unusable(checks):
    rule, vm, conf = RULES + "/50-a.conf", VMS + "/vm1.conf", world.CONFIG + "/tiod.conf"
    stays(checks, "a VM's file that everybody may write",
          [f"{vm}: everybody may write it", f"chmod o-w {vm}", "stays in force"],
          chmod(vm, 0o666), chmod(vm, 0o644))
    stays(checks, "such a rule", [f"{rule}: everybody may write it", "stays in force"],
          chmod(rule, 0o602), chmod(rule, 0o600))
    stays(checks, "such settings", [f"{conf}: everybody may write it"],
          chmod(conf, 0o666), chmod(conf, 0o644))
    stays(checks, "a folder that everybody may write", [f"{VMS}: everybody may write it"],
          chmod(VMS, 0o777), chmod(VMS, 0o755))
    stays(checks, "such a folder of rules", [f"{RULES}: everybody may write it"],
          chmod(RULES, 0o757), chmod(RULES, 0o755))
    stays(checks, "a link to nothing", [f"{vm}: it is a link to a file that is not there"],
          link("/nowhere", vm), unlink(vm))
    stays(checks, "a link to itself", [f"{rule}: Too many levels of symbolic links"],
          link(rule, rule), unlink(rule))
    stays(checks, "a folder in the place of a file", [f"{VMS}/dir.conf: Is a directory"],
          lambda: os.mkdir(VMS + "/dir.conf"), lambda: os.rmdir(VMS + "/dir.conf"))
    stays(checks, "a file in the place of a folder", [f"{RULES}: Not a directory"],
          lambda: (os.rename(RULES, RULES + ".old"), write(RULES, "x")),
          lambda: (os.unlink(RULES), os.rename(RULES + ".old", RULES)))
    stays(checks, "a line that is none", [f"{vm}:2: neither [Section] nor Key=value"],
          lambda: write(vm, "[VM]\nwhat\n"), lambda: write(vm, GOOD))


def followed(checks):
    """A link to a good file is as good as that."""
    os.rename(VMS + "/vm2.conf", "/run/vm2-is-here")
    os.symlink("/run/vm2-is-here", VMS + "/vm2.conf")
    checks.run("reload", 0)
    checks.tap.ok("vm2" in vms(checks), "a link to a file is read")
    os.chmod("/run/vm2-is-here", 0o666)
    checks.run("reload", 0, [f"{VMS}/vm2.conf: everybody may write it"],
               "and what it leads to is looked at")
    os.chmod("/run/vm2-is-here", 0o644)
    os.unlink(VMS + "/vm2.conf")
    os.rename("/run/vm2-is-here", VMS + "/vm2.conf")
    checks.run("reload", 0)


def of_others(checks):
    path = VMS + "/vm2.conf"
    try:
        os.chown(path, 1, 1)
    except OSError as error:
        checks.tap.skip("a file of somebody else", f"this host has one user ({error})")
        return
    checks.run("reload", 0, [f"{path}: it belongs to user 1", f"chown root {path}"],
               "a file of somebody else is not read, and said is what to do")
    os.chown(path, 0, 1)
    os.chmod(path, 0o664)
    checks.run("reload", 0, [f"{path}: group 1 may write it", f"chmod g-w {path}"],
               "nor is one that a group may write which is not root's")
    os.chown(path, 0, 0)
    checks.run("reload", 0, sentence="root's own may")
    os.chmod(path, 0o644)
    checks.run("reload", 0)


def changed_meanwhile(checks):
    """A rule is written anew while it is read: half of it would fit every card."""
    os.makedirs(STORE, exist_ok=True)
    stored, path = STORE + "/70-half.conf", RULES + "/70-half.conf"
    whole = f"[Match]\nAddress={DRIVE}\n[Attach]\nVM=vm1\nOn=boot\n"
    write(stored, whole)
    os.symlink(stored, path)
    checks.run("reload", 0)
    checks.sim.fault(path="*70-half.conf", op="read", act="hang", nth=1)
    reload = checks.world.background("reload")
    checks.tap.ok(until(lambda: any(f["hanging"] for f in checks.sim("faults")["faults"]), 60),
                  "a rule is being read")
    write(STORE + "/70-half.conf.new", whole + "Priority=1\n# more of it, not yet written\n")
    os.rename(STORE + "/70-half.conf.new", stored)
    checks.sim("clear")
    _, err = reload.communicate(timeout=60)
    checks.tap.ok(reload.returncode == 0 and f"{path}: it was changed while it was read" in err,
                  "it is changed meanwhile: that is told", reload.returncode, err)
    checks.tap.ok("70-half" in rules(checks), "and what was in force stays so", rules(checks))
    os.unlink(path)
    checks.run("reload", 0)


def refused_vm(checks):
    """A VM of unknown users is refused, and the others are not."""
    path = vm_file("stranger", GOOD + "User=no-such-user\n")
    checks.run("reload", 0, [f"{path}:3:", "no-such-user"],
               "a user whom the host does not know is told with file and line")
    checks.run(f"attach {DRIVE} --vm stranger", 4, ["stranger", path],
               "that VM is refused, and said is why")
    checks.run(f"attach {DRIVE} --vm vm1", 0, sentence="others are not")
    checks.run(f"detach {DRIVE}", 0)
    vm_file("stranger", GOOD + "Group=no-such-group\n")
    checks.run("reload", 0, [f"{path}:3:", "no-such-group"], "so are groups")
    os.unlink(path)
    checks.run("reload", 0)


def two_rules(checks):
    """The first one decides; it is told which, of which file."""
    for name, vm in (("50-a", "vm1"), ("60-b", "vm2")):
        write(f"{RULES}/{name}.conf", f"[Match]\nAddress={DRIVE}\n[Attach]\nVM={vm}\nOn=hotplug\n")
    checks.run("reload", 0)
    checks.run("rules check", 0, ["60-b.conf", f"50-a decides about {DRIVE}"],
               "two rules for one device: rules check tells of the second")
    checks.run(f"rules test {DRIVE}", 0, out=["when plugged in: rule 50-a decides"],
               sentence="rules test says which one decides")


def prepare(checks):
    os.makedirs(RULES, exist_ok=True)
    write(RULES + "/50-a.conf", "[Match]\nVendor=0xdead\n[Report]\nOn=boot\n")
    os.chmod(RULES + "/50-a.conf", 0o600)
    checks.run("reload", 0)


run_all({"plain": [prepare, unusable, followed, of_others, changed_meanwhile, refused_vm,
                   two_rules]})
