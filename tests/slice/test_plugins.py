# SPDX-License-Identifier: GPL-2.0-or-later
"""Vendor plugins on a simulated host: the good ones, and those that do harm.

Whatever a plugin does, the device it speaks for is refused with a sentence, the host is byte
for byte what it was, the same tiod goes on and brings other devices up and back.
"""

import json
import os
import shutil
import time

import world
from checks import run_all

BUILT = world.PLUGINS
BAD = os.environ["TIOD_BAD_PLUGINS"]
FOLDER = "/run/tiod-test-plugins"
GPU, AUDIO, NIC, DRIVE = "0000:e1:00.0", "0000:e1:00.1", "0000:41:00.0", "0000:61:00.0"
VENDORS = ["amd", "broadcom", "generic", "intel", "mellanox", "nvidia", "nvme"]

world.PLUGINS = FOLDER

# What it does when asked, and what is said then.
HARMS = [
    ("crash", "asked about \"harm\", was ended by signal 11 (SIGSEGV)"),
    ("loop", "asked about \"harm\", did not come back within 5 s"),
    ("allocate", "asked about \"harm\", "),
    ("leave", "asked about \"harm\", ended by itself with status 0"),
    ("rubbish", "asked about \"harm\", gave an answer that makes no sense"),
    ("silent", "asked about \"harm\", gave an answer that makes no sense"),
    ("babble", "asked about \"harm\", "),
    ("hang-up", "asked about \"harm\", "),
]

# What is wrong with the file, its mode, and what is said of it.
FILES = [
    ("sample-abi", 0o644, "x.so is for plugin interface 99, tiod has 1"),
    ("sample-size", 0o644, "x.so: its tio_plugin has 8 bytes"),
    ("sample-name", 0o644, "x.so: its plugin has no proper name"),
    ("sample-nomatch", 0o644, "x.so: plugin sample matches no device"),
    ("sample-symbol", 0o644, "x.so has no tio_plugin"),
    ("sample-good", 0o666, "x.so may be written to by others than its owner (0666)"),
    ("bad-wild-name", 0o644, "x.so, while it was loaded, was ended by signal 11 (SIGSEGV)"),
    ("bad-load-crash", 0o644, "x.so, while it was loaded, was ended by signal 11 (SIGSEGV)"),
    ("bad-load-loop", 0o644, "x.so, while it was loaded, did not come back within 5 s"),
]


def install(names, bad=None, mode=0o644):
    """Makes FOLDER hold the built plugins @names and @bad as x.so."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.mkdir(FOLDER, 0o755)
    for name in names:
        shutil.copy(f"{BUILT}/{name}.so", FOLDER)
        os.chmod(f"{FOLDER}/{name}.so", 0o644)
    if bad:
        shutil.copy(f"{BAD}/{bad}.so", f"{FOLDER}/x.so")
        os.chmod(f"{FOLDER}/x.so", mode)


def listed(c):
    reply = c.world.call("ListPlugins")
    return {plugin["file"]: plugin for plugin in reply["parameters"]["plugins"]}


def each_vendor_speaks_for_its_own(c):
    install(VENDORS)
    plugins = listed(c)
    c.tap.ok(sorted(p["name"] for p in plugins.values()) == VENDORS, "all plugins are listed",
             plugins)
    for file, function in [("nvidia.so", GPU), ("mellanox.so", NIC), ("nvme.so", DRIVE),
                           ("generic.so", AUDIO)]:
        c.tap.ok(function in plugins[file]["functions"], f"{file} speaks for {function}",
                 plugins[file])
    everything = [f for p in plugins.values() for f in p["functions"]]
    c.tap.ok(len(everything) == len(set(everything)), "no function has two plugins", everything)
    c.run("plugins", 0, out=["nvidia.so", GPU, "persistence"],
          sentence="tioctl plugins shows them")
    code, out, _ = c.world.tioctl("plugins", "--json")
    c.tap.ok(code == 0 and len(json.loads(out)["plugins"]) == len(VENDORS),
             "tioctl plugins --json has them all", out)


def what_a_plugin_tells_is_a_note_of_the_plan(c):
    install(VENDORS)
    c.run(f"plan {DRIVE}/vf0 --vfs 1 --vm vm1", 0, out=["plugin nvme: ", "virt-mgmt"],
          sentence="a drive's VF is said to come up offline")
    c.run(f"plan {GPU} --vm vm1", 0, out=["plugin nvidia: nvidia-persistenced must not hold"],
          sentence="nvidia-persistenced is told")


def a_plugins_companions_go_along(c):
    install(VENDORS)
    before = c.host()
    c.run(f"attach {GPU} --vm vm1", 0, sentence="a GPU is attached")
    c.tap.ok(c.state(AUDIO) == "attached", "its sound went along", c.state(AUDIO))
    attached = c.host()
    c.run(f"attach {AUDIO} --vm vm1", 0, [f"{AUDIO} goes along with {GPU}", "already"],
          "the sound asked for by its own name is there already")
    c.stays(attached, "and nothing is changed")
    c.refused(f"attach {AUDIO} --vm vm2", 5, ["it is assigned to vm1"],
              "another VM does not get it")
    c.run(f"detach {GPU}", 0, sentence="both go back")
    c.stays(before, "the GPU is back as it was")


def harm_refuses_the_device_and_nothing_else(c):
    pid = c.world.daemon.pid
    for name, why in HARMS:
        install(VENDORS, f"bad-{name}")
        c.refused(f"attach {DRIVE} --vm vm1", 6, [DRIVE, f"plugin bad, {why}", "x.so"],
                  f"a plugin that does \"{name}\" refuses its device")
        c.run(f"plan {NIC} --vm vm1", 0, sentence=f"another device is not touched by {name}")
    c.tap.ok(c.world.alive() and c.world.daemon.pid == pid, "it is still the same tiod")


def an_endless_text_is_harmless(c):
    install(VENDORS, "bad-endless")
    c.refused(f"attach {DRIVE} --vm vm1", 6, [DRIVE, "plugin bad: ????"],
              "text without an end is cut, and no terminal obeys it")
    _, _, err = c.world.tioctl("attach", DRIVE, "--vm", "vm1")
    c.tap.ok("\033" not in err and len(err) < 2000, "it is short and plain", err)


def what_a_plugin_may_look_at(c):
    install(VENDORS, "bad-pry")
    c.refused(f"attach {DRIVE} --vm vm1", 6, ["vendor 0x144d, pried into none"],
              "a plugin reads its own function's attributes and opens nothing")


def going_back_needs_no_plugin(c):
    install(VENDORS, "bad-fine")
    before = c.host()
    c.run(f"attach {DRIVE} --vm vm1", 0, sentence="a plugin that finds nothing lets it pass")
    for name in ["bad-crash", "bad-load-crash"]:
        install(VENDORS, name)
    c.run(f"detach {DRIVE}", 0, sentence="a plugin that has gone bad does not hold it back")
    c.stays(before, "the drive is back as it was")
    install(VENDORS, "bad-fine")
    c.run(f"attach {DRIVE} --vm vm1", 0, sentence="it is attached again")
    os.chmod(FOLDER, 0o777)
    c.run(f"detach {DRIVE}", 0, sentence="nor does a folder that cannot be trusted")
    c.stays(before, "the drive is back once more")


def a_file_that_is_no_use_is_not_passed_over(c):
    for name, mode, why in FILES:
        install(["generic"], name, mode)
        c.refused(f"attach {DRIVE} --vm vm1", 6, [DRIVE, why, "remove x.so"],
                  f"{name}, {mode:o}: what may be its device is refused")
        got = listed(c)["x.so"]
        c.tap.ok(why in (got["refusal"] or ""), f"{name}, {mode:o}: ListPlugins says why", got)
    c.run("plugins", 6, ["not used: ", "x.so"], out=["generic"],
          sentence="tioctl plugins warns of it")
    install(VENDORS, "sample-abi")
    c.run(f"plan {DRIVE} --vm vm1", 0, sentence="a device with a plugin of its own goes on")


def a_folder_that_others_may_write_to(c):
    install(VENDORS)
    os.chmod(FOLDER, 0o777)
    for args in [f"attach {DRIVE} --vm vm1", "plugins"]:
        c.refused(args, 6, ["plugins cannot be used", "may be written to by others", FOLDER],
                  f"{args}: a folder that others may write to is not looked into")


def no_plugins_at_all(c):
    shutil.rmtree(FOLDER)
    before = c.host()
    c.run(f"attach {DRIVE} --vm vm1", 0, sentence="a device is brought up without plugins")
    c.run(f"detach {DRIVE}", 0, sentence="and goes back")
    c.stays(before, "without plugins: all is as it was")


def a_flood_of_questions(c):
    """Several at once, while one plugin hangs."""
    install(VENDORS, "bad-loop")
    slow = c.world.background("attach", DRIVE, "--vm", "vm1")
    time.sleep(0.5)
    c.run("status", 0, sentence="status answers while a plugin hangs")
    c.run(f"plan {NIC} --vm vm2", 0, sentence="another family is planned while a plugin hangs")
    slow.communicate(timeout=30)
    c.tap.ok(slow.returncode == 6, "the one that hangs is refused", slow.returncode)


TESTS = [each_vendor_speaks_for_its_own, what_a_plugin_tells_is_a_note_of_the_plan,
         a_plugins_companions_go_along, harm_refuses_the_device_and_nothing_else,
         an_endless_text_is_harmless, what_a_plugin_may_look_at, going_back_needs_no_plugin,
         a_file_that_is_no_use_is_not_passed_over, a_folder_that_others_may_write_to,
         no_plugins_at_all, a_flood_of_questions]

if __name__ == "__main__":
    run_all({"plain": TESTS})
