# SPDX-License-Identifier: GPL-2.0-or-later
"""What a monitoring system is told, of a host on which something happens."""

import os
import re
import shutil
import subprocess

from checks import run_all, until

DRIVE, NIC = "0000:61:00.0", "0000:41:00.0"
PLACE = 'segment="0000",bus="61",device="00",function="0"'
SAMPLE = re.compile(r'^([a-z_]+)(\{([a-z_]+="[^"\\\n]*",?)*\})? [0-9.e+-]+$')
TYPE = re.compile(r"^# TYPE ([a-z_]+) (\w+)$", re.M)



def has(checks, line):
    """The page comes to have @line."""
    return until(lambda: line in metrics(checks).splitlines())


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


def attached(checks):
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    has_all(checks, "a function that is attached",
            f'tiod_function_state{{{PLACE},state="attached"}} 1',
            f'tiod_function_state{{{PLACE},state="idle"}} 0',
            f'tiod_assignment_info{{{PLACE},vm="vm1"}} 1',
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
            "tiod_link_falls_total 1")


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


run_all({"plain": [idle, attached, well_formed, promtool, fallen, failed, killed, well_formed]},
        config="WatchInterval=0.1\n")
