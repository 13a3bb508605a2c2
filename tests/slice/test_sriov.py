# SPDX-License-Identifier: GPL-2.0-or-later
"""VFs that go while they are attached, and settings that cannot be made: back as before.

Interfaces of the simulated host are in /sys only, so that no setting can be made over them:
tests/vm/test_sriov.py does that.
"""

from checks import run_all, set_pci, until

NIC, VF1, DRIVE = "0000:41:00.0", "0000:41:00.2", "0000:61:00.0"
ATTACH = f"attach {NIC}/vf1 --vfs 4 --vm vm1"


def hanging(checks):
    return any(rule["hanging"] for rule in checks.sim("faults")["faults"])


def go_midway(checks, path, take_away, sentence):
    """@take_away happens while the write to @path of an attach hangs."""
    before = checks.host()
    checks.sim.fault(path=path, act="hang")
    client = checks.world.background(*ATTACH.split())
    until(lambda: hanging(checks))
    take_away()
    checks.sim("clear")
    _, err = client.communicate(timeout=60)
    checks.tap.ok(client.returncode not in (0, None) and f"{VF1}: " in err and f"VF 1 of {NIC} is gone" in err and
                  "the host is as it was before" in err, f"{sentence}: attach says so", err)
    checks.stays(before, f"{sentence}: the host is as before")


def vfs_are_taken_away(checks):
    def disable():
        set_pci(NIC, "sriov_numvfs", "0")
    go_midway(checks, f"*{NIC}/tsm/connect", disable, "somebody disables the VFs")


def driver_is_reloaded(checks):
    """Its VFs go with it, and the new one makes none."""
    def reload():
        with open("/sys/bus/pci/drivers/mlx5_core/unbind", "w", encoding="ascii") as file:
            file.write(NIC)
        with open("/sys/bus/pci/drivers/mlx5_core/bind", "w", encoding="ascii") as file:
            file.write(NIC)
    go_midway(checks, f"*{NIC}/tsm/connect", reload, "the PF's driver is reloaded")


def a_setting_fails(checks):
    before = checks.host()
    checks.run(f"{ATTACH} --mac 02:00:00:00:00:01 --vlan 12", 1,
               ["configure-vf", "read the settings of VF 1", "the host is as it was before"],
               "a setting that cannot be made is told")
    checks.stays(before, "the host is as before a setting failed")


def what_makes_no_sense(checks):
    before = checks.host()
    for words, code, sentence in (
            ("--mac 03:00:00:00:00:01", 2, "03:00:00:00:00:01 is a multicast address"),
            ("--vlan 4095", 2, "\"vlan\" is a VLAN from 1 to 4094"),
            ("--vlan-qos 3", 2, "say nothing without a VLAN"),
            ("--msix 8", 6, "sriov_vf_total_msix is 0")):
        checks.run(f"{ATTACH} {words}", code, [sentence], f"{words} is refused")
    checks.run(f"attach {NIC} --vf 0-1 --vfs 4 --vm vm1 --mac 02:00:00:00:00:01", 2,
               ["one MAC address was given for 2 functions"], "an address is for one VF")
    checks.run(f"attach {DRIVE} --vm vm1 --trust on", 2, ["it is no VF"],
               "a setting is for VFs")
    checks.stays(before, "nothing of that changed anything")


def the_plan(checks):
    out = checks.run(f"plan {NIC}/vf1 --vfs 4 --vm vm1 --mac 02:00:00:00:00:01 --trust on", 0)
    checks.tap.ok(f"set VF 1 of {NIC}: MAC address 02:00:00:00:00:01, trust on" in out,
                  "plan says what would be set", out)
    checks.tap.ok("eswitch mode\tlegacy" in checks.run(f"show {NIC}", 0),
                  "show tells the eswitch mode")


run_all({"plain": [vfs_are_taken_away, driver_is_reloaded, a_setting_fails,
                   what_makes_no_sense, the_plan]})
