#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line, the socket, and what comes over it that should not."""

import json
import os
import socket
import tempfile

from fake import (CLOSE, INTERFACE, Raw, bare, environment, equal, expect, main, run)
from shapes import GPU, error, function, status

LIST = "io.tiod.ListFunctions"

EXITS = {"InvalidRequest": 2, "NotPermitted": 3, "NoSuchFunction": 4, "NoSuchVm": 4,
         "NoSuchJob": 4, "InUse": 5, "Conflict": 5, "Busy": 5, "NotReady": 6, "Timeout": 8,
         "StepFailed": 1, "Stuck": 1}


def test_each_error_of_the_interface_has_its_exit_code():
    equal(set(EXITS), set(INTERFACE.errors))
    for name, code in EXITS.items():
        r = run("list", script={LIST: [error(name, "it broke", "mend it", function=GPU)]})
        expect(r, code, err=f"tioctl: {GPU}: it broke (mend it)\n")


def test_errors_of_varlink_itself():
    for name, code in {"MethodNotFound": 1, "InvalidParameter": 2, "PermissionDenied": 3,
                       "ExpectedMore": 1, "MethodNotImplemented": 1}.items():
        full = "org.varlink.service." + name
        r = run("list", script={LIST: [{"error": full, "parameters": {"parameter": "all"}}]})
        expect(r, code, err=["tioctl: tiod ", f"[{full}]"])


def test_an_error_that_nobody_knows():
    r = run("list", script={LIST: [{"error": "com.example.Odd"}]})
    expect(r, 1, err="tioctl: tiod failed without saying why [com.example.Odd]\n")


def test_a_sentence_that_begins_with_the_function_is_not_doubled():
    r = run("list", script={LIST: [error("Stuck", f"{GPU}: it hangs", function=GPU)]})
    expect(r, 1, err=f"tioctl: {GPU}: it hangs\n")
    equal(r.err.count(GPU), 1)


def test_no_daemon():
    r = bare("--socket", "/nonexistent/io.tiod", "list")
    expect(r, 7, err="tioctl: cannot reach tiod at /nonexistent/io.tiod: No such file or "
           "directory (start it with \"systemctl start tiod\", or name its socket with "
           "--socket)\n")
    r = bare("--socket", "/nonexistent/io.tiod", "list", "--json")
    expect(r, 7)
    equal(r.json["error"]["name"], "tioctl.Unreachable")


def test_a_socket_that_nobody_listens_on():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        socket.socket(socket.AF_UNIX).bind(path)
        expect(bare("--socket", path, "list"), 7, err="Connection refused")


def test_a_socket_that_is_not_for_us():
    nobody = 65534 if os.geteuid() == 0 else None  # root may use every socket
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "s")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            os.chmod(path, 0)
            r = bare("--socket", path, "list", user=nobody)
    expect(r, 3, err=f"tioctl: may not use {path}: Permission denied (join the group \"tiod\"")


def test_a_path_that_is_too_long():
    expect(bare("--socket", "/" + "x" * 200, "list"), 7, err="File name too long")


def test_the_environment_names_the_socket_and_the_option_beats_it():
    env = environment(TIOD_SOCKET="/nonexistent/env")
    expect(bare("list", env=env), 7, err="/nonexistent/env")
    expect(bare("list", "--socket=/nonexistent/opt", env=env), 7, err="/nonexistent/opt")
    expect(bare("list", env=environment(TIOD_SOCKET="")), 7, err="/run/tiod/io.tiod")


MALFORMED = [
    b"\0", b"{}x\0", b"[]\0", b"null\0", b"\"x\"\0", b"{\0", b"{\"parameters\":[]}\0",
    b"{\"parameters\":3}\0", b"{\"error\":3}\0", b"{\"continues\":1}\0",
    b"{\"continues\":true,\"parameters\":{\"functions\":[]}}\0", b"{\"x\":1}\0",
    b"{\"parameters\":{},\"parameters\":{}}\0", b"{\"parameters\":{\"functions\":3}}\0",
    b"{\"parameters\":{}}\0", b"{}\0", b"\xff\xfe\0", b"{\"a\":\"\\u0000\"}\0",
    b"[" * 5000 + b"\0",
]


def test_malformed_replies_are_failures_and_no_crash():
    for data in MALFORMED:
        r = run("list", script={LIST: [Raw(data)]})
        if r.code != 1 or not r.err.startswith("tioctl: the answer "):
            raise AssertionError(f"{data[:60]!r}: {r}")
        equal(r.out, "")


def test_an_error_inside_a_stream_may_not_continue():
    wrong = Raw(b"{\"continues\":true,\"error\":\"io.tiod.Busy\"}\0")
    expect(run("monitor", script={"io.tiod.Monitor": [wrong]}), 1, err="not understood")


ODD = [None, 3, "x", [], [3], [[]], {}, [None], [{}], [{"address": 3, "assignment": []}],
       [{"assignment": {"vm": {}}, "error": 7, "vfs": "x", "numaNode": 1.5}],
       [{"vfs": 2**62, "vfsTotal": -1, "age": -1e300, "groupMembers": [1, None]}]]


def test_values_of_the_wrong_type_are_shown_or_refused_but_never_crash():
    verbs = {"list": (LIST, "functions"), "status": ("io.tiod.GetStatus", "functions"),
             "jobs": ("io.tiod.ListJobs", "jobs"),
             "hugepages": ("io.tiod.GetHugepages", "pools"),
             "plugins": ("io.tiod.ListPlugins", "plugins"),
             "reload": ("io.tiod.Reload", "warnings"), "vms": ("io.tiod.ListVms", "vms"),
             "show x": ("io.tiod.GetFunction", "function"), "ide x": ("io.tiod.GetIde", "ide"),
             "qemu x": ("io.tiod.GetQemuArgs", "handoff"),
             "plan x --vm v": ("io.tiod.Plan", "plans"), "version": ("io.tiod.GetHost", "tsms"),
             "attach x --vm v": ("io.tiod.Attach", "outcomes"),
             "detach x": ("io.tiod.Detach", "outcomes"),
             "monitor": ("io.tiod.Monitor", "event")}
    for verb, (method, key) in verbs.items():
        for odd in ODD:
            script = {method: [{"parameters": {key: odd}}], **({} if verb == "status" else
                                                               status())}
            script.setdefault("io.tiod.GetVm", [{"parameters": {"name": odd}}])
            r = run(*verb.split(), script=script, lenient=True)
            if r.code not in (0, 1, 9):
                raise AssertionError(f"{verb} {odd}: {r}")


def test_a_handoff_and_progress_of_odd_types():
    for odd in ODD:
        script = {"io.tiod.Attach": [
            {"continues": True, "parameters": {"progress": odd}},
            {"continues": True, "parameters": {"progress": {
                "phase": "begin", "index": odd, "family": odd, "step": odd}}},
            {"parameters": {"outcomes": [{"functions": odd}], "handoff": {
                "arguments": odd, "notes": odd}}}], **status()}
        r = run("attach", "x", "--vm", "v", script=script, lenient=True)
        equal(r.code, 0)


def test_the_daemon_gone_before_it_answers():
    expect(run("list", script={LIST: [CLOSE]}), 7, err="tiod went away before it had answered")
    expect(run("list", script={LIST: [Raw(b"{\"parameters\":"), CLOSE]}), 7, err="went away")


def test_a_reply_in_many_pieces():
    whole = json.dumps({"parameters": {"functions": [function(name="é")]}},
                       ensure_ascii=False).encode() + b"\0"
    pieces = [Raw(whole[i:i + 7]) for i in range(0, len(whole), 7)]
    expect(run("list", script={LIST: pieces}), 0, "é\tnvidia")


def test_a_huge_reply_is_shown():
    functions = [function(address=f"{i:04x}:e1:00.0", name="x" * 500) for i in range(8000)]
    r = run("list", script={LIST: [{"parameters": {"functions": functions}}]}, lenient=True)
    expect(r, 0)
    equal(len(r.out.splitlines()), 8001)


def test_a_reply_without_end_is_given_up_at_16_MiB():
    endless = [Raw(b"{\"parameters\":{\"x\":\"")] + [Raw(b"x" * 65536)] * 300
    r = run("list", script={LIST: endless}, timeout=60)
    expect(r, 1, err="larger than 16 MiB")


def test_more_replies_than_were_asked_for_are_left_alone():
    three = Raw(b"{\"parameters\":{\"functions\":[]}}\0{}\0{}\0")
    expect(run("list", script={LIST: [three]}), 0)


USAGE = [
    ([], "a verb is missing"),
    (["lits"], "there is no verb \"lits\" (did you mean \"list\"?)"),
    (["attahc", "x"], "did you mean \"attach\"?"),
    (["frobnicate"], "there is no verb \"frobnicate\" (see \"tioctl --help\")"),
    (["list", "--jsno"], "there is no option --jsno (did you mean --json?)"),
    (["list", "-x"], "there is no option -x"),
    (["list", "--vm", "a"], "list takes no --vm"),
    (["list", "e1:00.0"], "list takes no device but \"all\""),
    (["list", "--json=yes"], "--json takes no value"),
    (["show"], "show needs something to work on (usage: tioctl show DEV)"),
    (["show", "a", "b"], "show: \"b\" is too much"),
    (["attach", "e1:00.0"], "attach needs --vm"),
    (["attach", "--vm", "a"], "attach needs something to work on"),
    (["attach", "all", "--vm", "a"], "attach takes no \"all\""),
    (["attach", "x", "--vm"], "--vm needs a value"),
    (["attach", "x", "--vm="], "--vm needs a value"),
    (["attach", "x", "--vm", "a", "--vm", "b"], "--vm is given twice"),
    (["attach", "x", "--vm", "a", "--vfs", "0"], "--vfs is a number from 1 to 65535"),
    (["attach", "x", "--vm", "a", "--vfs", "65536"], "--vfs is a number"),
    (["attach", "x", "--vm", "a", "--vfs", "2x"], "--vfs is a number"),
    (["attach", "x", "--vm", "a", "--vf", "3-1"], "--vf 3-1: not a list"),
    (["attach", "x", "--vm", "a", "--vf", "0,"], "not a list"),
    (["attach", "x", "--vm", "a", "--vf", "-1"], "not a list"),
    (["attach", "x", "--vm", "a", "--vf", "0-"], "not a list"),
    (["attach", "x", "--vm", "a", "--vf", "0-256"], "at most 256"),
    (["attach", "x", "--vm", "a", "--vf", "99999999999999999999"], "not a list"),
    (["attach", "x/vf1", "--vm", "a", "--vf", "0"], "names a virtual function already"),
    (["attach", "x", "--vm", "a", "--format", "xml"], "--format is qemu|json|libvirt, not \"xml\""),
    (["attach", "x", "--vm", "a", "--format", "qemu|json"], "--format is qemu|json|libvirt"),
    (["attach", "x", "--vm", "a", "--wait", "maybe"], "--wait is yes|no"),
    (["detach"], "detach takes either devices or --vm VM"),
    (["detach", "x", "--vm", "a"], "detach takes either devices or --vm VM"),
    (["detach", "--vm", "a", "--vf", "0"], "--vf needs the device"),
    (["detach", "all", "--vf", "0"], "--vf needs the device"),
    (["detach", "x", "--force=all"], "--force is net|open[,…], not \"all\""),
    (["attach", "x", "--vm", "a", "--force=open,swap"], "not \"open,swap\""),
    (["attach", "x", "--vm", "a", "--force=net,"], "not \"net,\""),
    (["status", "x", "--vm", "a"], "a device or --vm, not both"),
    (["cancel", "x"], "\"x\" is not the number of a job"),
    (["cancel", "99999999999999999999"], "is not the number of a job"),
    (["show", "x" * 300], "can't be the name of anything"),
    (["show", b"\xff\x1b[2J"], "\"\\xff\\x1b[2J\" can't be the name"),
    (["show", ""], "can't be the name"),
]


def test_usage_errors_ask_nothing_of_the_daemon():
    for args, words in USAGE:
        r = bare("--socket", "/nonexistent/io.tiod", *args)
        if r.code != 2 or words not in r.err or r.out or r.err.count("\n") != 1:
            raise AssertionError(f"{args}: {r}")


def test_help_names_every_verb_and_exit_code():
    r = bare("--help")
    expect(r, 0, [f"  {verb}" for verb in (
        "list show status plan attach detach connect disconnect ide qemu monitor hugepages "
        "jobs cancel reload vms plugins version").split()])
    expect(r, 0, ["  7  tiod is not running", "--socket PATH"])
    expect(bare("attach", "--help"), 0, ["Usage: tioctl attach DEV", "--with-companions",
                                         "--vf"])
    expect(bare("help"), 0, r.out)
    expect(bare("help", "attach"), 0, "Usage: tioctl attach DEV")
    expect(bare("help", "atach"), 2, err='did you mean "attach"?')
    expect(bare("--version"), 0, "tioctl 0.")


def test_options_may_stand_anywhere_and_names_after_two_dashes():
    expect(bare("--json", "-h"), 0)
    r = run("--json", "--vm", "v", "status", script=status())
    equal(r.calls[0]["parameters"], {"vm": "v"})
    r = run("show", "--", "--odd", script={"io.tiod.GetFunction": [error("NoSuchFunction")]})
    expect(r, 4)
    equal(r.calls[0]["parameters"], {"function": "--odd"})


def test_a_full_disk_is_noticed():
    if not os.path.exists("/dev/full"):
        return
    import subprocess
    from fake import TIOCTL
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([TIOCTL, "--help"], stdout=full, stderr=subprocess.PIPE,
                              check=False)
    equal(done.returncode, 1)
    equal(done.stderr, b"tioctl: cannot write the answer to standard output\n")


main(globals())
