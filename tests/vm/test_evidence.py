# SPDX-License-Identifier: GPL-2.0-or-later
"""Evidence by generic netlink on a real kernel: the module serves the family that was posted."""

import hashlib
import json
import os
import shutil
import subprocess

from guest import NIC1, NVME1, Guest, Tap, install_rules, knob, settle, until, write

tap = Tap()
guest = Guest()
DIR = "/run/evidence"
PARAMETERS = "/sys/module/tsm_test/parameters/"
NONCE = bytes(range(32)).hex()
SLOT0, SLOT1, VCA, MEASUREMENTS, REPORT = 0, 1, 8, 9, 10
VF0 = "0000:01:10.0"


def pattern(kind, size):
    """What the module makes of a type and a size."""
    return bytes((i * 7 + i // 256 + kind) & 255 for i in range(size))


def parameter(name, value):
    write(PARAMETERS + name, value)


def evidence(function, *arguments, code=0):
    shutil.rmtree(DIR, ignore_errors=True)
    got, out, err = guest.tioctl("evidence", function, "-o", DIR, *arguments)
    tap.ok(got == code, f"evidence {function} {' '.join(arguments)[:40]} exits with {code}", got,
           out, err, guest.log_end())
    return out + err


def content(name):
    with open(f"{DIR}/{name}", "rb") as file:
        return file.read()


def index():
    return json.loads(content("index.json"))


def reload_module(*words):
    subprocess.run(["rmmod", "tsm_test"], check=True)
    settle()
    subprocess.run(["insmod", os.environ["VM_KO"], *os.environ["VM_MODULE"].split(), *words],
                   check=True)
    settle()
    tap.ok(until(lambda: guest.tioctl("show", NVME1)[0] == 0 and
                 guest.state(NVME1)["tsmGroup"]), "the module is back with the cards")


def test_absent():
    guest.must("connect", NVME1)
    said = evidence(NVME1, code=6)
    tap.ok("no \"device-evidence\" netlink family" in said, "a kernel without the family: said",
           said)
    tap.ok(guest.state(NVME1)["tsmFlavour"] == "upstream", "and the interface is upstream's")
    guest.must("disconnect", NVME1)


def test_not_connected():
    said = evidence(NVME1, code=6)
    tap.ok(f"tioctl connect {NVME1}" in said, "a card that is not connected has none", said)


def test_saved():
    tap.ok(guest.state(NVME1)["tsmFlavour"] == "evidence" and
           guest.state(NVME1)["platform"] == "unknown platform (tsm-test)",
           "the kernel's flavour is told by the family, the platform by its parent",
           guest.state(NVME1))
    evidence(NVME1)
    saved = index()
    names = [o["name"] for o in saved["objects"]]
    tap.ok(saved["source"] == "netlink" and saved["generation"] is not None and
           names == ["slot0", "slot1", "vca", "measurements"], "all objects are there", saved)
    tap.ok(content("slot1.bin") == pattern(SLOT1, 100000),
           "an object of many messages is whole, byte for byte")
    tap.ok(content("vca.bin") == pattern(VCA, 96), "so is a small one")
    tap.ok(content("measurements.bin") == b"", "measurements are empty without a nonce")
    chain = content("slot0.bin")
    tap.ok(int.from_bytes(chain[:2], "little") == len(chain) and
           content("slot0-1.der") + content("slot0-2.der") == chain[52:],
           "the chain is split into its two certificates", len(chain), os.listdir(DIR))
    for one in saved["objects"] + saved["objects"][0]["certificates"]:
        digest = hashlib.sha384(content(one["file"])).hexdigest()
        tap.ok(one["sha384"] == digest, f"SHA-384 of {one['file']} is right", one, digest)


def test_nonce():
    evidence(NVME1)
    before = index()["generation"]
    evidence(NVME1, "--nonce", NONCE)
    tap.ok(content("measurements.bin") == pattern(MEASUREMENTS, 48)[:16] + bytes.fromhex(NONCE),
           "the measurements have the nonce in them", content("measurements.bin").hex())
    tap.ok(index()["generation"] == before + 1 and index()["nonce"] == NONCE,
           "and are of a new generation", index()["generation"], before)
    evidence(NVME1, "--nonce", "random")
    tap.ok(content("measurements.bin")[16:].hex() == index()["nonce"],
           "a nonce that tioctl makes is the one that the device gets")


def test_large():
    for size in (0, 1, 7999, 8000, 8001, 3000000):
        parameter("evidence_size", size)
        evidence(NVME1)
        tap.ok(content("slot1.bin") == pattern(SLOT1, size), f"an object of {size} bytes is whole")
    parameter("evidence_size", 17 * 1024 * 1024)
    said = evidence(NVME1, code=1)
    tap.ok("larger than evidence can be" in said, "one of 17 MiB is refused", said)
    parameter("evidence_size", 100000)


def test_refreshed():
    for name in ("evidence_refreshes", "evidence_moves"):
        parameter(name, 2)
        evidence(NVME1)
        tap.ok(content("vca.bin") == pattern(VCA, 96), f"{name}: read again, and whole")
        parameter(name, 100)
        said = evidence(NVME1, code=1)
        tap.ok("refreshed each time" in said, f"{name}: given up after some times", said)
        parameter(name, 0)


def test_errors():
    said = {}
    for errno, name in ((95, "EOPNOTSUPP"), (19, "ENODEV"), (22, "EINVAL"), (6, "ENXIO"),
                        (1, "EPERM"), (5, "EIO")):
        parameter("evidence_errno", errno)
        said[name] = evidence(NVME1, code=1)
        tap.ok(f"({name}): " in said[name], f"{name} is told with its cause", said[name])
    tap.ok(len(set(said.values())) == len(said), "each in words of its own", *said.values())
    parameter("evidence_errno", 0)


def test_of_a_vf():
    guest.must("attach", NIC1, "--vfs", "1", "--vf", "0", "--vm", "vm1")
    evidence(VF0)
    saved = index()
    tap.ok("report" not in [o["name"] for o in saved["objects"]], "no TDI, no report", saved)
    knob("bind", VF0)
    evidence(VF0)
    tap.ok(content("report.bin") == pattern(REPORT, 64) and index()["address"] == VF0,
           "a VF with a TDI has a report", index())
    knob("unbind", VF0)
    knob("only_pf0", 1)
    guest.must("detach", "--vm", "vm1")
    guest.must("attach", NIC1, "--vfs", "1", "--vf", "0", "--vm", "vm1")
    evidence(VF0)
    saved = index()
    tap.ok(saved["address"] == NIC1 and saved["function"] == VF0,
           "a VF that the TSM does not know: its card's", saved)
    knob("only_pf0", 0)
    guest.must("detach", "--vm", "vm1")


def main():
    install_rules()
    guest.start()
    test_absent()
    reload_module("evidence=1")
    test_not_connected()
    guest.must("connect", NVME1)
    test_saved()
    test_nonce()
    test_large()
    test_refreshed()
    test_errors()
    guest.must("disconnect", NVME1)
    test_of_a_vf()
    guest.stop()
    tap.end()


main()
