# SPDX-License-Identifier: GPL-2.0-or-later
"""Settings of VFs on a real kernel: igb by attach and detach, netdevsim by a probe."""

import json
import os
import random
import subprocess
import time

from guest import (CONFIG, NIC1, NVME1, PCI, Checks, Guest, driver, glob, knob, settle, snapshot,
                   until, write)

VF0, VF1 = "0000:01:10.0", "0000:01:10.2"
MAC, OTHER = "02:00:00:00:0a:bc", "02:00:00:00:0d:ef"
PROBE = os.path.join(os.path.dirname(os.environ["TIOD"]), "../tests/vm/probe/vf-probe")
SIM = "/sys/bus/netdevsim/"

KILLS = int(os.environ.get("VM_KILLS", "8"))
SEED = int(os.environ.get("VM_SEED", "1"))

guest = Guest(step_timeout=50)  # igb takes its time on a busy machine
checks = Checks(guest)


def interface(function):
    return os.path.basename(glob.glob(f"{PCI}{function}/net/*")[0])


def vf_info(name, vf):
    """What iproute2 shows of a VF: somebody else's reading."""
    out = subprocess.run(["ip", "-j", "link", "show", "dev", name], check=True,
                         capture_output=True, text=True).stdout
    for info in json.loads(out)[0].get("vfinfo_list", []):
        if info["vf"] == vf:
            return info
    return {}


def probe(*words):
    done = subprocess.run([PROBE, *words], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip()


def check_set(vf, what, **wanted):
    info = vf_info(interface(NIC1), vf)
    found = {"mac": info.get("address"), "vlan": (info.get("vlan_list") or [{}])[0].get("vlan"),
             "qos": (info.get("vlan_list") or [{}])[0].get("qos"), "trust": info.get("trust"),
             "spoofchk": info.get("spoofchk"), "rate": info.get("rate", {}).get("max_tx")}
    checks.ok(all(found[key] == value for key, value in wanted.items()), what, wanted, info)


def igb_by_attach():
    """VFs that tiod makes, and takes away."""
    before = snapshot()
    plan = checks.must_exit(0, "plan", f"{NIC1}/vf0", "--vfs", "2", "--vm", "vm1", "--mac", MAC,
                            "--vlan", "12")
    checks.ok(f"set VF 0 of {NIC1}: MAC address {MAC}, VLAN 12" in plan,
              "plan says what would be set", plan)
    checks.attach(f"{NIC1}/vf0", "--vfs", "2", "--mac", MAC, "--vlan", "12", "--vlan-qos", "3",
                  "--trust", "on", "--spoofchk", "off")
    checks.ok(driver(VF0) == "vfio-pci", "the VF is vfio-pci's")
    check_set(0, "ip link shows what was asked for", mac=MAC, vlan=12, qos=3, trust=True,
              spoofchk=False)
    shown = json.loads(guest.must("--json", "show", VF0))["function"]["assignment"]["vfSettings"]
    checks.ok(shown == {"mac": MAC, "vlan": 12, "qos": 3, "trust": True, "spoofchk": False},
              "the assignment keeps it", shown)
    out = checks.attach(f"{NIC1}/vf0", "--mac", OTHER, code=5)
    checks.ok("attached to vm1 already" in out, "another address is refused meanwhile", out)
    checks.detach(VF0)
    checks.same(before, "the host is as before")


def knows(function):
    return "error" not in guest.call("GetFunction", function=function)


def vfs_of_the_operator(name):
    """Two VFs, of which the operator has set the second."""
    write(f"{PCI}{NIC1}/sriov_drivers_autoprobe", "0")
    write(f"{PCI}{NIC1}/sriov_numvfs", "2")
    ip = ["ip", "link", "set", "dev", name, "vf", "1"]
    subprocess.run([*ip, "mac", OTHER], check=True)
    subprocess.run([*ip, "vlan", "7", "qos", "5"], check=True)
    until(lambda: knows(VF1))


def no_vfs():
    write(f"{PCI}{NIC1}/sriov_numvfs", "0")
    write(f"{PCI}{NIC1}/sriov_drivers_autoprobe", "1")
    until(lambda: not knows(VF1))


def attached(function):
    return guest.state(function)["state"] == "attached"


def one_kill(number, moment, before, info):
    """tiod and its workers end in the middle of an attach, and recovery follows."""
    name = interface(NIC1)
    job = guest.background("attach", VF1, "--vm", "vm1", "--mac", MAC, "--vlan", "12",
                           "--vlan-qos", "3", "--trust", "on")
    time.sleep(moment)
    guest.kill()
    hit = vf_info(name, 1) != info
    job.communicate(timeout=60)
    guest.start(wait=60)
    guest.job_free()
    stays = attached(VF1)
    if stays:
        check_set(1, "what is attached has its settings", mac=MAC, vlan=12, qos=3, trust=True)
        guest.must("detach", VF1)
    found = vf_info(name, 1)
    checks.ok(found == info, f"kill {number} after {moment * 1000:.0f} ms: the settings are "
              "the operator's", info, found)
    checks.same(before, f"kill {number}: and the host is as before")
    return hit, stays


def igb_killed():
    """kill -9 at random moments of an attach that sets a VF."""
    name, chance = interface(NIC1), random.Random(SEED)
    vfs_of_the_operator(name)
    knob("connect_ms", 1500)  # between the settings and the end of the attach
    before, info = snapshot(), vf_info(name, 1)
    start = time.monotonic()
    guest.must("attach", VF1, "--vm", "vm1", "--mac", MAC, "--vlan", "12")
    takes = time.monotonic() - start
    guest.must("detach", VF1)
    seen = [one_kill(number, chance.uniform(0, 1.1 * takes), before, info)
            for number in range(KILLS)]
    checks.tap.note(f"{KILLS} kills (seed {SEED}): {sum(hit for hit, _ in seen)} with a VF that "
                    f"was set, {sum(stays for _, stays in seen)} ended attached")
    checks.ok(any(hit and not stays for hit, stays in seen),
              "some came when the VF was set and the attach not done", seen)
    knob("connect_ms", 0)
    no_vfs()


def igb_put_back():
    """VFs of the operator's, set by the operator: what was in force returns."""
    name = interface(NIC1)
    vfs_of_the_operator(name)
    before, info = snapshot(), vf_info(name, 1)
    checks.attach(VF1, "--mac", MAC, "--vlan", "0", "--trust", "on")
    check_set(1, "what was asked for replaces it", mac=MAC, trust=True)
    checks.ok((vf_info(name, 1).get("vlan_list") or [{}])[0].get("vlan", 0) == 0,
              "VLAN 0 is none", vf_info(name, 1))
    checks.detach(VF1)
    checks.ok(vf_info(name, 1) == info, "and returns with the detach", info, vf_info(name, 1))
    checks.same(before, "the host is as before")
    no_vfs()


def igb_refuses():
    """What igb cannot do takes everything back."""
    before = snapshot()
    out = checks.attach(f"{NIC1}/vf0", "--vfs", "2", "--mac", MAC, "--link-state", "enable",
                        code=6)
    checks.ok('cannot set "link state enable" of VF 0' in out, "igb has no link state of VFs",
              out)
    checks.same(before, "the host is as before a setting was refused")
    out = checks.attach(f"{NIC1}/vf0", "--vfs", "2", "--msix", "8", code=6)
    checks.ok("sriov_vf_total_msix is 0" in out, "igb shares out no vectors", out)
    out = checks.attach(f"{NIC1}/vf0", "--vfs", "2", "--mac", "03:00:00:00:00:01", code=2)
    checks.ok("multicast" in out, "a multicast address is refused", out)
    out = checks.attach(f"{NVME1}/vf0", "--vfs", "1", "--vlan", "12", code=6)
    checks.ok("it has none" in out, "a drive's VF has no VLAN", out)
    checks.same(before, "and what was refused changed nothing")


def igb_by_file():
    """[Network] of the VM's file."""
    before = snapshot()
    write(f"{CONFIG}/vms.d/net.conf", "[VM]\nMemory=256M\n[Network]\nVLAN=21\nTrust=on\n")
    guest.call("Reload")
    checks.attach(f"{NIC1}/vf0", "--vfs", "2", vm="net")
    check_set(0, "the file's settings are made", vlan=21, trust=True)
    checks.detach(VF0)
    checks.same(before, "the host is as before")


def netdevsim():
    """A driver with all settings, and an eswitch."""
    subprocess.run(["modprobe", "netdevsim"], check=True)
    write(SIM + "new_device", "1 1")
    folder = SIM + "devices/netdevsim1/"
    until(lambda: glob.glob(folder + "net/*"))
    settle()  # udev may give it another name
    name = os.path.basename(glob.glob(folder + "net/*")[0])
    write(folder + "sriov_numvfs", "3")

    code, out = probe("get", name, "2")
    checks.ok(code == 0 and "link state auto" in out, "netdevsim's VF is read", out)
    before = out
    code, out = probe("set", name, "2", "mac", MAC, "vlan", "12", "qos", "5", "vlanProtocol",
                      "802.1ad", "trust", "on", "spoofchk", "on", "linkState", "disable",
                      "minRate", "10", "maxRate", "100")
    wanted = (f"MAC address {MAC}, VLAN 12, VLAN priority 5, VLAN protocol 802.1ad, trust on, "
              "spoof check on, link state disable, least rate (Mbit/s) 10, highest rate "
              "(Mbit/s) 100")
    checks.ok(code == 0 and out == wanted, "all that there is can be set", code, out)
    info = vf_info(name, 2)
    checks.ok(info["address"] == MAC and info["vlan_list"][0] ==
              {"vlan": 12, "qos": 5, "protocol": "802.1ad"} and info["trust"] and
              info["link_state"] == "disable" and info["rate"]["max_tx"] == 100,
              "ip link shows the same", info)
    checks.ok(probe("get", name, "1")[1] == before, "the other VFs are as they were")
    code, out = probe("set", name, "2", "maxRate", "200")
    checks.ok("least rate (Mbit/s) 10, highest rate (Mbit/s) 200" in out,
              "what is not named stays", out)
    code, out = probe("get", name, "3")
    checks.ok(code == 1 and "knows no VF 3" in out, "there is no fourth", out)
    return name


def eswitch(name):
    """Legacy and switchdev, as devlink tells."""
    checks.ok(probe("eswitch", "netdevsim", "netdevsim1")[1] == "legacy", "it begins as legacy")
    code, out = probe("mac", "netdevsim", "netdevsim1", "1")
    checks.ok(code == 1 and "no devlink port for VF 1" in out, "without ports of VFs", out)
    subprocess.run(["devlink", "dev", "eswitch", "set", "netdevsim/netdevsim1", "mode",
                    "switchdev"], check=True)
    checks.ok(probe("eswitch", "netdevsim", "netdevsim1")[1] == "switchdev",
              "switchdev is seen as such")
    code, out = probe("mac", "netdevsim", "netdevsim1", "1")
    checks.ok(code == 1 and "keeps no address at the devlink port of VF 1" in out,
              "its port is found, and netdevsim keeps no address there", out)
    code, out = probe("mac", "netdevsim", "netdevsim1", "1", MAC)
    checks.ok(code == 1 and out.startswith("EOPNOTSUPP") and "netdevsim1/" in out,
              "an address is refused by the driver, not by us", out)
    checks.ok(probe("eswitch", "pci", NVME1)[1] == "legacy", "no devlink is legacy")
    done = subprocess.run(["setpriv", "--bounding-set=-net_admin", PROBE, "eswitch", "netdevsim",
                           "netdevsim1"], capture_output=True, text=True, check=False)
    checks.ok(done.stdout.startswith("unknown\nEPERM: devlink cannot be asked"),
              "without the right to ask it is unknown", done.stdout, done.stderr)
    write(SIM + "del_device", "1")


def main():
    guest.start()
    checks.ok("eswitch mode" in guest.must("show", NIC1), "show tells the eswitch mode")
    igb_by_attach()
    igb_put_back()
    igb_killed()
    igb_refuses()
    igb_by_file()
    eswitch(netdevsim())
    guest.stop()
    checks.tap.end()


main()
