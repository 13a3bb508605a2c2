# SPDX-License-Identifier: GPL-2.0-or-later
"""Evidence of a card, from AMD's files of tsm/, saved by tioctl; and its refusals."""

import hashlib
import json
import os
import shutil
import socket
import stat


from checks import PCI, run_all, until
from world import SOCKET

GPU, OTHER = "0000:e1:00.0", "0000:61:00.0"
NIC, VF = "0000:41:00.0", "0000:41:00.1"
DIR = "/run/evidence"
NONCE = bytes(range(1, 33)).hex()
THEIRS = bytes(range(101, 133))


def index_of(folder=DIR):
    with open(f"{folder}/index.json", encoding="utf-8") as file:
        return json.load(file)


def content(name, folder=DIR):
    with open(f"{folder}/{name}", "rb") as file:
        return file.read()


def kernel(function, name):
    with open(f"{PCI}{function}/tsm/{name}", "rb", buffering=0) as file:
        return file.read(8192)


def fresh(folder=DIR):
    shutil.rmtree(folder, ignore_errors=True)


def replies(**parameters):
    """All replies to GetEvidence."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(SOCKET)
        s.sendall(json.dumps({"method": "io.tiod.GetEvidence", "parameters": parameters,
                              "more": True}).encode() + b"\0")
        got, data = [], b""
        while not got or got[-1].get("continues"):
            while b"\0" not in data:
                data += s.recv(65536)
            message, data = data.split(b"\0", 1)
            got.append(json.loads(message))
        return got


def not_connected(checks):
    fresh()
    before = checks.host()
    checks.run(f"evidence {GPU} -o {DIR}", 6, words=["not connected", f"tioctl connect {GPU}"],
               sentence="evidence of a card that is not connected is refused, with what to type")
    checks.tap.ok(not os.path.exists(DIR), "and no folder is made")
    checks.stays(before, "and nothing has changed")


def saved(checks):
    checks.run(f"connect {GPU}", 0)
    checks.run(f"evidence {GPU} -o {DIR}", 0, out=["slot0", "measurements"])
    index = index_of()
    names = [o["name"] for o in index["objects"]]
    checks.tap.ok(names == ["slot0", "measurements"] and index["source"] == "sysfs" and
                  index["address"] == GPU and index["nonce"] is None and
                  index["generation"] is None, "the index tells device, source and objects", index)
    checks.tap.ok(stat.S_IMODE(os.stat(DIR).st_mode) == 0o700, "the folder is its owner's only")
    checks.tap.ok(content("slot0.bin") == kernel(GPU, "certs"),
                  "the chain is what the kernel's file holds")
    for one in index["objects"]:
        data = content(one["file"])
        checks.tap.ok(one["bytes"] == len(data) and
                      one["sha384"] == hashlib.sha384(data).hexdigest(),
                      f"size and SHA-384 of {one['file']} are right", one)
    der = index["objects"][0]["certificates"]
    checks.tap.ok(der and content("slot0.bin").endswith(b"".join(content(c["file"]) for c in der)),
                  "the chain's certificates are files of their own", der)
    files = [one["file"] for one in index["objects"] + der]
    checks.tap.ok(sorted(os.listdir(DIR)) == sorted(files + ["index.json"]),
                  "there is nothing else", os.listdir(DIR))


def not_over_others(checks):
    before = content("index.json")
    checks.run(f"evidence {GPU} -o {DIR}", 1, words=["is not empty", "--overwrite"],
               sentence="a folder that is not empty is refused")
    checks.tap.ok(content("index.json") == before, "and left alone")
    checks.run(f"evidence {GPU} -o {DIR} --overwrite --nonce {NONCE}", 0)
    checks.tap.ok(index_of()["nonce"] == NONCE, "--overwrite saves over it")
    checks.run(f"evidence {GPU} -o /run/no/such/folder", 1, words=["/run/no/such/folder"],
               sentence="a folder whose parent is missing is told")
    checks.run(f"evidence {GPU} -o /run/tiod.log", 1, words=["/run/tiod.log: Not a directory"],
               sentence="so is what is no folder")


def nonces(checks):
    fresh()
    old = kernel(GPU, "meas_nonce")
    checks.run(f"evidence {GPU} -o {DIR} --nonce {NONCE}", 0)
    checks.tap.ok(bytes.fromhex(NONCE) in content("measurements.bin"),
                  "the measurements were made with the nonce")
    checks.tap.ok(kernel(GPU, "meas_nonce") == old, "the nonce that was there is back")
    checks.run(f"evidence {GPU} -o {DIR} --overwrite --nonce random", 0)
    first = index_of()["nonce"]
    checks.run(f"evidence {GPU} -o {DIR} --overwrite --nonce random", 0)
    checks.tap.ok(len(first) == 64 and first != index_of()["nonce"],
                  "random nonces are 32 bytes and differ", first)
    for bad in ("xyz", "abc", "00" * 33):
        checks.run(f"evidence {GPU} -o {DIR} --overwrite --nonce {bad}", 2, words=["--nonce"],
                   sentence=f"--nonce {bad[:8]} is refused")
    for bad in ("0", "0g", "00" * 33):
        reply = replies(function=GPU, nonce=bad)[-1]
        checks.tap.ok(reply.get("error") == "io.tiod.InvalidRequest",
                      f"and a nonce {bad[:8]} on the wire, too", reply)


def not_under_a_guest(checks):
    """A QEMU writes the same nonce, and its guest believes what is measured with it."""
    checks.run(f"attach {NIC}/vf0 --vfs 2 --vm vm1", 0)
    with open(f"{PCI}{NIC}/tsm/meas_nonce", "wb", buffering=0) as file:
        file.write(THEIRS)
    node = os.open("/dev/vfio/devices/" + checks.world.state(VF)["cdev"], os.O_RDONLY)
    for card in (NIC, VF):
        fresh()
        checks.run(f"evidence {card} -o {DIR} --nonce {NONCE}", 5,
                   words=["a guest may be examining it", f"process {os.getpid()}",
                          "without a nonce"],
                   sentence=f"no nonce of {card} while the card is open")
    checks.tap.ok(kernel(NIC, "meas_nonce") == THEIRS, "the guest's nonce was not touched")
    checks.run(f"evidence {VF} -o {DIR}", 0, sentence="without a nonce there is evidence")
    os.close(node)
    fresh()
    checks.run(f"evidence {VF} -o {DIR} --nonce {NONCE}", 0,
               sentence="with one when nobody has the card open")
    checks.tap.ok(kernel(NIC, "meas_nonce") == THEIRS, "and what was there is back")
    checks.run(f"detach {NIC}/vf0", 0)


def nonce_of_somebody_else(checks):
    """Who writes one meanwhile keeps it."""
    fresh()
    rule = checks.sim.fault(path=f"*{GPU}/tsm/meas", op="read", act="hang", mode="killable")
    client = checks.world.background("evidence", GPU, "-o", DIR, "--nonce", NONCE)
    until(lambda: checks.sim.hits(rule))
    with open(f"{PCI}{GPU}/tsm/meas_nonce", "wb", buffering=0) as file:
        file.write(THEIRS)
    checks.sim("clear")
    err = client.communicate(timeout=30)[1]
    checks.tap.ok(client.returncode == 5 and "somebody else wrote to tsm/meas_nonce" in err,
                  "a nonce that somebody else writes meanwhile is told", client.returncode, err)
    checks.tap.ok(kernel(GPU, "meas_nonce") == THEIRS and not os.path.exists(DIR),
                  "it stays theirs, and nothing is saved")


def failing_files(checks):
    for name, op, errno in (("meas", "read", "EINVAL"), ("certs", "read", "EIO"),
                            ("meas_nonce", "write", "EINVAL"), ("meas_nonce", "read", "ENODEV")):
        fresh()
        checks.sim.fault(path=f"*{GPU}/tsm/{name}", op=op, nth=0, act="errno", errno=errno)
        checks.run(f"evidence {GPU} -o {DIR} --nonce {NONCE}", 1, words=[f"tsm/{name} of {GPU}"],
                   sentence=f"{errno} of a {op} of {name} is told")
        checks.sim("clear")
        checks.tap.ok(not os.path.exists(DIR), "and no folder is made")


def with_a_report(checks):
    fresh()
    checks.run(f"attach {NIC}/vf0 --vfs 2 --vm vm2", 0)
    checks.sim("tdi-bound", function=VF, on=True)
    checks.run(f"evidence {VF} -o {DIR}", 0, out=["report"])
    checks.tap.ok(content("report.bin") == kernel(VF, "report") and
                  content("slot0.bin") == kernel(NIC, "certs"),
                  "a VF's own report is saved with its card's certificates")
    checks.run(f"detach {NIC}/vf0", 0)


def other_ways_to_fail(checks):
    fresh()
    reply = checks.world.call("GetEvidence", function=GPU)
    checks.tap.ok(reply.get("error") == "org.varlink.service.ExpectedMore",
                  "a call without \"more\" is refused", reply)
    checks.run(f"evidence 0000:ff:1f.7 -o {DIR}", 4)
    checks.run(f"evidence {GPU}", 2, words=["--output"])
    checks.run(f"disconnect {GPU}", 0)


def while_a_connect_hangs(checks):
    rule = checks.sim.fault(path=f"*{OTHER}/tsm/connect", act="hang")
    client = checks.world.background("attach", OTHER, "--vm", "vm2")
    while not checks.sim.hits(rule):
        pass
    fresh()
    checks.run(f"evidence {GPU} -o {DIR}", 5, words=["the security manager is busy"],
               sentence="nobody waits behind a connect for evidence")
    checks.sim("clear")
    client.communicate(timeout=30)
    checks.run(f"detach {OTHER}", 0)


def upstream(checks):
    fresh()
    checks.run(f"attach {GPU} --vm vm1", 0)
    checks.run(f"evidence {GPU} -o {DIR}", 6,
               words=["no \"device-evidence\" netlink family", "Linux 7.2"],
               sentence="an upstream kernel has no evidence, and that is said")
    checks.tap.ok(not os.path.exists(DIR), "and no folder is made")
    checks.run(f"detach {GPU}", 0)


run_all({
    "amd-sysfs": (not_connected, saved, not_over_others, nonces, not_under_a_guest,
                  nonce_of_somebody_else, failing_files, with_a_report, other_ways_to_fail,
                  while_a_connect_hangs),
    "plain": (upstream,),
})
