#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""evidence: what tiod sends in parts, and the folder that is made of it."""

import base64
import hashlib
import json
import os
import shutil
import tempfile

from fake import CLOSE, Skip, equal, expect, main, run
from shapes import GPU, error

PART = 1000


def der(size, fill=0x5a):
    """A DER sequence of @size bytes."""
    return bytes([0x30, 0x82]) + (size - 4).to_bytes(2, "big") + bytes([fill]) * (size - 4)


def chain(digest, *certificates):
    body = b"\x99" * digest + b"".join(certificates)
    return (len(body) + 4).to_bytes(2, "little") + b"\0\0" + body


def replies(objects, parts=None, **fields):
    head = dict(function=GPU, address=GPU, vendor="0x10de", device="0x2901", serial="",
                source="netlink", generation=3, nonce=None,
                objects=[dict(name=name, bytes=len(data), truncated=False)
                         for name, data in objects])
    head.update(fields)
    stream = [{"evidence": head}]
    for name, data in objects if parts is None else parts:
        stream += [{"part": dict(name=name, offset=at, data=base64.b64encode(
            data[at:at + PART]).decode())} for at in range(0, len(data), PART)]
    stream = [{"parameters": one, "continues": True} for one in stream]
    del stream[-1]["continues"]
    return {"io.tiod.GetEvidence": stream}


def content(folder, name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def in_folder(test):
    """Runs @test with a folder that is not there yet."""
    def wrapped():
        base = tempfile.mkdtemp(prefix="evidence-test.")
        try:
            test(os.path.join(base, "out"))
        finally:
            shutil.rmtree(base)
    wrapped.__name__ = test.__name__
    return wrapped


@in_folder
def test_all_objects_become_files(folder):
    objects = [("slot0", chain(48, der(300), der(1500))), ("slot2", os.urandom(2500)),
               ("vca", b"v"), ("measurements", b""), ("report", os.urandom(PART))]
    r = run("evidence", GPU, "-o", folder, script=replies(objects))
    expect(r, 0, ["slot0", "certificate", "report"], f"saved in {folder}")
    index = json.loads(content(folder, "index.json"))
    equal((index["schema"], index["vendor"], index["device"], index["generation"]),
          (1, "0x10de", "0x2901", 3))
    for (name, data), saved in zip(objects, index["objects"], strict=True):
        equal(saved["name"], name)
        equal(content(folder, saved["file"]), data)
        equal(saved["sha384"], hashlib.sha384(data).hexdigest())
    certificates = index["objects"][0]["certificates"]
    equal([c["bytes"] for c in certificates], [300, 1500])
    equal(content(folder, certificates[1]["file"]), der(1500))
    equal(index["objects"][1]["certificates"], [])
    equal(os.stat(folder).st_mode & 0o777, 0o700)
    equal([f for f in os.listdir(folder) if f.startswith(".")], [])


@in_folder
def test_json_is_the_index(folder):
    r = run("--json", "evidence", GPU, "-o", folder, script=replies([("vca", b"abc")]))
    equal(r.json["folder"], folder)
    equal(r.json["index"], json.loads(content(folder, "index.json")))


@in_folder
def test_chains_of_each_digest_are_split(folder):
    for digest in (32, 48, 64):
        data = chain(digest, der(200), bytes([0x30, 0x81, 0x80]) + b"x" * 0x80,
                     bytes([0x30, 5]) + b"small")
        run("evidence", GPU, "-o", folder, "--overwrite", script=replies([("slot0", data)]))
        index = json.loads(content(folder, "index.json"))
        equal([c["bytes"] for c in index["objects"][0]["certificates"]], [200, 131, 7])


@in_folder
def test_what_is_no_chain_stays_whole(folder):
    good = chain(48, der(300))
    for data in (b"", b"\x30", good[:-1], good + b"\0", chain(48, b"\x30\x84" + b"x" * 50),
                 chain(48, der(300)[:-1]), chain(48, *[der(10)] * 17), b"\xff" * 400):
        run("evidence", GPU, "-o", folder, "--overwrite", script=replies([("slot0", data)]))
        index = json.loads(content(folder, "index.json"))
        equal(index["objects"][0]["certificates"], [])
        equal(content(folder, "slot0.bin"), data)


@in_folder
def test_a_cut_object_is_told(folder):
    script = replies([("slot0", b"x" * 4096)])
    script["io.tiod.GetEvidence"][0]["parameters"]["evidence"]["objects"][0]["truncated"] = True
    expect(run("evidence", GPU, "-o", folder, script=script), 0, err="slot0: this kernel's file")
    equal(json.loads(content(folder, "index.json"))["objects"][0]["truncated"], True)


@in_folder
def test_a_link_is_not_followed(folder):
    """Who may make links where one saves must not choose the place."""
    target = folder + ".target"
    os.mkdir(target, 0o700)
    os.symlink(target, folder)
    for name in (folder, folder + "/", folder + "//"):
        r = run("evidence", GPU, "-o", name, "--overwrite", script=replies([("vca", b"v")]))
        expect(r, 1, "", f"{name} is a symbolic link, which is not followed (name the")
    equal((r.calls, os.listdir(target)), ([], []))
    os.rmdir(target)
    for name in (folder, folder + "/"):
        expect(run("evidence", GPU, "-o", name, script=replies([("vca", b"v")])), 1, "",
               "is a symbolic link")
    equal(os.path.lexists(target), False)


@in_folder
def test_a_folder_that_others_may_write_to_is_refused(folder):
    os.mkdir(folder)
    for mode in (0o720, 0o702, 0o1777):
        os.chmod(folder, mode)
        r = run("evidence", GPU, "-o", folder, script=replies([("vca", b"v")]))
        expect(r, 1, "", f"others may write to {folder} (its mode is {mode:04o}) (`chmod go-w`")
        equal((r.calls, os.listdir(folder)), ([], []))
    os.chmod(folder, 0o755)
    expect(run("evidence", GPU, "-o", folder + "/", script=replies([("vca", b"v")])), 0)


@in_folder
def test_a_folder_of_somebody_else_is_refused(folder):
    if os.geteuid() != 0:
        raise Skip("only root can make one")
    os.mkdir(folder, 0o755)
    os.chown(folder, 65534, 65534)
    r = run("evidence", GPU, "-o", folder, "--overwrite", script=replies([("vca", b"v")]))
    expect(r, 1, "", f"{folder} belongs to uid 65534, not to uid 0 who saves there")
    equal((r.calls, os.listdir(folder)), ([], []))


@in_folder
def test_the_nonce_goes_to_tiod(folder):
    r = run("evidence", GPU, "-o", folder, "--nonce", "00ff", script=replies([]))
    equal(r.calls[0]["parameters"], {"function": GPU, "nonce": "00ff"})
    r = run("evidence", GPU, "-o", folder, "--overwrite", "--nonce", "random",
            script=replies([]))
    equal(len(bytes.fromhex(r.calls[0]["parameters"]["nonce"])), 32)
    for bad in ("0", "0g", "00" * 33):
        expect(run("evidence", GPU, "-o", folder, "--nonce", bad, script={}), 2, err="--nonce")


@in_folder
def test_odd_answers_are_refused_and_nothing_is_saved(folder):
    good = [("vca", b"x" * 2500)]
    other = replies(good)["io.tiod.GetEvidence"]
    odd = {
        "a part less": replies(good, [("vca", b"x" * 1500)]),
        "a part more": replies(good, [("vca", b"x" * 3500)]),
        "a part of another object": replies(good, [("report", b"x" * 2500)]),
        "parts in another order": {"io.tiod.GetEvidence": [other[0], other[2], other[1],
                                                           other[3]]},
        "no head": {"io.tiod.GetEvidence": other[1:]},
        "two heads": {"io.tiod.GetEvidence": other[:1] + other},
        "a path for a name": replies([("../vca", b"x")]),
        "a name twice": replies([("vca", b"x"), ("vca", b"x")]),
        "seventeen objects": replies([(f"slot{i}", b"x") for i in range(17)]),
        "nothing": {"io.tiod.GetEvidence": [{"parameters": {}}]},
    }
    script = replies(good)
    script["io.tiod.GetEvidence"][1]["parameters"]["part"]["data"] = "no base64 !"
    odd["no base64"] = script
    for what, script in odd.items():
        r = run("evidence", GPU, "-o", folder, script=script)
        equal((what, r.code), (what, 1))
        expect(r, 1, err="does not hold")
        equal((what, os.path.exists(folder)), (what, False))
    r = run("evidence", GPU, "-o", folder, script={"io.tiod.GetEvidence": [other[0], CLOSE]})
    equal((r.code != 0, os.path.exists(folder)), (True, False))


@in_folder
def test_tiods_refusal_is_passed_on(folder):
    script = {"io.tiod.GetEvidence": [error("NotReady", "no evidence", "connect it")]}
    expect(run("evidence", GPU, "-o", folder, script=script), 6, err="no evidence (connect it)")
    equal(os.path.exists(folder), False)


@in_folder
def test_a_folder_in_use_asks_nothing(folder):
    os.mkdir(folder)
    with open(folder + "/mine", "w", encoding="ascii") as file:
        file.write("mine")
    expect(run("evidence", GPU, "-o", folder, script={}), 1, err="--overwrite")
    expect(run("evidence", GPU, "-o", folder + "/mine", script={}), 1, err="Not a directory")
    r = run("evidence", GPU, "-o", folder + "/no/such", script=replies([]))
    expect(r, 1, err="No such file")
    equal(os.listdir(folder), ["mine"])


@in_folder
def test_a_file_that_cannot_be_written_leaves_nothing(folder):
    """A folder in the place of one of the files: renaming over it fails."""
    os.makedirs(folder + "/vca.bin/x")
    r = run("evidence", GPU, "-o", folder, "--overwrite", script=replies([("vca", b"x")]))
    expect(r, 1, err="vca.bin: Is a directory")
    equal(os.listdir(folder), ["vca.bin"])


main(globals())
