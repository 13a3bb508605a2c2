#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""list, show, status, ide, monitor, hugepages, plugins, jobs, cancel, reload, vms, version."""

import json
import re
import subprocess

from fake import (CLOSE, HANG, TIOCTL, Fake, environment, equal, expect, main, run, run_tty)
from shapes import (GPU, NIC, VF, assignment, attached, error, failure, function, handoff, job,
                    progress, status)


def listing(*functions):
    return {"io.tiod.ListFunctions": [{"parameters": {"functions": list(functions)}}]}


def test_list_in_a_pipe_is_tab_separated():
    r = run("list", script=listing(function(), attached(
        address=VF, name="", vfsTotal=0, numaNode=None, teeIo=False, ide=False)))
    expect(r, 0)
    rows = [line.split("\t") for line in r.out.splitlines()]
    equal(rows[0], ["ADDRESS", "NAME", "DRIVER", "TEE", "IDE", "TSM", "VFS", "NODE", "VM",
                    "STATE"])
    equal(rows[1], [GPU, "Example GPU", "nvidia", "yes", "yes", "-", "2/16", "1", "-", "idle"])
    equal(rows[2], [VF, "-", "vfio-pci", "-", "-", "tsm0", "-", "-", "gpu-vm", "attached"])
    equal("parameters" in r.calls[0], False)


def test_list_all_asks_for_all():
    for args in (("list", "-a"), ("list", "--all"), ("list", "all")):
        r = run(*args, script=listing())
        equal(r.calls[0]["parameters"], {"all": True})
    expect(run("list", script=listing()), 0, err="tioctl list -a")


def test_list_json_is_the_reply_with_attributes():
    r = run("--json", "list", script=listing(function(name="µ"), function(numaNode=None)))
    name = "resource.kubernetes.io/pciBusID"
    equal(r.json, {"schema": 1, "functions": [
        function(name="µ", attributes={name: GPU, "numaNode": 1}),
        function(numaNode=None, attributes={name: GPU})]})


def test_list_on_a_terminal_is_aligned_and_fits():
    functions = (function(name="Größe 名前 " + "x" * 200),
                 attached(address=NIC, name="short"))
    r = run_tty("list", script=listing(*functions), width=90)
    expect(r, 0, ["\x1b[1mADDRESS", "…", "\x1b[32mattached"])
    plain = [re.sub(r"\x1b\[\d*m", "", line) for line in r.out.split("\r\n")][:3]
    wide = "名前"
    for line in plain:
        columns = len(line) + sum(line.count(c) for c in wide)
        if columns > 90:
            raise AssertionError(f"{columns} columns: {line!r}")
    ends = {line.index(w) + sum(line[:line.index(w)].count(c) for c in wide)
            for line, w in zip(plain, ("STATE", "idle", "attached"))}
    equal(len(ends), 1)


def test_show_is_grouped():
    script = {"io.tiod.GetFunction": [{"parameters": {"function": attached(
        error=failure("it broke", "mend it", step="connect-tsm"))}}]}
    r = run("show", "e1:00.0", script=script)
    expect(r, 0, [f"address\t{GPU}\n", "largest BAR\t128 GiB\n", "TEE-IO\tyes\n",
                  "VM\tgpu-vm\n",
                  f"group members\t{GPU} 0000:e1:00.1\n", "read\t1.5 s ago\n",
                  "failure\tit broke\n", "what to do\tmend it\n"])
    equal("physical function" in r.out or "comes along" in r.out, False)
    along = attached(assignment=assignment(function="0000:e1:00.1"))
    expect(run("show", "e1:00.1", script={
        "io.tiod.GetFunction": [{"parameters": {"function": along}}]}), 0,
           f"comes along with\t{GPU}\n")
    r = run_tty("show", "e1:00.0", script=script)
    expect(r, 0, ["\x1b[1mCapabilities\x1b[0m", "  state                   \x1b[32mattached"])


def test_status_tells_what_is_attached_and_runs():
    waits = attached(address=NIC, state="reserved", waitsFor="the TSM to appear")
    r = run("status", script=status(attached(), waits, jobs=[job()]))
    expect(r, 1, [f"{GPU}\tgpu-vm\tattached\tsecure\tunbound (this kernel cannot bind)",
                  "the TSM to appear", "3\tattach\t0000:e1:00.0\tgpu-vm\trunning\tconnect-tsm"])
    expect(run("status", script=status()), 0, err="nothing is attached")
    expect(run("status", "all", script=status()), 0)


def test_qemu_fails_for_what_is_not_as_it_should_be():
    given = handoff(ready=False, notes=[f"{GPU}: link NOT secure"])
    r = run("qemu", "gpu-vm", script={"io.tiod.GetQemuArgs": [{"parameters": {"handoff": given}}]})
    expect(r, 6, given["arguments"][1], err="link NOT secure")


def test_status_names_one_or_a_vm():
    equal(run("status", GPU, script=status()).calls[0]["parameters"], {"function": GPU})
    equal(run("status", "--vm", "a", script=status()).calls[0]["parameters"], {"vm": "a"})


def test_status_fails_on_what_needs_an_operator():
    for state in ("stuck", "absent", "degraded", "reserved", "a-state-of-tomorrow"):
        f = attached(state=state, error=failure("tsm/connect still holds tsm0", "reset it"))
        r = run("status", script=status(f))
        expect(r, 1, state, f"tioctl: {GPU}: tsm/connect still holds tsm0 (reset it)\n")
        expect(run("status", "--json", script=status(f)), 1)
    for state in ("busy", "attached", "connected", "idle", "incapable"):
        expect(run("status", script=status(attached(state=state))), 0, state)


def ide(**fields):
    def end(address):
        return dict(address=address, block=0, streamId=5, enabled=True, state="secure",
                    failReceived=False, control="0x05000101", status="0x00000002")
    capability = dict(offset=0x300, selectiveStreams=8, ideKm=True, teeLimited=True,
                      raw="0x0001a0f2")
    value = dict(address=GPU, capability=capability, rootPort="0000:e0:01.1",
                 rootPortCapability=capability, stream="stream0.0.0", endpoint=end(GPU),
                 rootPortEnd=end("0000:e0:01.1"), secure=True,
                 verdict="IDE is secure at both ends")
    value.update(fields)
    return {"io.tiod.GetIde": [{"parameters": {"ide": value}}]}


def test_ide_shows_both_ends_and_the_verdict():
    expect(run("ide", GPU, script=ide()), 0, [
        "address\t0000:e1:00.0\t0000:e0:01.1\n", "capability at\t0x300\t0x300\n",
        "stream ID\t5\t5\n", "state\tsecure\tsecure\n", "control register\t0x05000101\t",
        "stream stream0.0.0\n", "IDE is secure at both ends\n"])
    r = run("ide", GPU, script=ide(endpoint=None, rootPortEnd=None, stream=None, secure=False,
                                   rootPort=None, rootPortCapability=None,
                                   verdict="no IDE stream is set up"))
    expect(r, 0, ["capability at\t0x300\t-\n", "no IDE stream is set up\n"])


def test_ide_of_a_card_without_it_is_a_sentence():
    r = run("ide", GPU, script=ide(endpoint=None, rootPortEnd=None, stream=None, secure=False,
                                   capability=None, verdict="no IDE stream is set up"))
    expect(r, 0)
    equal(r.out, "0000:e1:00.0 has no IDE capability: its link cannot be encrypted\n")


def registers(address, **fields):
    control = dict(raw="0x05400001", enabled=True, xt=False, npr=0, pr=4, cpl=0, pcrc=True,
                   partialHeader="no", algorithm="AES-GCM-256-96b", tc=0, streamId=5)
    status = dict(raw="0x00000002", state="secure", failReceived=False)
    block = dict(index=0, offset=0x30c, capability=dict(raw="0x00000002",
                                                        addressAssociations=2),
                 control=dict(control, config=True, default=True, teeLimited=False),
                 status=status, rid=dict(valid=True, base=0xe100, limit=0xffff, segment=1),
                 addresses=[dict(valid=True, base="0x0000000080000000",
                                 limit="0x00000000800fffff"),
                            dict(valid=False, base="0x0000000000000000",
                                 limit="0x00000000000fffff")])
    value = dict(
        address=address, offset=0x300, version=1,
        capability=dict(raw="0x00000043", link=True, selective=True, flowThrough=False,
                        partialHeader=False, aggregation=True, pcrc=True, ideKm=True,
                        selectiveConfig=False, algorithm="reserved (3)", linkTcs=1,
                        selectiveStreams=1, teeLimited=True, xt=False),
        control=dict(raw="0x00000004", flowThrough=True),
        links=[dict(index=0, offset=0x30c, control=control, status=status)],
        selective=[block], problem=None)
    value.update(fields)
    return value


def test_ide_shows_all_registers_as_lspci_does():
    cut = registers("0000:e0:01.1", selective=[], problem="block 0 runs out")
    expect(run("ide", GPU, script=ide(endpointRegisters=registers(GPU),
                                      rootPortRegisters=cut)), 0, [
        "0000:e1:00.0 Integrity & Data Encryption at 0x300, version 1\n",
        "  IDECap: Lnk=1 Sel=1 FlowThru- PartHdr- Aggr+ PCRC+ IDE_KM+ SelCfg- "
        "Alg='reserved (3)' TCs=1 TeeLim+ XT-\n", "  IDECtl: FTEn+\n",
        "  LinkIDE#0 Ctl: En+ XT- NPR- PR=4 CPL- PCRC+ HdrEnc=no Alg='AES-GCM-256-96b' TC0 "
        "ID5\n", "  LinkIDE#0 Sta: secure RecvChkFail-\n",
        "  SelectiveIDE#0 Cap: Addr#=2, in use by stream0.0.0\n",
        "  SelectiveIDE#0 Ctl: En+ XT- NPR- PR=4 CPL- PCRC+ CFG+ HdrEnc=no "
        "Alg='AES-GCM-256-96b' TC0 TeeLim- ID5 Default\n",
        "  SelectiveIDE#0 RID: Valid+ e1:00.0 to ff:1f.7 SegBase=1\n",
        "  SelectiveIDE#0 Addr#0: Valid+ 0x0000000080000000 to 0x00000000800fffff\n",
        "  SelectiveIDE#0 Addr#1: Valid-\n", "0000:e0:01.1: block 0 runs out\n"])


def security(**fields):
    value = dict(address=GPU, dsm=GPU, report=None, measurements=None, certificates=None,
                 tdiStatus=dict(bytes=0, problem="no TDI is bound"),
                 dsmStatus=dict(bytes=28, problem=None, valid=True, contextState=3, tcMask=5,
                                certificateSlot=0, noFirmwareUpdate=False, device="e1:00.0",
                                segment=0, streamIds=[7, 0, 9, 0, 0, 0, 0, 0]))
    value.update(fields)
    return {"io.tiod.GetTsmStatus": [{"parameters": {"status": value}}]}


def test_status_of_one_asks_its_security_manager():
    asked = attached(tsmStatus=True)
    r = run("status", GPU, script={**status(asked), **security()})
    expect(r, 0, ["DSM context state\t3\n", "traffic classes\t0x5\n",
                  "stream IDs\tTC0: 7, TC2: 9\n", "TDI status\tno TDI is bound\n"])
    equal(r.calls[1]["parameters"], {"function": GPU, "evidence": False})
    r = run("status", GPU, "--json", script={**status(asked), **security()})
    equal(r.json["security"]["dsmStatus"]["tcMask"], 5)
    equal(len(run("status", script=status(asked)).calls), 1)
    equal(len(run("status", GPU, script=status(attached())).calls), 1)
    busy = error("Busy", "the security manager is busy", "ask again")
    expect(run("status", GPU, script={**status(asked), "io.tiod.GetTsmStatus": [busy]}), 0,
           GPU, f"tioctl: {GPU}: the security manager is busy (ask again)\n")


def test_show_asks_a_reader_for_no_evidence():
    script = {"io.tiod.GetFunction": [{"parameters": {"function": attached(tsmStatus=True)}}]}
    answer = security()["io.tiod.GetTsmStatus"]
    r = run("show", GPU, script={**script, **security()})
    expect(r, 0, ["DSM context state\t3\n"])
    equal(r.calls[1]["parameters"], {"function": GPU, "evidence": True})
    no = [error("NotPermitted", "uid 1000 may not call it")]
    r = run("show", GPU, script={**script, "io.tiod.GetTsmStatus": [no, answer]})
    expect(r, 0, ["DSM context state\t3\n"])
    equal([c["parameters"].get("evidence") for c in r.calls], [None, True, False])
    r = run("show", GPU, script={**script, "io.tiod.GetTsmStatus": [no, no]})
    expect(r, 0, GPU, f"tioctl: {GPU}: uid 1000 may not call it\n")
    equal(len(r.calls), 3)


def event(kind, **fields):
    return {"continues": True, "parameters": {"event": kind, **fields}}


EVENTS = [event("function", function=attached()), event("ready"),
          event("removed", address=NIC), event("job", job=job()),
          event("progress", progress=progress("done")["parameters"]["progress"]),
          event("tsm", text="tsm0 came"), event("resync")]


def test_monitor_is_a_line_an_event():
    r = run("monitor", script={"io.tiod.Monitor": EVENTS + [CLOSE]})
    expect(r, 7, [f"{GPU} attached vm=gpu-vm driver=vfio-pci link=secure\n", f"{NIC} removed\n",
                  "job 3 attach 0000:e1:00.0 vm=gpu-vm running\n",
                  f"{GPU} connect-tsm done\n", "tsm: tsm0 came\n", " ready\n", " resync\n"])
    equal(r.calls[0], {"method": "io.tiod.Monitor", "more": True})
    for line in r.out.splitlines():
        if not re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S", line):
            raise AssertionError(line)


def test_monitor_ends_when_nobody_reads_it():
    with Fake({"io.tiod.Monitor": [event("ready"), HANG]}) as fake:
        process = subprocess.Popen([TIOCTL, "--socket", fake.path, "monitor"],
                                   env=environment(), stdout=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        equal(process.wait(10), 0)


def test_monitor_json_is_a_document_a_line():
    r = run("monitor", "--json", script={"io.tiod.Monitor": EVENTS + [CLOSE]})
    lines = [json.loads(line) for line in r.out.splitlines()]
    equal([line.get("event") for line in lines[:7]],
          ["function", "ready", "removed", "job", "progress", "tsm", "resync"])
    equal(lines[7]["error"]["exitCode"], 7)


def test_hugepages_by_node_and_size():
    pools = [dict(node=None, pageSize=2 << 20, total=100, free=60, reserved=2),
             dict(node=1, pageSize=1 << 30, total=64, free=64, reserved=None)]
    r = run("hugepages", script={"io.tiod.GetHugepages": [{"parameters": {"pools": pools}}]})
    equal(r.out.splitlines()[1:], ["all\t2 MiB\t100\t60\t2\t120 MiB",
                                   "1\t1 GiB\t64\t64\t-\t64 GiB"])


def test_plugins_and_those_that_are_no_use():
    good = dict(file="nvme.so", name="nvme", abi=1, functions=["0000:61:00.0", "0000:62:00.0"],
                checks=["a", "b"], refusal=None)
    bad = dict(file="x.so", name="", abi=0, functions=[], checks=[],
               refusal="x.so is for plugin interface 99, tiod has 1")
    expect(run("plugins", script={"io.tiod.ListPlugins": [{"parameters": {"plugins": [good]}}]}),
           0, "nvme\tnvme.so\t1\ta b\t2\t0000:61:00.0 0000:62:00.0")
    script = {"io.tiod.ListPlugins": [{"parameters": {"plugins": [good, bad]}}]}
    expect(run("plugins", script=script), 6, "nvme.so",
           err="not used: x.so is for plugin interface 99, tiod has 1")
    r = run("plugins", "--json", script=script)
    expect(r, 6)
    equal(json.loads(r.out)["plugins"], [good, bad])


def test_jobs_and_cancel():
    script = {"io.tiod.ListJobs": [{"parameters": {"jobs": [job()]}}],
              "io.tiod.CancelJob": [{}]}
    expect(run("jobs", script=script), 0, "3\tattach\t")
    r = run("cancel", "3", script=script)
    expect(r, 0, err="job 3 is told to stop")
    equal(r.calls[0]["parameters"], {"job": 3})
    expect(run("cancel", "9", script={"io.tiod.CancelJob": [error("NoSuchJob", "no job 9")]}),
           4, err="tioctl: no job 9\n")
    script["io.tiod.ListJobs"] = [{"parameters": {"jobs": []}}]
    expect(run("jobs", script=script), 0, err="no job runs or waits")
    failed = job(state="failed", error=dict(
        function=GPU, step="connect-tsm", attribute="tsm/connect", errno=5, errnoName="EIO",
        sentence="the TSM said no", fix="reseat the card"))
    script["io.tiod.ListJobs"] = [{"parameters": {"jobs": [failed]}}]
    r = run("jobs", "-a", script=script)
    expect(r, 0, "\tfailed\t", err=["job 3: ", "the TSM said no", "reseat the card"])
    equal(r.calls[0]["parameters"], {"ended": True})


def vm(name):
    return {"parameters": dict(name=name, file=f"/etc/tiod/vms.d/{name}.conf",
                               memory=64 << 30, hugepageSize=2 << 20, numaNode=None,
                               user="qemu-gpu", assignments=[assignment(vm=name)])}


def test_vms_shows_each_and_skips_one_that_went():
    script = {"io.tiod.ListVms": [{"parameters": {"vms": ["a", "gone", "b"]}}],
              "io.tiod.GetVm": [[vm("a")], [error("NoSuchVm")], [vm("b")]]}
    r = run("vms", script=script)
    expect(r, 0, "a\t64 GiB\t2 MiB\tauto\tqemu-gpu\t1\t/etc/tiod/vms.d/a.conf\n")
    equal(len(r.out.splitlines()), 3)
    script["io.tiod.GetVm"] = [[vm("a")], [error("NoSuchVm")], [vm("b")]]
    equal([v["name"] for v in run("vms", "--json", script=script).json["vms"]], ["a", "b"])


def test_reload_says_what_it_could_not_read():
    script = {"io.tiod.Reload": [{"parameters": {"warnings": ["/etc/tiod/x.conf:3: no '='"]}}]}
    expect(run("reload", script=script), 0, err=["warning: /etc/tiod/x.conf:3: no '='\n",
                                                 "stays as it was"])
    script = {"io.tiod.Reload": [{"parameters": {"warnings": []}}]}
    expect(run("reload", script=script), 0, err="were read again\n")


def test_version_of_both():
    host = dict(version="0.1.0", functions=40, capable=4, tsms=["tsm0"], evidence=False,
                platforms=[dict(name="tsm0", platform="AMD SEV-TIO",
                                parent="0000:c3:00.5", driver="ccp")], iommu=True,
                iommufd=False, vfioPci=True, assignments=1, jobs=0, ready=False,
                problems=["what is shown is old"])
    script = {"io.tiod.GetHost": [{"parameters": host}]}
    expect(run("version", script=script), 0, ["tioctl ", "tiod 0.1.0\n", "TSM tsm0: AMD SEV-TIO\n",
                                              "iommufd no\n", "not ready\n",
                                              "problem: what is shown is old\n"])
    equal(run("version", "--json", script=script).json["tiod"], host)


def test_what_a_device_says_cannot_move_the_cursor():
    evil = "\x1b[2J\x07\r\n\tA\u009b31m\u202eB\x7f"
    script = listing(function(name=evil, driver=evil))
    for r in (run("list", script=script), run_tty("list", script=script, width=400)):
        for c in "\x07\x9b\u202e\x7f":
            equal(c in r.out, False)
        equal("\x1b[2J" in r.out, False)
        expect(r, 0, "\\x1b[2J\\x07\\x0d\\x0a\\x09A\\u009b31m\\u202eB\\x7f")
    r = run("show", GPU, script={"io.tiod.GetFunction": [
        error("NoSuchFunction", evil, evil, function=evil)]})
    expect(r, 4, err="\\x1b[2J")
    equal(r.err.count("\n"), 1)
    r = run("list", "--json", script=script)
    equal(r.json["functions"][0]["name"], evil)
    equal("\u009b" in r.out, False)


def test_local_time_follows_TZ():
    hours = {run("monitor", script={"io.tiod.Monitor": [event("ready"), CLOSE]},
                 env=environment(TZ=tz)).out[11:13] for tz in ("UTC", "UTC-7")}
    equal(len(hours), 2)


main(globals())
