# SPDX-License-Identifier: GPL-2.0-or-later
"""What a monitoring system is told, of a host on which something happens."""

import os
import re
import shutil
import subprocess
import time

from checks import run_all, until, vm_file
from world import CONFIG

MAN = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                   "../../contrib/man/tiod-exporter.8")

DRIVE, NIC = "0000:61:00.0", "0000:41:00.0"
PLACE = 'segment="0000",bus="61",device="00",function="0"'
SAMPLE = re.compile(r'^([a-z_]+)(\{([a-z_]+="[^"\\\n]*",?)*\})? [0-9.e+-]+$')
TYPE = re.compile(r"^# TYPE ([a-z_]+) (\w+)$", re.M)



def has(checks, line):
    """The page comes to have @line."""
    return until(lambda: line in metrics(checks).splitlines(), 60)


def metrics(checks):
    return checks.world.must("metrics")


def has_all(checks, sentence, *lines):
    missing = [line for line in lines if not has(checks, line)]
    checks.tap.ok(not missing, sentence, *missing)


def well_formed(checks):
    text = metrics(checks)
    lines = text.splitlines()
    checks.tap.ok(text.endswith("# EOF\n") and text.count("# EOF") == 1, "it ends with # EOF")
    bad = [line for line in lines if not line.startswith("#") and not SAMPLE.match(line)]
    checks.tap.ok(not bad, "each line is a sample", *bad)
    samples = [line for line in lines if not line.startswith("#")]
    names = [line.rsplit(" ", 1)[0] for line in samples]
    checks.tap.ok(len(names) == len(set(names)), "each series is there once")
    types = TYPE.findall(text)
    checks.tap.ok(len(types) == len({name for name, _ in types}) and
                  not [name for name, kind in types
                       if kind == "counter" and name.endswith("_total")],
                  "each family is there once, counters by their OpenMetrics names", types)


def described(checks):
    """Each family is in the exporter's man page."""
    with open(MAN, encoding="utf-8") as file:
        said = set(re.findall(r"\btiod_[a-z_]+", file.read()))
    run = checks.run("metrics --textfile /run/tiod.prom", 0)
    with open("/run/tiod.prom", encoding="utf-8") as file:
        told = {name for name, _ in TYPE.findall(file.read())}
    checks.tap.ok(told and told == said, "the man page tells of each family", told ^ said, run)


def promtool(checks):
    path = "/run/tiod.prom"
    checks.run(f"metrics --textfile {path}", 0)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    checks.tap.ok("# EOF" not in text and "# TYPE tiod_worker_kills_total counter" in text,
                  "a file for node_exporter is in its format", text[-300:])
    checks.tap.ok(os.stat(path).st_mode & 0o777 == 0o644 and
                  not [n for n in os.listdir("/run") if n.startswith(".tiod-")],
                  "readable for everybody, and nothing is left beside it")
    checks.run("metrics --textfile /nowhere/at/all.prom", 1, ["/nowhere/at/all.prom"],
               "a file that cannot be written is told")
    sentence = "promtool finds nothing to mend"
    if not shutil.which("promtool"):
        checks.tap.skip(sentence, "there is no promtool (Debian: prometheus)")
        return
    run = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                         capture_output=True, check=False)
    checks.tap.ok(run.returncode == 0 and not run.stderr, sentence, run.stdout, run.stderr)


def idle(checks):
    has_all(checks, "an idle host", "tiod_ready 1", 'tiod_host_ready{check="tsm"} 1',
            f'tiod_function_state{{{PLACE},state="idle"}} 1',
            f'tiod_function_state{{{PLACE},state="attached"}} 0',
            f'tiod_function_tsm_connected{{{PLACE}}} 0', 'tiod_jobs{state="running"} 0',
            "tiod_link_falls_total 0")
    checks.tap.ok("tiod_link_secure{" not in metrics(checks), "has no link to tell of")


def value(checks, name):
    for line in metrics(checks).splitlines():
        if line.startswith(name + " "):
            return float(line.rsplit(" ", 1)[1])
    return None


def daemon(checks):
    """What tiod says of itself: who is connected, what it read and why, its configuration."""
    has_all(checks, "the daemon's own", 'tiod_tsm_info{tsm="tsm0",parent="0000:c3:00.5",'
            'driver="ccp"} 1', 'tiod_vm_state{vm="vm1",state="empty"} 1',
            'tiod_clients{kind="known"} 1', 'tiod_clients{kind="stranger"} 0',
            "tiod_clients_refused_total 0", "tiod_uevent_overruns_total 0",
            "tiod_config_last_reload_successful 1")
    since = value(checks, "tiod_config_last_reload_success_timestamp_seconds")
    checks.tap.ok(since and 0 <= time.time() - since < 3600, "its configuration was read just "
                  "now", since, time.time())
    events = value(checks, 'tiod_scans_total{reason="event"}')
    with open(f"/sys/bus/pci/devices/{DRIVE}/uevent", "w", encoding="ascii") as file:
        file.write("change")
    checks.tap.ok(value(checks, 'tiod_scans_total{reason="start"}') >= 1 and
                  until(lambda: value(checks, 'tiod_scans_total{reason="event"}') > events, 60),
                  "an event makes it read, and is counted", events)
    path = vm_file("broken", "[VM]\nMemory=much\n")
    checks.world.tioctl("reload")
    has_all(checks, "a mistake in the configuration", "tiod_config_last_reload_successful 0",
            "tiod_config_problems 1")
    checks.tap.ok(value(checks, "tiod_config_last_reload_success_timestamp_seconds") == since,
                  "and when it last had none")
    os.unlink(path)
    checks.world.tioctl("reload")
    has_all(checks, "mended it is good again", "tiod_config_last_reload_successful 1")


def undescribed(checks):
    os.unlink(CONFIG + "/vms.d/vm1.conf")
    checks.world.tioctl("reload")
    has_all(checks, "a VM whose file went", 'tiod_vm_state{vm="vm1",state="undescribed"} 1',
            'tiod_vm_state{vm="vm1",state="attached"} 0')
    vm_file("vm1", "[VM]\nMemory=1G\n")
    checks.world.tioctl("reload")
    has_all(checks, "and came back", 'tiod_vm_state{vm="vm1",state="undescribed"} 0')


def attached(checks):
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    has_all(checks, "a function that is attached",
            f'tiod_function_state{{{PLACE},state="attached"}} 1',
            f'tiod_function_state{{{PLACE},state="idle"}} 0',
            f'tiod_assignment_info{{{PLACE},vm="vm1"}} 1',
            'tiod_vm_state{vm="vm1",state="attached"} 1',
            f'tiod_link_secure{{{PLACE},end="endpoint"}} 1',
            f'tiod_link_secure{{{PLACE},end="root_port"}} 1',
            f'tiod_link_fail_received{{{PLACE},end="endpoint"}} 0',
            f'tiod_link_errors_total{{{PLACE},end="endpoint",error="IDECheck"}} 0',
            'tiod_step_duration_seconds_count{step="connect-tsm",undo="false"} 1',
            'tiod_step_duration_seconds_bucket{step="rebind",undo="false",le="+Inf"} 1')


def fallen(checks):
    checks.sim("ide-fail", function=DRIVE, end="endpoint")
    has_all(checks, "a link that fell", f'tiod_function_state{{{PLACE},state="degraded"}} 1',
            f'tiod_link_secure{{{PLACE},end="endpoint"}} 0',
            f'tiod_link_secure{{{PLACE},end="root_port"}} 1',
            f'tiod_link_fail_received{{{PLACE},end="endpoint"}} 1',
            f'tiod_link_errors_total{{{PLACE},end="endpoint",error="IDECheck"}} 1',
            "tiod_link_falls_total 1", 'tiod_vm_state{vm="vm1",state="incomplete"} 1')


def failed(checks):
    checks.sim.fault(path="*/tsm/connect", op="write", act="errno", errno="EIO")
    checks.run(f"attach {NIC} --vm vm1", 1)
    checks.sim("clear")
    has_all(checks, "a step that failed",
            'tiod_step_failures_total{step="connect-tsm",errno="EIO"} 1')


def killed(checks):
    rule = checks.sim.fault(path="*/tsm/connect", op="write", act="kill")
    checks.world.tioctl("attach", NIC, "--vm", "vm1")
    checks.tap.ok(checks.sim.hits(rule) == 1, "a worker dies")
    has_all(checks, "and its recovery is counted", "tiod_recoveries_total 1")
    checks.sim("surprise-remove", function=DRIVE)
    has_all(checks, "a card that went", f'tiod_function_state{{{PLACE},state="absent"}} 1',
            f'tiod_assignment_info{{{PLACE},vm="vm1"}} 1')


run_all({"plain": [idle, daemon, attached, undescribed, well_formed, described, promtool,
                    fallen, failed, killed, well_formed]},
        config="WatchInterval=0.1\n")
