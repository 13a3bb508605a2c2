#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""plan, attach, detach, connect, disconnect: what is asked, shown, printed and returned."""

import subprocess

from fake import CLOSE, HANG, equal, expect, interrupt, main, run, run_tty
from shapes import (GPU, NIC, VF, attached, end, error, failure, handoff, outcome, progress,
                    status)

ATTACH, DETACH = "io.tiod.Attach", "io.tiod.Detach"


def attach_script(*replies):
    return {ATTACH: list(replies)}


def shell_words(text, shell="sh"):
    """What a shell makes of @text, pasted behind a command."""
    out = subprocess.run([shell, "-c", "printf '%s\\0' \\\n" + text], check=True,
                         stdout=subprocess.PIPE).stdout
    return out.decode().split("\0")[:-1]


def test_attach_prints_only_the_arguments_on_stdout():
    r = run("attach", "e1:00.0", "--vm", "gpu-vm", script=attach_script(
        progress("begin"), progress("done"), end(outcome(), given=handoff())))
    expect(r, 0, err=[f"connect-tsm {GPU} done\n", f"{GPU} attached to gpu-vm in 3.2 s\n",
                      f"note: {GPU}: link secure, TDI unbound (this kernel cannot bind)\n"])
    lines = r.out.split("\n")
    equal(lines[0], "-object iommufd,id=iommufd0 \\")
    equal(lines[2], "-device vfio-pci,host=0000:e1:00.0,iommufd=iommufd0")
    equal(shell_words(r.out), handoff()["arguments"])
    equal(r.calls[0], {"method": ATTACH, "more": True, "parameters": {
        "functions": ["e1:00.0"], "vm": "gpu-vm"}})


def test_attach_sends_every_option():
    r = run("attach", "e1:00.0", "41:00.0", "--vm=gpu-vm", "--vfs", "4", "--vf", "0-1,3",
            "--with-companions", script=attach_script(end(outcome(), given=handoff())))
    expect(r, 0)
    equal(r.calls[0]["parameters"], {
        "functions": ["e1:00.0/vf0", "e1:00.0/vf1", "e1:00.0/vf3",
                      "41:00.0/vf0", "41:00.0/vf1", "41:00.0/vf3"],
        "vm": "gpu-vm", "vfs": 4, "withCompanions": True})


def test_settings_of_a_vf_are_sent_as_what_they_are():
    r = run("attach", "41:00.0/vf2", "--vm=gpu-vm", "--mac", "02:00:00:00:00:01", "--vlan", "12",
            "--vlan-qos=3", "--trust", "on", "--spoofchk=off", "--link-state", "enable",
            "--max-rate", "1000", "--msix", "32", script={"io.tiod.Attach": [end(outcome(VF))]})
    expect(r, 0)
    equal(r.calls[0]["parameters"]["vfSettings"], {
        "mac": "02:00:00:00:00:01", "vlan": 12, "qos": 3, "trust": True, "spoofchk": False,
        "linkState": "enable", "maxRate": 1000, "msix": 32})


def test_settings_that_are_no_numbers_or_words_are_refused():
    for words, sentence in ((("--vlan", "x"), '--vlan is a number, not "x"'),
                            (("--vlan", "-1"), '--vlan is a number, not "-1"'),
                            (("--msix", "99999999999"), "--msix is a number"),
                            (("--trust", "yes"), '--trust is on|off, not "yes"'),
                            (("--link-state", "up"), "--link-state is auto|enable|disable")):
        expect(run("plan", "41:00.0/vf2", "--vm", "gpu-vm", *words), 2, err=sentence)


def test_a_number_of_vfs_without_a_vf_is_refused():
    r = run("attach", NIC, "--vm", "gpu-vm", "--vfs", "4")
    expect(r, 2, err="add --vf 0-3, or leave --vfs out to give the whole card")
    equal(r.calls, [])


def test_attach_format_json_prints_the_handoff():
    r = run("attach", "e1:00.0", "--vm", "gpu-vm", "--format", "json",
            script=attach_script(end(outcome(), given=handoff())))
    expect(r, 0)
    equal(r.json, handoff())


def test_attach_json_is_one_document_and_no_chatter():
    r = run("attach", "e1:00.0", "--vm", "gpu-vm", "--json", script={ATTACH: [
        progress("begin"), progress("done"), end(outcome(), given=handoff())]})
    expect(r, 0)
    equal(r.json, {"schema": 1, "outcomes": [outcome()], "handoff": handoff()})
    if "done" in r.err:
        raise AssertionError(str(r))


def test_attach_of_what_is_attached_says_so_and_prints_the_arguments():
    r = run("attach", "e1:00.0", "--vm", "gpu-vm", script=attach_script(
        end(outcome(changed=False), given=handoff())))
    expect(r, 0, "vfio-pci,host=", f"{GPU} already attached to gpu-vm, nothing to do\n")


def test_attach_refused_as_a_whole():
    r = run("attach", "e1:00.0", "--vm", "gpu-vm", script={ATTACH: [
        error("InUse", "cannot unbind from nvme: /dev/nvme0n1 is mounted on /data",
              "unmount it, or choose another device", function=GPU)]})
    expect(r, 5, err=f"tioctl: {GPU}: cannot unbind from nvme: /dev/nvme0n1 is mounted on "
           "/data (unmount it, or choose another device)\n")
    equal(r.out, "")


def test_a_refusal_is_a_document_with_json():
    r = run("attach", "e1:00.0", "--vm", "gpu-vm", "--json", script={ATTACH: [
        error("NotReady", "no TSM", "load ccp", function=GPU)]})
    expect(r, 6, err=f"tioctl: {GPU}: no TSM (load ccp)\n")
    equal(r.json, {"schema": 1, "error": {"name": "io.tiod.NotReady", "exitCode": 6,
                                          **failure("no TSM", "load ccp", function=GPU)}})


def test_a_failed_step_in_a_stream():
    r = run("attach", "e1:00.0", "--vm", "gpu-vm", script={ATTACH: [
        progress("begin"), progress("failed", text="EIO"),
        progress("failed", step="enable-vfs", undo=True, text="EBUSY"),
        progress("begin", step="rebind", undo=True), progress("done", step="rebind", undo=True),
        error("StepFailed", "connect-tsm: write tsm/connect: EIO", function=GPU)]})
    expect(r, 1, err=[f"connect-tsm {GPU} failed\n", f"undo rebind {GPU} done\n",
                      f"undo enable-vfs {GPU} failed: EBUSY\n",
                      f"tioctl: {GPU}: connect-tsm: write tsm/connect: EIO\n"])


def test_some_of_several_is_partly():
    r = run("attach", GPU, NIC, "--vm", "gpu-vm", script=attach_script(end(
        outcome(), outcome(NIC, failed=failure("no answer", "try again"),
                           name="io.tiod.Timeout"), given=handoff())))
    expect(r, 9, "vfio-pci", [f"{GPU} attached to gpu-vm",
                              f"tioctl: {NIC}: no answer (try again)"])


def test_all_of_several_failing_alike_keeps_the_code():
    both = [outcome(GPU, failed=failure("a", function=GPU), name="io.tiod.Timeout"),
            outcome(NIC, failed=failure("b", function=NIC), name="io.tiod.Timeout")]
    r = run("attach", GPU, NIC, "--vm", "gpu-vm", script={ATTACH: [end(*both)]})
    expect(r, 8, err=[f"tioctl: {GPU}: a\n", f"tioctl: {NIC}: b\n"])
    both[1]["errorName"] = "io.tiod.InUse"
    expect(run("attach", GPU, NIC, "--vm", "gpu-vm", script={ATTACH: [end(*both)]}), 1)


def test_attach_without_waiting_prints_the_jobs():
    script = {ATTACH: [{"parameters": {"jobs": [3, 4]}}]}
    r = run("attach", GPU, NIC, "--vm", "gpu-vm", "--wait=no", script=script)
    expect(r, 0, err="tioctl jobs")
    equal(r.out, "3\n4\n")
    equal(r.calls[0]["parameters"]["wait"], False)
    equal("more" in r.calls[0], False)


def test_dry_run_is_plan():
    plan = dict(verb="attach", family=GPU, functions=[GPU], notes=["phys-bits must be 52"],
                steps=[dict(step="reserve", function=GPU, undo=False,
                            what=f"reserve {GPU} for gpu-vm"),
                       dict(step="rebind", function=GPU, undo=False,
                            what=f"bind {GPU} to vfio-pci (now nvidia)")])
    script = {"io.tiod.Plan": [{"parameters": {"plans": [plan]}}]}
    a = run("attach", GPU, "--vm", "gpu-vm", "--dry-run", script=script)
    b = run("plan", GPU, "--vm", "gpu-vm", script=script)
    equal(a.out, b.out)
    expect(a, 0, [f" 1. reserve {GPU} for gpu-vm\n", " 2. bind",
                  "note: phys-bits must be 52\n"])
    plan.update(steps=[], notes=[])
    expect(run("plan", GPU, "--vm", "gpu-vm", script=script), 0, "nothing to do")


def test_control_c_leaves_it_to_the_daemon():
    r = interrupt("attach", GPU, "--vm", "gpu-vm", script={ATTACH: [progress("begin"), HANG]},
                  method=ATTACH)
    expect(r, 130, err="tiod goes on with it (watch it with \"tioctl status\")")
    equal(r.out, "")


def test_the_daemon_gone_mid_stream():
    r = run("attach", GPU, "--vm", "gpu-vm", script={ATTACH: [progress("begin"), CLOSE]})
    expect(r, 7, err=["tiod went away before it had answered", "tioctl status"])


def test_attach_on_a_terminal_is_live():
    r = run_tty("attach", GPU, "--vm", "gpu-vm", script=attach_script(
        progress("begin"), progress("done"), progress("begin", "verify-ide", index=1),
        progress("done", "verify-ide", index=1), end(outcome(), given=handoff())))
    expect(r, 0, [f"\r[1/2] connect-tsm {GPU}  0.0 s\x1b[K", "\r\x1b[K",
                  f"connect-tsm {GPU} \x1b[32mdone", f"[2/2] verify-ide {GPU}"])
    plain = run_tty("attach", GPU, "--vm", "gpu-vm", script=attach_script(
        progress("begin"), progress("done"), end(outcome(), given=handoff())),
        env={"NO_COLOR": "1", "TERM": "xterm"})
    if "\x1b[32m" in plain.out:
        raise AssertionError(str(plain))


def test_waiting_is_said_once_in_a_pipe():
    waits = progress("waiting", text="waits for its turn at tsm0")
    r = run("attach", GPU, "--vm", "gpu-vm", script=attach_script(
        waits, waits, waits, end(outcome(), given=handoff())))
    equal(r.err.count(f"{GPU}: waits for its turn at tsm0\n"), 1)
    equal(r.err.count("waits"), 1)


def test_detach_by_device_by_vm_and_forced():
    script = {DETACH: [end(outcome())]}
    r = run("detach", GPU, script=script)
    expect(r, 0, err=f"{GPU} detached in 3.2 s\n")
    equal(r.calls[0]["parameters"], {"functions": [GPU]})
    r = run("detach", "--vm", "gpu-vm", "--force=open", script=script)
    equal(r.calls[0]["parameters"], {"vm": "gpu-vm", "force": ["open"]})
    r = run("detach", "--vm", "gpu-vm", "--json", script=script)
    equal(r.json, {"schema": 1, "outcomes": [outcome()]})


def test_detach_all_is_what_is_assigned():
    reserved = attached(address=NIC, state="reserved")
    script = {DETACH: [end(outcome())], **status(attached(), reserved)}
    r = run("detach", "all", script=script)
    expect(r, 0)
    equal(r.calls[1]["parameters"], {"functions": [GPU, NIC]})
    r = run("detach", "all", script=status())
    expect(r, 0, err="nothing is attached")
    equal(run("detach", "all", "--json", script=status()).json, {"schema": 1, "outcomes": []})


def test_connect_and_disconnect():
    r = run("connect", GPU, "--tsm", "tsm1", script={"io.tiod.Connect": [end(outcome())]})
    expect(r, 0, err=f"{GPU} connected in")
    equal(r.calls[0]["parameters"], {"function": GPU, "tsm": "tsm1"})
    r = run("disconnect", GPU, script={"io.tiod.Disconnect": [end(outcome())]})
    expect(r, 0, err=f"{GPU} disconnected in")


def test_arguments_are_quoted_for_a_shell():
    nasty = ["-device", "a b'c\"d$e`f;g\\h", "-x", "", "-y", "é", "-z", "*"]
    r = run("qemu", "gpu-vm", script={
        "io.tiod.GetQemuArgs": [{"parameters": {"handoff": handoff(arguments=nasty)}}]})
    expect(r, 0)
    equal(shell_words(r.out), nasty)


def test_control_characters_in_arguments_stay_harmless():
    r = run("qemu", "gpu-vm", script={"io.tiod.GetQemuArgs": [
        {"parameters": {"handoff": handoff(arguments=["-device", "a\n'b\\\x1b[2J"])}}]})
    expect(r, 0, "-device $'a\\x0a\\'b\\\\\\x1b[2J'")
    equal(shell_words(r.out, "bash"), ["-device", "a\n'b\\\x1b[2J"])


def test_qemu_json():
    script = {"io.tiod.GetQemuArgs": [{"parameters": {"handoff": handoff()}}]}
    equal(run("qemu", "gpu-vm", "--format=json", script=script).json, handoff())
    equal(run("qemu", "gpu-vm", "--json", script=script).json,
          {"schema": 1, "handoff": handoff()})


main(globals())
