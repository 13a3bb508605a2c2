# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver that takes 20 s for its VFs: that is told meanwhile, and more VFs may take longer.

The limit is 15 s and one more for each VF: 20 s are too long for one, and not for sixteen.
"""

import re

import world
from checks import run_all, until

NIC, VF = "0000:41:00.0", "0000:41:00.1"
world.PLUGINS = ""  # a vendor's plugin may know of a longer time


def many_may_take_longer(checks):
    before = checks.host()
    code, _, err = checks.world.tioctl("attach", f"{NIC}/vf0", "--vfs", "16", "--vm", "vm1",
                                       timeout=120)
    checks.tap.ok(code == 0, "sixteen VFs that take 20 s are waited for", code, err)
    checks.tap.ok(re.search(rf"enable-vfs {NIC} goes on, \d+ s", err),
                  "and a line tells that it goes on", err)
    checks.run(f"detach {VF}", 0)
    checks.stays(before, "the host is as before")


def one_may_not(checks):
    before = checks.host()
    code, _, err = checks.world.tioctl("attach", f"{NIC}/vf0", "--vfs", "1", "--vm", "vm1",
                                       timeout=120)
    checks.tap.ok(code == 8 and "enable-vfs" in err, "one VF that takes 20 s is given up", code,
                  err)
    # The write goes on in the kernel; tiod undoes it when that lets go.
    until(lambda: checks.host() == before, wait=60)
    checks.stays(before, "the host is as before when the kernel has let go")
    checks.reaches(NIC, "idle", "and the card is free again", wait=60)


run_all({"slow-vfs": [many_may_take_longer, one_may_not]})
