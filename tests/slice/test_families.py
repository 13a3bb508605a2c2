# SPDX-License-Identifier: GPL-2.0-or-later
"""Several devices, several VFs, several VMs: in parallel where it may be, and back again.

After each story the host is byte for byte what it was before it.
"""

import json
import re

from checks import run_all, set_pci, until

GPU, AUDIO, OTHER_GPU = "0000:e1:00.0", "0000:e1:00.1", "0000:21:00.0"
NIC, DRIVE, BOOT = "0000:41:00.0", "0000:61:00.0", "0000:01:00.0"
FOUR = f"{GPU} {OTHER_GPU} {NIC}/vf2 {DRIVE}"
ATTACH_FOUR = f"attach {FOUR} --vfs 4 --with-companions --vm vm1"
GIVEN = [GPU, AUDIO, OTHER_GPU, "0000:21:00.1", "0000:22:00.0", "0000:41:00.3", DRIVE]


# The kernel numbers these in the order in which drivers bind, and cards go back in any order.
NUMBERED = re.compile(r"/(drm|sound)/|sys/dev/char/")


def without_numbers(text):
    return "\n".join(line for line in text.splitlines() if not NUMBERED.search(line))


def story(test, view=lambda text: text):
    """@test leaves the host, seen through @view, as it found it."""
    def run(checks):
        before = view(checks.host())
        test(checks)
        checks.same(before, view(checks.host()),
                    f"{test.__doc__}: afterwards the host is as it was")
    run.__name__ = test.__name__
    return run


def parallel_story(test):
    return story(test, without_numbers)


def jobs(checks):
    return checks.world.call("ListJobs")["parameters"]["jobs"]


def devices(text):
    """-device lines as (driver, {key: value})."""
    found = []
    for line in re.findall(r"-device (\S+)", text):
        driver, *options = line.split(",")
        found.append((driver, dict(option.split("=", 1) for option in options)))
    return found


def check_arguments(checks, text, hosts, what):
    ports = [keys for driver, keys in devices(text) if driver == "pcie-root-port"]
    cards = [keys for driver, keys in devices(text) if driver == "vfio-pci"]
    for key in ("id", "chassis", "slot", "addr"):
        values = [port[key] for port in ports]
        checks.tap.ok(len(set(values)) == len(ports), f"{what}: each root port has its own {key}",
                      values)
    names = [port["id"] for port in ports] + [card["id"] for card in cards]
    checks.tap.ok(len(set(names)) == len(names), f"{what}: each id is given once", names)
    checks.tap.ok(sorted(card["host"] for card in cards) == sorted(hosts),
                  f"{what}: each function is given once", cards)
    places = [(card["bus"], card.get("addr")) for card in cards]
    checks.tap.ok(len(set(places)) == len(places) and
                  {bus for bus, _ in places} == {port["id"] for port in ports},
                  f"{what}: each function has a place of its own behind a root port", places)
    checks.tap.ok(text.count("-object iommufd,") == 1 and
                  all(card["iommufd"] == "iommufd0" for card in cards),
                  f"{what}: all share one iommufd", text)


@parallel_story
def four_at_once(checks):
    """four cards by one command"""
    checks.sim.fault(path="sys/bus/pci/drivers/vfio-pci/bind", act="hang", nth=0)
    client = checks.world.background(*ATTACH_FOUR.split())
    rebinding = until(lambda: len([j for j in jobs(checks) if j["step"] == "rebind"]) == 4)
    checks.tap.ok(rebinding, "four cards are bound at the same time", jobs(checks))
    checks.sim("clear")
    out, err = client.communicate(timeout=60)
    checks.tap.ok(client.returncode == 0, "four cards are attached by one command", err)
    check_arguments(checks, out, GIVEN, "attach")
    args = checks.run("qemu vm1", 0)
    checks.tap.ok(args == out, "`tioctl qemu` prints what attach printed", args, out)
    whole = json.loads(checks.run("--json qemu vm1", 0))
    check_arguments(checks, " ".join(whole["handoff"]["arguments"]), GIVEN, "json")
    for function in GIVEN:
        checks.reaches(function, "attached", f"{function} is attached")
    checks.run("status", 0)
    checks.run("detach --vm vm1", 0, sentence="a VM's devices are detached by one command")


@parallel_story
def one_connect_at_a_time(checks):
    """connects that queue for the TSM"""
    rule = checks.sim.fault(path="*/tsm/connect", act="hang", nth=0)
    client = checks.world.background(*ATTACH_FOUR.split())
    queued = until(lambda: sorted(j["state"] for j in jobs(checks)) ==
                   ["running", "waiting", "waiting", "waiting"])
    checks.tap.ok(queued, "one connect runs and three wait for their turn", jobs(checks))
    until(lambda: checks.sim.hits(rule))  # a turn is also had to look at the link
    checks.tap.ok(checks.sim.hits(rule) == 1, "the kernel has one connect at a time",
                  checks.sim("faults"))
    checks.sim("clear")
    _, err = client.communicate(timeout=60)
    checks.tap.ok(client.returncode == 0, "all connects end well", err)
    checks.tap.ok("waits for its turn at tsm0" in err, "attach says what it waits for", err)
    checks.run(f"detach {FOUR}", 0)


@story
def one_of_two_is_refused(checks):
    """a command that is refused for one of its cards"""
    checks.run(f"attach {DRIVE} {BOOT} --vm vm1", 9,
               [f"{BOOT}: cannot unbind from nvme", "mounted on /data",
                f"{DRIVE} attached to vm1"], "exit 9 when one of two cards is refused",
               out=[f"host={DRIVE}"])
    checks.reaches(DRIVE, "attached", "the card that was not refused is attached")
    checks.reaches(BOOT, "idle", "the refused card is left alone")
    checks.run(f"detach {DRIVE}", 0)


@story
def one_of_two_fails(checks):
    """a command that fails for one of its cards"""
    checks.sim.fault(path=f"*{GPU}/tsm/connect", act="errno", errno="EIO", nth=0)
    checks.run(f"attach {DRIVE} {GPU} --vm vm1", 9,
               [f"{GPU}: ", "tsm/connect", f"{DRIVE} attached to vm1"],
               "exit 9 when one of two cards fails")
    checks.sim("clear")
    checks.reaches(GPU, "idle", "the card that failed is back where it was")
    checks.reaches(AUDIO, "incapable", "and so is its companion")
    checks.run(f"attach {GPU} --vm vm1", 0)
    checks.sim.fault(path=f"*{GPU}/tsm/disconnect", act="errno", errno="EIO", nth=0)
    checks.run(f"detach {GPU} {DRIVE}", 9, [GPU, "tsm/disconnect"],
               "exit 9 when one of two can't be detached")
    checks.sim("clear")
    checks.run(f"detach {GPU}", 0, sentence="detach can be asked for again")


@story
def all_fail(checks):
    """a command that fails for all of its cards"""
    checks.sim.fault(path="*/tsm/connect", act="errno", errno="EIO", nth=0)
    checks.run(f"attach {DRIVE} {GPU} --vm vm1", 1, [GPU, DRIVE], "exit 1 when all of them fail")
    checks.sim("clear")


@story
def vf_by_option(checks):
    """--vfs 8 --vf 3"""
    checks.run(f"attach {NIC} --vfs 8 --vf 3 --vm vm1", 0, sentence="--vfs 8 --vf 3",
               out=["host=0000:41:00.4,"])
    pf = checks.world.state(NIC)
    checks.tap.ok(pf["vfs"] == 8 and not pf["vfsAutoprobe"], "eight VFs, kept from host drivers",
                  pf)
    checks.tap.ok(pf["driver"] == "mlx5_core", "the PF keeps its driver")
    checks.reaches(f"{NIC}/vf3", "attached", "VF 3 is attached")
    checks.reaches(f"{NIC}/vf4", "connected", "VF 4 is not")
    checks.run(f"detach {NIC}/vf3", 0, ["undo enable-vfs", "undo stop-vf-autoprobe"])


@story
def several_vfs(checks):
    """--vf 0-2,5"""
    out = checks.run(f"attach {NIC} --vfs 8 --vf 0-2,5 --vm vm1", 0)
    hosts = [f"0000:41:00.{n}" for n in (1, 2, 3, 6)]
    check_arguments(checks, out, hosts, "four VFs")
    checks.run("detach --vm vm1", 0)


@story
def two_vms(checks):
    """VFs of two VMs"""
    checks.run(f"attach {NIC}/vf0 --vfs 2 --vm vm1", 0)
    checks.run(f"attach {NIC}/vf1 --vm vm2", 0, out=["host=0000:41:00.2,"],
               sentence="another VM gets another VF")
    checks.run(f"attach {NIC}/vf1 --vm vm1", 5, ["it is assigned to vm2"],
               "no VM gets a VF of another")
    _, _, err = checks.world.tioctl("detach", f"{NIC}/vf0")
    pf = checks.world.state(NIC)
    checks.tap.ok("enable-vfs" not in err and "connect-tsm" not in err and pf["vfs"] == 2 and
                  pf["link"] == "secure", "link and VFs stay while one VF is in use", err, pf)
    checks.reaches(f"{NIC}/vf1", "attached", "the other VM keeps its VF")
    checks.run("detach --vm vm2", 0, ["undo connect-tsm", "undo enable-vfs"],
               "link and VFs go with the last VF")


@story
def vfs_and_link_by_hand(checks):
    """VFs and a link that an administrator made"""
    set_pci(NIC, "sriov_drivers_autoprobe", "0")
    set_pci(NIC, "sriov_numvfs", "4")
    set_pci(NIC, "tsm/connect", "tsm0")
    checks.sees(NIC, "vfs", 4)
    before = checks.host()
    checks.run(f"attach {NIC}/vf1 --vm vm1", 0)
    checks.run(f"detach {NIC}/vf1", 0)
    checks.stays(before, "VFs, autoprobe and link made by hand stay after detach")
    set_pci(NIC, "tsm/disconnect", "tsm0")
    set_pci(NIC, "sriov_numvfs", "0")
    set_pci(NIC, "sriov_drivers_autoprobe", "1")
    checks.sees(NIC, "vfs", 0)


@story
def driver_by_hand(checks):
    """drivers and overrides as an administrator left them"""
    set_pci(DRIVE, "driver_override", "nvme")
    set_pci(GPU, "driver/unbind", GPU)
    before = checks.host()
    checks.run(f"attach {DRIVE} {GPU} --vm vm1", 0)
    checks.run("detach --vm vm1", 0)
    checks.stays(before, "an override stays, and what had no driver has none")
    set_pci(DRIVE, "driver_override", "\n")
    with open("/sys/bus/pci/drivers/nvidia/bind", "w", encoding="ascii") as file:
        file.write(GPU)


@story
def vfio_by_hand(checks):
    """a card that was bound to vfio-pci before"""
    set_pci(DRIVE, "driver_override", "vfio-pci")
    set_pci(DRIVE, "driver/unbind", DRIVE)
    with open("/sys/bus/pci/drivers_probe", "w", encoding="ascii") as file:
        file.write(DRIVE)
    before = checks.sim.snapshot()
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    checks.run(f"detach {DRIVE}", 0)
    checks.same(before, checks.sim.snapshot(), "it stays bound to vfio-pci after detach")
    set_pci(DRIVE, "driver_override", "\n")
    set_pci(DRIVE, "driver/unbind", DRIVE)
    with open("/sys/bus/pci/drivers/nvme/bind", "w", encoding="ascii") as file:
        file.write(DRIVE)


@story
def link_verbs(checks):
    """connect and disconnect"""
    before = checks.host()
    checks.run(f"connect {GPU}", 0, [f"{GPU} connected"])
    checks.tap.ok(checks.world.state(GPU)["state"] == "connected" and
                  checks.world.state(GPU)["link"] == "secure", "connect makes a secure link",
                  checks.world.state(GPU))
    checks.run(f"ide {GPU}", 0, out=["secure at both ends"], sentence="ide shows both ends")
    connected = checks.host()
    checks.run(f"connect {GPU}", 0, ["already connected, nothing to do"],
               "a second connect changes nothing")
    checks.stays(connected, "after a second connect the host is the same")
    checks.run(f"attach {GPU} --vm vm1", 0)
    checks.run(f"detach {GPU}", 0)
    checks.stays(connected, "detach keeps the link that connect made")
    checks.run(f"disconnect {GPU}", 0, [f"{GPU} disconnected"])
    checks.stays(before, "disconnect takes the link down")
    checks.run(f"disconnect {GPU}", 0, ["nothing to do"], "a second disconnect changes nothing")


@story
def link_by_hand(checks):
    """a link that an administrator made, and takes down by tiod"""
    set_pci(GPU, "tsm/connect", "tsm0")
    checks.run(f"attach {GPU} --vm vm1", 0)
    checks.run(f"detach {GPU}", 0)
    with open(f"/sys/bus/pci/devices/{GPU}/tsm/connect", encoding="ascii") as file:
        checks.tap.ok(file.read() == "tsm0\n", "the link is still there after detach")
    checks.run(f"disconnect {GPU}", 0, sentence="disconnect takes down what was made by hand")


@story
def nothing_of_a_vm(checks):
    """detach of a VM that has nothing"""
    checks.run("detach --vm vm2", 0, ["nothing to do"])


@story
def without_waiting(checks):
    """--wait=no"""
    out = checks.run(f"attach {DRIVE} {GPU} --vm vm1 --wait no", 0, ["tioctl jobs"],
                     "--wait no returns at once with the numbers of the jobs")
    checks.tap.ok(len(out.split()) == 2, "two cards are two jobs", out)
    for function in (DRIVE, GPU):
        checks.reaches(function, "attached", f"{function} ends attached")
    checks.run("detach --vm vm1", 0)
    checks.sim.fault(path=f"*{DRIVE}/tsm/connect", op="write", act="errno", errno="EIO")
    number = checks.run(f"attach {DRIVE} --vm vm1 --wait no", 0).split()[0]
    until(lambda: not jobs(checks))
    checks.sim("clear")
    checks.run("jobs -a", 0, [f"job {number}: ", "EIO"], out=[f"{number}\tattach", "\tfailed\t"],
               sentence="what became of a job that nobody waited for can be asked for")


@story
def cancelled(checks):
    """a job that is cancelled"""
    checks.sim.fault(path=f"*{DRIVE}/tsm/connect", act="hang")
    client = checks.world.background("attach", DRIVE, GPU, "--vm", "vm1")
    until(lambda: any(j["step"] == "connect-tsm" for j in jobs(checks)) and
          len(jobs(checks)) == 2)
    running = [j for j in jobs(checks) if j["family"] == DRIVE]
    checks.run(f"cancel {running[0]['id']}", 0)
    _, err = client.communicate(timeout=30)
    checks.tap.ok(client.returncode == 9 and "cancelled" in err and f"{GPU} attached" in err,
                  "a cancelled job is undone, the other one ends well", client.returncode, err)
    checks.sim("clear")
    checks.reaches(DRIVE, "idle", "the cancelled card is as it was")
    checks.run(f"detach {GPU}", 0)


@story
def detached_while_attaching(checks):
    """a detach that is asked for while the attach still runs"""
    for detach in (["detach", GPU], ["detach", "--vm", "vm1"]):
        checks.sim.fault(path=f"*{GPU}/tsm/connect", act="hang")
        first = checks.world.background("attach", GPU, "--vm", "vm1")
        checks.tap.ok(until(lambda: any(j["step"] == "connect-tsm" for j in jobs(checks))),
                      "an attach hangs")
        second = checks.world.background(*detach)
        checks.tap.ok(until(lambda: len(jobs(checks)) == 2), f"{' '.join(detach)} waits for it",
                      jobs(checks))
        checks.sim("clear")
        _, attached = first.communicate(timeout=30)
        _, detached = second.communicate(timeout=30)
        checks.tap.ok(first.returncode == 0 and second.returncode == 0, "both end well",
                      attached, detached)
        for function in (GPU, AUDIO):
            checks.tap.ok(f"undo rebind {function} done" in detached,
                          f"{function} goes back as well", detached)


TESTS = {"plain": [four_at_once, one_connect_at_a_time, one_of_two_is_refused, one_of_two_fails,
                   all_fail, vf_by_option, several_vfs, two_vms, vfs_and_link_by_hand,
                   driver_by_hand, vfio_by_hand, link_verbs, link_by_hand, nothing_of_a_vm, without_waiting,
                   cancelled, detached_while_attaching]}

if __name__ == "__main__":
    run_all(TESTS)
