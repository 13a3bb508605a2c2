# SPDX-License-Identifier: GPL-2.0-or-later
"""A card that has fallen off the bus while it is attached: it is there, and reads as all ones."""

from checks import run_all, set_pci, write

DRIVE, NIC, VF = "0000:61:00.0", "0000:41:00.0", "0000:41:00.1"


def fall_silent(checks, function):
    checks.sim("silent", function=function)
    set_pci(function, "uevent", "change")


def answer(checks, function):
    checks.sim("silent", function=function, on=False)
    checks.sim("clear")


def is_told(checks):
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    fall_silent(checks, DRIVE)
    checks.reaches(DRIVE, "degraded", "a card that doesn't answer isn't called attached")
    checks.run("status", 1, out=["degraded", "reads as all ones", "reset or reseat it"])
    checks.run(f"ide {DRIVE}", 0, out=["the card does not answer"])
    checks.run("list", 0, out=[DRIVE])


def goes_back_without_a_driver(checks):
    checks.sim.fault(path="sys/bus/pci/drivers/nvme/bind", op="write", nth=0, act="errno",
                     errno="ENODEV")
    checks.run(f"detach {DRIVE}", 0, words=["does not answer", "it has no driver now",
                                           "echo 1 > /sys/bus/pci/rescan"],
               sentence="detach says that its driver doesn't start")
    state = checks.world.state(DRIVE)
    checks.tap.ok((state["state"], state["driver"], state["tsm"], state["driverOverride"]) ==
                  ("idle", "", "", ""), "and leaves it to nobody, without a link", state)
    answer(checks, DRIVE)
    write("/sys/bus/pci/drivers_probe", DRIVE)
    checks.sees(DRIVE, "driver", "nvme")


def keeps_one_that_answers(checks):
    checks.run(f"attach {DRIVE} --vm vm1", 0)
    checks.sim.fault(path="sys/bus/pci/drivers/nvme/bind", op="write", nth=0, act="errno",
                     errno="ENODEV")
    checks.run(f"detach {DRIVE}", 1, words=["everything is as it was before"],
               sentence="a card that answers stays where it was when its driver doesn't start")
    checks.reaches(DRIVE, "attached", "and is attached")
    checks.sim("clear")
    checks.run(f"detach {DRIVE}", 0)


def vf_of_a_silent_card(checks):
    """The VF itself has no stream: its PF's tells."""
    checks.run(f"attach {NIC}/vf0 --vfs 1 --vm vm1", 0)
    fall_silent(checks, NIC)
    checks.reaches(VF, "degraded", "so is a VF of a card that doesn't answer")
    checks.run(f"detach {VF}", 0, sentence="and it is taken back")
    answer(checks, NIC)
    state = checks.world.state(NIC)
    checks.tap.ok((state["state"], state["driver"], state["vfs"], state["tsm"]) ==
                  ("idle", "mlx5_core", 0, ""), "its card is as before", state)


TESTS = {"plain": [is_told, goes_back_without_a_driver, keeps_one_that_answers,
                   vf_of_a_silent_card]}

if __name__ == "__main__":
    run_all(TESTS)
