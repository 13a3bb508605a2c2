#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""AMD's development kernel: what the security manager says of a card, in status and show."""

from checks import PCI, run_all, write

GPU, NIC, VF = "0000:e1:00.0", "0000:41:00.0", "0000:41:00.1"
NONCE = bytes(range(32))


def said(checks, function, **parameters):
    reply = checks.world.call("GetTsmStatus", function=function, **parameters)
    return reply["parameters"]["status"]


def nothing_before_a_connect(checks):
    before = checks.host()
    status = said(checks, GPU, evidence=True)
    checks.tap.ok(all(status[part]["problem"] == "not connected" and status[part]["bytes"] == 1
                      for part in ("dsmStatus", "tdiStatus", "report", "measurements",
                                   "certificates")),
                  "a lone newline is told as not connected", status)
    checks.run(f"status {GPU}", 0, out=["DSM status\tnot connected\n"])
    checks.stays(before, "and asking changes nothing")


def of_a_connected_card(checks):
    checks.run(f"attach {GPU} --vm vm1", 0)
    with open(f"{PCI}{GPU}/tsm/meas_nonce", "wb", buffering=0) as file:
        file.write(NONCE)
    status = said(checks, GPU)
    dsm = status["dsmStatus"]
    checks.tap.ok(dsm["bytes"] == 28 and dsm["problem"] is None and dsm["device"] == "e1:00.0"
                  and dsm["tcMask"] == 1 and dsm["streamIds"] == [0] * 8,
                  "dsm_status is decoded", dsm)
    checks.tap.ok(status["tdiStatus"] == {"bytes": 0, "problem": "no TDI is bound"},
                  "no TDI is told as such", status["tdiStatus"])
    checks.tap.ok(status["report"] is None and status["measurements"] is None,
                  "evidence is not read unless asked for", status)
    checks.run(f"show {GPU}", 0, out=["TSM interface\tamd-sysfs\n", "platform\tAMD SEV-TIO\n"])
    checks.run("version", 0, out=["TSM tsm0: AMD SEV-TIO\n"])
    checks.run(f"status {GPU}", 0, out=["stream IDs\tTC0: 0\n", "TDI status\tno TDI is bound\n"])
    checks.run("status", 0, sentence="the list of all asks nobody")


def of_a_bound_tdi(checks):
    checks.sim("tdi-bound", function=GPU, on=True)
    status = said(checks, GPU, evidence=True)
    tdi, report = status["tdiStatus"], status["report"]
    checks.tap.ok(tdi["bytes"] == 190 and tdi["status"] == "bound" and tdi["state"] == "RUN" and
                  tdi["interface"] == GPU and "AEAD_AES_256_GCM" in tdi["algorithms"],
                  "tdi_status is decoded", tdi)
    checks.tap.ok(len(report["ranges"]) == 3 and report["ranges"][1]["bar"] == 1 and
                  report["ranges"][1]["size"] == "0x2000000000", "so is the report", report)
    blocks = status["measurements"]["blocks"]
    checks.tap.ok(status["measurements"]["transcript"] and len(blocks) == 2 and
                  blocks[1]["type"] == "firmware version" and blocks[1]["raw"] and
                  blocks[1]["value"] == "0300020001000000", "and the measurements", blocks)
    checks.run(f"show {GPU}", 0, out=[
        "TDI state\tRUN\n", "SPDM algorithms\tDHE_SECP384R1 AEAD_AES_256_GCM",
        "report: range\tBAR 1, ", "measurement 1\tmutable firmware: a5a5",
        "certificates, bytes\t652\n"])
    checks.run(f"show --json {GPU}", 0, out=['"security": {', '"tdiStatus": {'])
    checks.sim("tdi-bound", function=GPU, on=False)


def of_a_vf(checks):
    checks.run(f"attach {NIC}/vf0 --vfs 2 --vm vm2", 0)
    checks.sim("tdi-bound", function=VF, on=True)
    status = said(checks, VF)
    checks.tap.ok(status["dsm"] == NIC and status["dsmStatus"]["device"] == "41:00.0" and
                  status["tdiStatus"]["interface"] == VF,
                  "a VF has a TDI status of its own and its card's DSM status", status)
    checks.run(f"detach {NIC}/vf0", 0)


def what_cannot_be_read(checks):
    for error in ("EINVAL", "EINTR", "ENODEV"):
        checks.sim.fault(path=f"*{GPU}/tsm/dsm_status", op="read", nth=0, act="errno", errno=error)
        problem = said(checks, GPU)["dsmStatus"]["problem"]
        checks.sim("clear")
        checks.tap.ok(problem and "read tsm/dsm_status" in problem,
                      f"{error} of dsm_status is told", problem)


def while_a_connect_hangs(checks):
    rule = checks.sim.fault(path="*0000:61:00.0/tsm/connect", act="hang")
    client = checks.world.background("attach", "0000:61:00.0", "--vm", "vm2")
    while not checks.sim.hits(rule):
        pass
    checks.run(f"status {GPU}", 0, words=["the security manager is busy", "tioctl jobs"],
               sentence="status answers while a connect hangs, and says what is missing")
    checks.sim("clear")
    client.communicate(timeout=30)
    checks.run("detach 0000:61:00.0", 0)


def keys_are_refreshed(checks):
    def refreshed():
        return [row["refreshed"] for row in checks.sim("list")["functions"]
                if row["function"] == GPU][0]
    write(f"{PCI}{GPU}/tsm/connect", "tsm0")
    checks.tap.ok(refreshed() == 1, "a second connect by hand refreshes the keys")
    checks.run(f"connect {GPU}", 0, sentence="tiod's own connect leaves a link alone")
    checks.tap.ok(refreshed() == 1, "and refreshes nothing")


def detached(checks):
    checks.run(f"detach {GPU}", 0)
    checks.tap.ok(said(checks, GPU)["dsmStatus"]["problem"] == "not connected",
                  "and nothing is said after the detach")


def upstream(checks):
    checks.run(f"attach {GPU} --vm vm1", 0)
    status = said(checks, GPU, evidence=True)
    checks.tap.ok(all(status[part] is None for part in ("dsmStatus", "tdiStatus", "report",
                                                        "measurements", "certificates")),
                  "an upstream kernel has none of the files", status)
    checks.tap.ok(not checks.world.state(GPU)["tsmStatus"], "and tiod says so beforehand")
    checks.tap.ok(checks.world.state(GPU)["tsmFlavour"] == "upstream", "by what is there",
                  checks.world.state(GPU))
    checks.run(f"detach {GPU}", 0)


run_all({
    "amd-sysfs": (nothing_before_a_connect, of_a_connected_card, of_a_bound_tdi, of_a_vf,
                  what_cannot_be_read, while_a_connect_hangs, keys_are_refreshed, detached),
    "plain": (upstream,),
})
