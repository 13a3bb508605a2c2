# SPDX-License-Identifier: GPL-2.0-or-later
"""tiod's udev rules and tio_id, with the real udevd on a simulated host."""

import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "slice"))

from world import Sim, Tap  # noqa: E402

PCI = "/sys/bus/pci/devices/"
GPU, NIC, DRIVE, SPARE = "0000:e1:00.0", "0000:41:00.0", "0000:61:00.0", "0000:81:00.0"
WHAT = ("TIO_TEE_IO", "TIO_IDE", "TIO_IDE_STREAMS", "TIO_DOE_CMA", "TIO_DSM", "TIO_SLOT",
        "TIO_SERIAL")

tap = Tap()
sim = Sim()


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def tio_id(*arguments):
    return run(os.environ["TIO_ID"], *arguments)


def lines(text):
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def properties_of(path):
    return lines(run("udevadm", "info", "--query=property", f"--path={path}")[1])


def properties(function):
    return properties_of(PCI + function)


def settle():
    run("udevadm", "settle", "--timeout=30")


def until(condition, wait=20):
    end = time.monotonic() + wait
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def by_sysfs(function):
    """What the kernel's own attributes say of the same."""
    folder = PCI + function
    slots = [slot for slot in os.listdir("/sys/bus/pci/slots")
             if open(f"/sys/bus/pci/slots/{slot}/address").read().strip() == function[:-2]]
    return {"TIO_SLOT": slots[0] if slots else None,
            "TIO_DOE_CMA": "1" if os.path.exists(f"{folder}/doe_features/0001:01") else None,
            "TIO_TEE_IO": "1" if os.path.exists(f"{folder}/tsm/bound") else None,
            "TIO_DSM": function[:-1] + "0"}


# --- The helper by itself ---

def test_helper():
    for function in (GPU, NIC, DRIVE):
        code, out, err = tio_id(function)
        said = lines(out)
        expected = by_sysfs(function)
        tap.ok(code == 0 and all(said.get(key) == value for key, value in expected.items()),
               f"tio_id knows {function}", code, out, err, expected)
        tap.ok(said.get("TIO_IDE") == "1" and int(said.get("TIO_IDE_STREAMS", "0")) > 0 and
               set(said) <= set(WHAT), "with its IDE streams, and nothing unknown", out)
    plain = [name for name in sorted(os.listdir(PCI))
             if not os.path.exists(f"{PCI}{name}/tsm") and
             not open(f"{PCI}{name}/class").read().startswith("0x0604")]
    said = {name: tio_id(name) for name in plain}
    tap.ok(plain and all(one == (0, "", "") for one in said.values()),
           "it has nothing to say of what can't do TDISP", said)
    code, out, err = tio_id("0000:7f:1f.7")
    tap.ok(code == 1 and not out and "0000:7f:1f.7" in err, "a function that isn't there",
           code, out, err)
    for wrong in ((), ("e1:00.9",), (GPU, GPU), ("--no-such",)):
        tap.ok(tio_id(*wrong)[0] == 2, f"{' '.join(wrong) or 'nothing'} is no question")
    tap.ok(tio_id("--sys=/no/such", GPU)[0] == 1, "without sysfs it says so")


def test_waits_for_nothing():
    """Whatever is in tsm/ waits for connects: it must not be read."""
    rule = sim.fault(path="*/tsm/*", op="read", act="count", nth=0)
    for function in (GPU, NIC, DRIVE):
        tio_id(function)
    tap.ok(sim.hits(rule) == 0, "nothing in tsm/ is read", sim("faults"))
    with open(f"{PCI}{GPU}/tsm/connect", encoding="ascii") as file:
        file.read()
    tap.ok(sim.hits(rule) > 0, "and it would have been seen", sim("faults"))
    sim("clear")


# --- The rules ---

def test_coldplug():
    for function in (GPU, NIC, DRIVE):
        got, wanted = properties(function), lines(tio_id(function)[1])
        tap.ok(wanted and wanted == {k: v for k, v in got.items() if k in WHAT},
               f"{function} has what tio_id says", got, wanted)
        tap.ok(got.get("TIO_TSM") == "1" and "tiod" in got.get("TAGS", ""), "and the tag", got)
    port = os.path.basename(os.path.dirname(os.path.realpath(PCI + GPU)))
    tap.ok(not set(properties(port)) & {*WHAT, "TIO_TSM"}, "its root port has none",
           properties(port))


def test_changes():
    before = properties(GPU)
    rule = sim.fault(path=f"*/{GPU}/config", op="read", act="count", nth=0)
    run("udevadm", "trigger", "--action=change", "--settle", PCI + GPU)
    tap.ok({k: before.get(k) for k in WHAT} == {k: properties(GPU).get(k) for k in WHAT},
           "another event leaves them", properties(GPU))
    tap.ok(sim.hits(rule) == 0, "without asking again", sim("faults"))
    run("udevadm", "trigger", "--action=add", "--settle", PCI + GPU)
    tap.ok(sim.hits(rule) > 0, "but a card that comes is asked", sim("faults"))
    sim("clear")


def test_plugged():
    sim("plug", name="spare-gpu")
    until(lambda: properties(SPARE).get("TIO_DSM"))
    got, wanted = properties(SPARE), lines(tio_id(SPARE)[1])
    tap.ok(wanted and wanted == {k: v for k, v in got.items() if k in WHAT},
           "a card that is plugged in has them", got, wanted)


def test_vfs():
    with open(f"{PCI}{NIC}/sriov_numvfs", "w", encoding="ascii") as file:
        file.write("4")
    settle()
    name = os.path.basename(os.readlink(f"{PCI}{NIC}/virtfn0"))
    tap.ok(not set(properties(name)) & set(WHAT), "a VF is not asked", properties(name))
    with open(f"{PCI}{NIC}/sriov_numvfs", "w", encoding="ascii") as file:
        file.write("0")
    settle()


def test_tsm():
    names = os.listdir("/sys/class/tsm")
    got = properties_of("/sys/class/tsm/" + names[0]) if names else {}
    tap.ok("tiod.service" in got.get("SYSTEMD_WANTS", "") and "systemd" in got.get("TAGS", ""),
           "a TSM has systemd start tiod", got)


def test_syntax():
    with open("/run/tio-sim/udevd.log", encoding="utf-8") as file:
        words = [line for line in file if "tiod" in line or "tio_id" in line]
    tap.ok(not words, "udevd has nothing to say about the rules", *words)
    program = os.environ.get("UDEVADM")
    if not program:
        tap.skip("udevadm verify has nothing to say",
                 os.environ.get("NEWER_SYSTEMD", "no udevadm of systemd 254 or newer"))
        return
    code, out, err = run(program, "verify", os.environ["UDEV_RULES"])
    tap.ok(code == 0 and re.search(r"Fail: +0", out), "udevadm verify has nothing to say", out,
           err)
    with open("/run/wrong.rules", "w", encoding="ascii") as file:
        file.write('TEST=="a", GOTO="nowhere"\n')
    code, out, err = run(program, "verify", "/run/wrong.rules")
    tap.ok(code != 0, "but finds a GOTO without its LABEL", out, err)


def main():
    settle()
    for test in (test_helper, test_waits_for_nothing, test_coldplug, test_changes, test_vfs,
                 test_plugged, test_tsm, test_syntax):
        test()
    tap.end()


main()
