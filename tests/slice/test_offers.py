# SPDX-License-Identifier: GPL-2.0-or-later
"""The files for container managers, and the hand-off to libvirt, of the real tiod."""

import json
import os
import xml.etree.ElementTree as ElementTree

from checks import run_all, until, write
from schema import Schema
from world import CONFIG

DRIVE, GPU, NIC = "0000:61:00.0", "0000:e1:00.0", "0000:41:00.0"
CDI, NFD = "/run/cdi-test/tiod.io-tdi.json", "/run/nfd-test/tiod"
CONF = f"WatchInterval=0.1\nCdiFile={CDI}\nNfdFile={NFD}\n"
SCHEMA = Schema(os.path.join(os.path.dirname(os.path.abspath(__file__)), "cdi-schema.json"))


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def names():
    """The devices in the CDI file; None: there is no file."""
    text = read(CDI)
    return None if text is None else [one["name"] for one in json.loads(text)["devices"]]


def comes_to(checks, get, wanted, sentence):
    until(lambda: get() == wanted)
    checks.tap.ok(get() == wanted, sentence, f"is {get()!r}, not {wanted!r}")


def features(*lines):
    return "".join(f"tiod.io/{line}\n" for line in lines)


def nothing_yet(checks):
    cards = sum(1 for f in checks.world.call("ListFunctions")["parameters"]["functions"]
                if f["vf"] is None)
    comes_to(checks, lambda: read(NFD),
             features("tdisp.present=true", f"tdisp.functions={cards}", "tdisp.attached=0",
                      "tsm.present=true"), "the features of a host that gave nothing away")
    checks.tap.ok(names() is None, "there is no CDI file without devices", read(CDI))


def attached(checks):
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    comes_to(checks, names, ["0000-61-00.0"], "what is attached is offered")
    document = json.loads(read(CDI))
    wrong = SCHEMA.mistakes(document)
    checks.tap.ok(not wrong, "the CDI file fits the schema", *wrong)
    device = document["devices"][0]
    path = device["containerEdits"]["deviceNodes"][0]["path"]
    checks.tap.ok(path == "/dev/vfio/devices/" + checks.world.state(DRIVE)["cdev"] and
                  device["annotations"]["tiod.io/pci"] == DRIVE and
                  device["annotations"]["tiod.io/vm"] == "vm1", "with its node", device)
    checks.tap.ok("tiod.io/tdisp.attached=1\n" in read(NFD), "and counted", read(NFD))
    for file in (CDI, NFD):
        folder = os.path.dirname(file)
        checks.tap.ok(os.stat(file).st_mode & 0o777 == 0o644 and
                      os.listdir(folder) == [os.path.basename(file)],
                      f"{file} is readable for everybody and alone", os.listdir(folder))


def the_schema_refuses(checks):
    """A schema that takes everything would prove nothing."""
    def changed(change):
        document = json.loads(read(CDI))
        change(document)
        return SCHEMA.mistakes(document)
    for sentence, change in {
            "an unknown field": lambda d: d.update(more=1),
            "an unknown field of a device": lambda d: d["devices"][0].update(more="1"),
            "a colon in a name": lambda d: d["devices"][0].update(name="0000:61:00.0"),
            "no devices": lambda d: d.update(devices=[]),
            "a kind without a class": lambda d: d.update(kind="tiod.io"),
            "a number as annotation": lambda d: d["devices"][0]["annotations"].update(a=1),
            "a newer version": lambda d: d.update(cdiVersion="1.1.0")}.items():
        checks.tap.ok(changed(change), f"the schema refuses {sentence}")


def two_in_a_family(checks):
    checks.run(f"attach {GPU} --vm vm2", 0)
    code, out, _ = checks.world.tioctl("qemu", "vm2", "--format", "libvirt")
    devices = ElementTree.fromstring(f"<devices>{out}</devices>").findall("hostdev")
    comes_to(checks, lambda: len(names() or ()), 1 + len(devices),
             "companions are offered, too")
    places = [tuple(int(d.find("source/address").get(k), 16)
                    for k in ("domain", "bus", "slot", "function")) for d in devices]
    checks.tap.ok(code == 0 and (0, 0xe1, 0, 0) in places and len(set(places)) == len(places),
                  "libvirt is given each of them once", out)
    checks.tap.ok(all(d.get("managed") == "no" and d.find("driver").get("iommufd") == "yes"
                      and d.find("alias").get("name").startswith("ua-") for d in devices),
                  "on iommufd, and left alone by libvirt", out)
    checks.run("detach --vm vm2", 0)
    comes_to(checks, names, ["0000-61-00.0"], "what is given back is offered no more")


def restarted(checks):
    before = read(CDI)
    checks.world.stop()
    checks.tap.ok(read(CDI) == before, "the file stays while tiod is away")
    write(CDI, "something old")
    checks.world.start()
    comes_to(checks, lambda: read(CDI), before, "the next tiod writes it anew")


def fallen(checks):
    checks.sim("ide-fail", function=DRIVE, end="endpoint")
    comes_to(checks, names, None, "what has no secure link is not offered")
    checks.run(f"detach {DRIVE}", 0)


def trouble(checks):
    """A folder that cannot be written costs a line in the log and nothing else."""
    write("/run/file", "")
    write(CONFIG + "/tiod.conf", "[Daemon]\nCdiFile=/run/file/x.json\n")
    checks.run("reload", 0)
    comes_to(checks, lambda: read(NFD), None, "a file that is no longer named goes")
    checks.run(f"attach {NIC} --vm vm1", 0)
    until(lambda: "/run/file" in checks.world.log_text())
    lines = [line for line in checks.world.log_text().splitlines() if "/run/file" in line]
    checks.tap.ok(len(lines) == 1 and "CdiFile=" in lines[0], "it is told once", *lines)
    write(CONFIG + "/tiod.conf", f"[Daemon]\nCdiFile={CDI}\n")
    checks.run("reload", 0)
    comes_to(checks, names, ["0000-41-00.0"], "and another path takes over")
    write(CONFIG + "/tiod.conf", "[Daemon]\nCdiFile=/run/x.txt\nNfdFile=/run/.x\n")
    code, out, err = checks.world.tioctl("reload")
    checks.tap.ok("ends in .json" in out + err and "begin with a dot" in out + err,
                  "paths that nobody would read are refused", code, out, err)
    checks.tap.ok(names() == ["0000-41-00.0"], "and leave what was in force")


run_all({"plain": [nothing_yet, attached, the_schema_refuses, two_in_a_family, restarted, fallen,
                   trouble]}, config=CONF)
