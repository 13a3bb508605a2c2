# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens by itself: rules at boot and on hot-plug, and reservations that come back."""

import json
import os

import world
from checks import VARIANT, run_all, until, write

GPU, NIC, DRIVE, BOOT_DRIVE = "0000:e1:00.0", "0000:41:00.0", "0000:61:00.0", "0000:01:00.0"
SPARE, ELSEWHERE = "0000:81:00.0", "0000:41:00.0"
RULES = world.CONFIG + "/rules.d"


def rule(checks, name, text):
    os.makedirs(RULES, exist_ok=True)
    write(f"{RULES}/{name}.conf", text)
    checks.world.tioctl("reload")


def no_rules(checks):
    for name in os.listdir(RULES) if os.path.isdir(RULES) else ():
        os.unlink(f"{RULES}/{name}")
    checks.world.tioctl("reload")


def boot(checks):
    """tiod starts as after a boot: nothing in /run."""
    checks.world.stop()
    for folder, _, files in os.walk(world.RUNTIME, topdown=False):
        for name in files:
            os.unlink(os.path.join(folder, name))
    checks.world.start()


def reboot(checks, *vfs):
    """As boot(), and the NIC has lost its VFs, of which @vfs are bound, and its link."""
    checks.world.stop()
    for vf in vfs:
        write(f"/sys/bus/pci/devices/{NIC}/{vf}/driver/unbind",
              os.path.basename(os.path.realpath(f"/sys/bus/pci/devices/{NIC}/{vf}")))
    write(f"/sys/bus/pci/devices/{NIC}/sriov_numvfs", "0")
    write(f"/sys/bus/pci/devices/{NIC}/sriov_drivers_autoprobe", "1")
    write(f"/sys/bus/pci/devices/{NIC}/tsm/disconnect", "tsm0")
    boot(checks)


def quiet(checks):
    """Until no job runs any more."""
    return until(lambda: not checks.world.call("ListJobs")["parameters"]["jobs"])


def failed(checks, function):
    """The sentence of the last failure of @function, once there is one."""
    error = until(lambda: checks.state(function) and checks.world.state(function)["error"])
    return error["sentence"] if error else ""


def unplug(checks, function):
    checks.sim("unplug", function=function)
    until(lambda: checks.state(function) in ("", "absent"))


# --- Hot-plug ---

def plugged(checks):
    rule(checks, "50-gpu", "[Match]\nVendor=0x10de\nSlot=8\n[Attach]\nVM=vm1\nOn=hotplug\n")
    others = [checks.state(f) for f in (GPU, NIC, DRIVE)]
    checks.sim("plug", name="spare-gpu")
    checks.reaches(SPARE, "attached", "a card that a rule names is attached when it comes")
    status = checks.world.state(SPARE)
    checks.tap.ok(status["assignment"]["vm"] == "vm1" and
                  status["assignment"]["named"] == "slot:8",
                  "for the rule's VM, reserved by what the rule names", status["assignment"])
    checks.tap.ok([checks.state(f) for f in (GPU, NIC, DRIVE)] == others,
                  "other cards are left alone")
    checks.run("wait --timeout 5", 0, sentence="tioctl wait: all that is reserved is attached")
    unplug(checks, SPARE)
    checks.run("wait --vm vm1", 1, [SPARE, "absent"],
               "tioctl wait: what is absent is told, and nobody is at work on it")
    checks.sim("plug", name="spare-gpu")
    checks.reaches(SPARE, "attached", "unplugged and plugged again it is attached again")
    checks.run(f"detach {SPARE}", 0)
    checks.tap.ok(quiet(checks) and checks.state(SPARE) == "idle",
                  "detached by hand it stays so: it did not come anew")
    unplug(checks, SPARE)
    no_rules(checks)


def not_named(checks):
    rule(checks, "50-gpu", "[Match]\nVendor=0x10de\nSlot=9\n[Attach]\nVM=vm1\nOn=hotplug\n")
    rule(checks, "60-boot", "[Match]\nSlot=8\n[Attach]\nVM=vm1\nOn=boot\n")
    checks.sim("plug", name="spare-gpu")
    checks.reaches(SPARE, "idle", "a card that no rule names on hot-plug is left alone")
    checks.tap.ok(quiet(checks) and checks.state(SPARE) == "idle", "and stays so")
    unplug(checks, SPARE)
    no_rules(checks)


def first_one(checks):
    rule(checks, "50-one", "[Match]\nSlot=8\n[Attach]\nVM=vm2\nOn=hotplug\n")
    rule(checks, "60-two", "[Match]\nVendor=0x10de\nSlot=8\n[Attach]\nVM=vm1\nOn=hotplug\n")
    checks.sim("plug", name="spare-gpu")
    checks.reaches(SPARE, "attached", "two rules fit")
    checks.tap.ok(checks.world.state(SPARE)["assignment"]["vm"] == "vm2",
                  "the first one decides")
    checks.run("rules check", 0, ["60-two.conf", "50-one decides about " + SPARE],
               "rules check tells of the second")
    checks.run(f"detach {SPARE}", 0)
    unplug(checks, SPARE)
    no_rules(checks)


def connect_and_report(checks):
    rule(checks, "50-link", "[Match]\nSlot=8\n[Connect]\nOn=hotplug\n")
    checks.sim("plug", name="spare-gpu")
    checks.reaches(SPARE, "connected", "a rule can connect the link and no more")
    checks.run(f"disconnect {SPARE}", 0)
    unplug(checks, SPARE)
    no_rules(checks)
    rule(checks, "50-tell", "[Match]\nSlot=8\n[Report]\nOn=hotplug\n")
    checks.sim("plug", name="spare-gpu")
    checks.reaches(SPARE, "idle", "or only report it")
    checks.tap.ok(until(lambda: "rule 50-tell (hotplug): report it" in checks.world.log_text()),
                  "in the log", checks.world.log_text())
    unplug(checks, SPARE)
    no_rules(checks)


def policy(checks):
    conf = f"{world.CONFIG}/tiod.conf"
    write(conf, "[Daemon]\nInsertedDevices=connect\n")
    checks.world.tioctl("reload")
    checks.sim("plug", name="spare-gpu")
    checks.reaches(SPARE, "connected",
                   "InsertedDevices=connect: without a rule it is connected")
    checks.run(f"disconnect {SPARE}", 0)
    unplug(checks, SPARE)
    write(conf, "[Daemon]\n")
    checks.world.tioctl("reload")


# --- Another slot ---

def parked_card():
    """The functions of the spare card, as they would be in the NIC's slot."""
    with open(os.environ["SLICE_HOST"], encoding="ascii") as file:
        card = json.load(file)["parked"]["spare-gpu"]["functions"]
    for one in card:
        one["address"] = one["address"].replace("0000:81:", "0000:41:")
    return card


def other_slot(checks):
    checks.sim("plug", name="spare-gpu")
    checks.reaches(SPARE, "idle", "the card is in its slot")
    serial = checks.world.state(SPARE)["serial"]
    unplug(checks, SPARE)
    rule(checks, "50-mine", f"[Match]\nSerial={serial}\n[Attach]\nVM=vm1\nOn=hotplug\n")
    checks.sim("plug", name="spare-gpu")
    checks.reaches(SPARE, "attached", "a rule finds a card by its serial number")
    checks.run("rules test " + SPARE, 0, out=["50-mine", "reserved for vm1"])
    unplug(checks, SPARE)
    unplug(checks, NIC)
    checks.sim("plug", below="0000:40:01.1", functions=parked_card())
    checks.reaches(ELSEWHERE, "attached", "in another slot it is found by that and attached")
    functions = checks.world.call("GetStatus", vm="vm1")["parameters"]["functions"]
    checks.tap.ok([f["address"] for f in functions] == [ELSEWHERE],
                  "and nothing stays reserved at the old address", functions)
    checks.run(f"detach {ELSEWHERE}", 0)
    no_rules(checks)


def moved_without_vm(checks):
    """The VM's file is gone when the card turns up elsewhere: the reservation must not be."""
    write(f"{world.CONFIG}/vms.d/late.conf", "[VM]\nMemory=1G\n")
    checks.sim("plug", name="spare-gpu")
    checks.reaches(SPARE, "idle", "the card is in its slot")
    serial = checks.world.state(SPARE)["serial"]
    checks.world.tioctl("reload")
    checks.run(f"attach serial:{serial} --vm late", 0)
    unplug(checks, SPARE)
    os.unlink(f"{world.CONFIG}/vms.d/late.conf")
    checks.world.tioctl("reload")
    unplug(checks, NIC)
    rule(checks, "50-thief", f"[Match]\nSerial={serial}\n[Attach]\nVM=vm1\nOn=hotplug,boot\n")
    checks.sim("plug", below="0000:40:01.1", functions=parked_card())
    checks.tap.ok("late" in failed(checks, ELSEWHERE),
                  "without the VM's file it is not attached", checks.world.state(ELSEWHERE))
    checks.tap.ok((checks.world.state(ELSEWHERE)["assignment"] or {}).get("vm") == "late",
                  "but reserved for that VM at its new address",
                  checks.world.state(ELSEWHERE)["assignment"])
    checks.run("wait --vm late", 1, [ELSEWHERE, "late"], "tioctl wait fails and says why")
    checks.world.tioctl("reload")
    checks.tap.ok(quiet(checks) and checks.world.state(ELSEWHERE)["assignment"]["vm"] == "late",
                  "no rule takes it meanwhile")
    write(f"{world.CONFIG}/vms.d/late.conf", "[VM]\nMemory=1G\n")
    checks.world.tioctl("reload")
    checks.reaches(ELSEWHERE, "attached", "with the file back it is attached")
    checks.run("wait --vm late", 0)
    checks.run(f"detach {ELSEWHERE}", 0)
    no_rules(checks)


# --- What cannot be done ---

def refused(checks):
    rule(checks, "50-drive",
         f"[Match]\nAddress={BOOT_DRIVE}\n[Attach]\nVM=vm1\nOn=boot\n")
    before = checks.host()
    boot(checks)
    sentence = failed(checks, BOOT_DRIVE)
    checks.tap.ok("is mounted on" in sentence, "a drive that is in use is refused and told",
                  sentence)
    checks.tap.ok(checks.world.state(BOOT_DRIVE)["assignment"] is None, "and not reserved")
    checks.stays(before, "and nothing has changed")
    no_rules(checks)


def no_vm_yet(checks):
    rule(checks, "50-late", "[Match]\nSlot=8\n[Attach]\nVM=late\nOn=hotplug\n")
    checks.run("rules check", 1, ["50-late.conf", 'no file describes the VM "late"'])
    checks.sim("plug", name="spare-gpu")
    checks.tap.ok("late" in failed(checks, SPARE), "a VM without a file is told",
                  checks.world.state(SPARE))
    write(f"{world.CONFIG}/vms.d/late.conf", "[VM]\nMemory=1G\n")
    checks.world.tioctl("reload")
    checks.reaches(SPARE, "attached", "once its file is there, reload attaches")
    checks.tap.ok(checks.world.state(SPARE)["error"] is None, "and the failure is forgotten")
    checks.run(f"detach {SPARE}", 0)
    unplug(checks, SPARE)
    os.unlink(f"{world.CONFIG}/vms.d/late.conf")
    no_rules(checks)


def broken(checks):
    rule(checks, "50-gpu", "[Match]\nSlot=8\n[Attach]\nVM=vm1\nOn=hotplug\n")
    rule(checks, "50-gpu", "[Match]\nSlot=8\n[Attach]\nVM=vm1\nOn=sometimes\n")
    checks.run("rules check", 1, [f"{RULES}/50-gpu.conf:5: On=sometimes"],
               "rules check says file and line")
    code, _, err = checks.world.tioctl("reload")
    checks.tap.ok("50-gpu.conf:5" in err, "reload too", code, err)
    checks.sim("plug", name="spare-gpu")
    checks.reaches(SPARE, "attached", "a rule that was broken later is in force as it was")
    checks.run(f"detach {SPARE}", 0)
    unplug(checks, SPARE)
    no_rules(checks)


def explained(checks):
    rule(checks, "50-other", "[Match]\nVendor=0x8086\n[Report]\nOn=boot\n")
    rule(checks, "60-drive", f"[Match]\nAddress={DRIVE}\n[Attach]\nVM=vm1\nOn=hotplug\n")
    checks.run(f"rules test {DRIVE}", 0, out=[
        "Vendor=0x8086, but it is 0x144d", "on hotplug: attach it to vm1",
        "at boot: no rule; such cards: ignore", "when plugged in: rule 60-drive decides"])
    checks.run("rules", 0, out=["50-other", "60-drive", "attach it to vm1",
                                "at boot ignore, when plugged in ignore"])
    checks.run("rules test 0000:ff:00.0", 4, ["0000:ff:00.0"])
    checks.run("rules frobnicate", 2, ["test DEV"])
    no_rules(checks)


# --- Boot ---

def booted(checks):
    before = checks.host()
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    checks.run(f"detach {DRIVE}", 0)
    rule(checks, "50-nic", f"[Match]\nAddress={NIC}\n"
                           "[Attach]\nVM=vm2\nFunction=vf\nVFs=2\nOn=boot\n")
    checks.world.stop()
    checks.world.start()
    checks.tap.ok(quiet(checks) and checks.state(NIC) == "idle", "a restart of tiod is no boot")
    boot(checks)
    checks.run("wait --timeout 20", 0, sentence="boot: tioctl wait returns when it is done")
    names = sorted(f["assignment"]["named"] for f in
                   checks.world.call("GetStatus", vm="vm2")["parameters"]["functions"])
    checks.tap.ok(names == [f"{NIC}/vf0", f"{NIC}/vf1"], "a rule gives two VFs at boot", names)
    checks.run("detach --vm vm2", 0)
    no_rules(checks)
    checks.stays(before, "and all goes back")


def killed_at_boot(checks):
    """tiod dies while it brings things up: the next start begins anew."""
    rule(checks, "50-drive", f"[Match]\nAddress={DRIVE}\n[Attach]\nVM=vm1\nOn=boot\n")
    hang = checks.sim.fault(path="*vfio-pci/bind", act="hang", nth=1)
    boot(checks)
    until(lambda: any(f["hanging"] for f in checks.sim("faults")["faults"]))
    checks.tap.ok(checks.sim.hits(hang) == 1, "tiod dies in the middle of a boot's attach")
    checks.world.kill()
    checks.sim("clear")
    checks.world.start()
    checks.run("wait --timeout 20", 0, sentence="the next start makes it")
    checks.reaches(DRIVE, "attached", "and it is attached")
    checks.run(f"detach {DRIVE}", 0)
    no_rules(checks)


def only_its_occasion(checks):
    """What failed at boot is tried again as at boot, and not as if it had been plugged in."""
    rule(checks, "10-hot", f"[Match]\nAddress={DRIVE}\n[Attach]\nVM=vm1\nOn=hotplug\n")
    rule(checks, "20-boot", f"[Match]\nAddress={DRIVE}\n[Attach]\nVM=nofile\nOn=boot\n")
    boot(checks)
    checks.tap.ok("nofile" in failed(checks, DRIVE), "a rule for boot fails",
                  checks.state(DRIVE))
    checks.run("wait", 1, ["nofile"], "and tioctl wait, too")
    checks.world.tioctl("reload")
    checks.tap.ok(quiet(checks) and checks.world.state(DRIVE)["assignment"] is None,
                  "reload tries it again, and not the rule for hot-plug")
    checks.run(f"connect {DRIVE}", 0)
    checks.run(f"disconnect {DRIVE}", 0)
    checks.run("wait", 0, sentence="what an admin does with the card ends the tries")
    no_rules(checks)


def only_who_asked(checks):
    """tiod makes a link anew by itself: what failed on its card is still to be tried again."""
    late = f"{world.CONFIG}/vms.d/late.conf"
    write(late, "[VM]\nMemory=1G\n")
    checks.world.tioctl("reload")
    checks.run(f"attach {NIC}/vf0 --vfs 2 --vm vm1", 0)
    checks.run(f"attach {NIC}/vf1 --vm late", 0)
    os.unlink(late)
    reboot(checks, "virtfn0", "virtfn1")
    checks.run("wait", 1, ["late"], "what is reserved for a VM without a file fails")
    checks.sim("tsm-remove")
    checks.reaches(f"{NIC}/vf0", "degraded", "its card's link goes with the TSM")
    checks.sim("tsm-add")
    checks.reaches(f"{NIC}/vf0", "attached", "and tiod makes it anew")
    checks.tap.ok(quiet(checks) and "reconnected" in checks.world.log_text(),
                  "by a job of its own", checks.world.log_text())
    checks.run("wait", 1, ["late"], "which is no reason to forget what failed")
    write(late, "[VM]\nMemory=1G\n")
    checks.world.tioctl("reload")
    checks.run("wait --timeout 20", 0, sentence="with the file back it is done")
    checks.run("detach --vm late", 0)
    checks.run("detach --vm vm1", 0)
    os.unlink(late)
    checks.world.tioctl("reload")


def saved(checks):
    """VFs of two VMs and a drive come up again after a boot, without any rule."""
    before = checks.host()
    checks.run(f"attach {NIC}/vf0 --vfs 3 --vm vm1", 0)
    checks.run(f"attach {NIC}/vf2 --vm vm2", 0)
    reboot(checks, "virtfn0", "virtfn2")
    checks.run("wait --timeout 20", 0, sentence="saved: what was attached comes up again")
    checks.tap.ok(checks.world.state(NIC)["vfs"] == 3, "with as many VFs as there were",
                  checks.world.state(NIC)["vfs"])
    checks.run("detach --vm vm1", 0)
    checks.run("detach --vm vm2", 0)
    checks.stays(before, "and goes back")


def late_tsm(checks):
    """The TSM comes after tiod: what a rule could not do at boot is done then."""
    rule(checks, "50-drive", f"[Match]\nAddress={DRIVE}\n[Attach]\nVM=vm1\nOn=boot\n")
    boot(checks)
    checks.tap.ok("no TSM" in failed(checks, DRIVE),
                  "without a TSM the rule's attach is refused", checks.world.state(DRIVE))
    checks.run("wait --timeout 1", 8, ["no TSM"], "tioctl wait waits for the TSM, too")
    waiting = checks.world.background("wait")
    checks.sim("tsm-add")
    checks.reaches(DRIVE, "attached", "when it comes, the attach is made up for")
    checks.tap.ok(waiting.wait(60) == 0, "and who waited goes on", waiting.returncode)
    no_rules(checks)
    checks.run(f"detach {DRIVE}", 0)
    reserved_without_tsm(checks)


def reserved_without_tsm(checks):
    """What is reserved waits for the TSM; given up after that it is not taken again."""
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    checks.world.stop()
    checks.sim("tsm-remove")
    boot(checks)
    checks.tap.ok(failed(checks, DRIVE), "a reserved drive waits for the TSM",
                  checks.world.state(DRIVE))
    checks.sim("tsm-add")
    checks.reaches(DRIVE, "attached", "and is attached when it comes")
    quiet(checks)
    checks.run(f"detach {DRIVE}", 0)
    checks.sim("tsm-remove")
    checks.sim("tsm-add")
    checks.world.tioctl("reload")
    checks.tap.ok(quiet(checks) and checks.world.state(DRIVE)["assignment"] is None,
                  "given up it stays so when the TSM comes again", checks.world.state(DRIVE))


TESTS = {
    "plain": [plugged, not_named, first_one, connect_and_report, policy, refused, no_vm_yet,
              broken, explained, booted, killed_at_boot, only_its_occasion, only_who_asked,
              saved, other_slot],
    "moved": [moved_without_vm],
    "late-tsm": [late_tsm],
}

if __name__ == "__main__":
    run_all(TESTS)
