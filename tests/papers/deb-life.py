# SPDX-License-Identifier: GPL-2.0-or-later
"""A package's life in a small Debian: deb-life.py ROOT OLD NEW, within a simulated host.

ROOT is a folder with that Debian, OLD a package of a lower version.  tiod runs in it, started
and stopped by the package's own scripts, and an attached device must outlive all that they do.
Prints TAP.
"""

import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "slice"))

from world import Sim, Tap, diff  # noqa: E402

ROOT, OLD, NEW = sys.argv[1:4]
DRIVE = "0000:61:00.0"
CONFIG = ROOT + "/etc/tiod/tiod.conf"
LOG = "/run/systemctl.log"
WAIT = 120

# Stands for systemd: notes what it is asked, and starts and stops what tiod.service names.
# What is a matter of files only, the real one does.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>/run/systemctl.log
verb=
for word; do
	case $word in
	-*) ;;
	*) [ -n "$verb" ] && units="$units $word" || verb=$word ;;
	esac
done
alive() { kill -0 "$(cat /run/tiod.pid 2>/dev/null)" 2>/dev/null; }
case $verb in preset|enable|disable|is-enabled|mask|unmask) exec /usr/bin/systemctl "$@" ;; esac
case "$units " in *" tiod.service "*) ;; *) exit 0 ;; esac
case $verb in stop|restart)
	! alive || kill "$(cat /run/tiod.pid)"
	while alive; do sleep 0.1; done
	rm -f /run/tiod.pid ;;
esac
case $verb in start|restart)
	mkdir -p /run/tiod /var/lib/tiod
	program=$(sed -n 's/^ExecStart=//p' /lib/systemd/system/tiod.service)
	setsid $program </dev/null >>/run/tiod.log 2>&1 &
	echo $! >/run/tiod.pid ;;
is-active)
	alive
	exit ;;
esac
exit 0
"""

tap, sim = Tap(), Sim()


def inside(*command):
    """Runs a command in that Debian; its exit status and what it said."""
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
           "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C", "HOME": "/root"}
    done = subprocess.run(["chroot", ROOT, *command], stdin=subprocess.DEVNULL, env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, timeout=600)
    return done.returncode, done.stdout


def dpkg(sentence, *words):
    said = inside("dpkg", *words)
    tap.ok(said[0] == 0, sentence, *said)
    return said[1]


def asked():
    """What systemd was asked since the last time."""
    try:
        with open(LOG, encoding="utf-8") as file:
            said = file.read()
        os.unlink(LOG)
    except FileNotFoundError:
        said = ""
    return said


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def answers():
    """tiod needs a moment after its start."""
    return inside("sh", "-c", f"for i in $(seq {WAIT * 5}); do tioctl version >/dev/null 2>&1"
                  " && exit; sleep 0.2; done; cat /run/tiod.log; exit 1")


def status():
    return inside("tioctl", "status")[1]


def knows():
    """tiod has looked around, and shows the device as attached."""
    end = time.monotonic() + WAIT
    while f"{DRIVE}\tvm1\tattached\tsecure" not in status():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def host():
    """The kernel's side of it."""
    return sim.snapshot()


def prepare():
    for name in ("sys", "proc", "dev", "run"):
        subprocess.run(["mount", "--rbind", "/" + name, f"{ROOT}/{name}"], check=True)
    os.makedirs("/run/systemd/system", exist_ok=True)
    with open(ROOT + "/usr/local/bin/systemctl", "w", encoding="ascii") as file:
        file.write(SYSTEMCTL)
    os.chmod(ROOT + "/usr/local/bin/systemctl", 0o755)


def files():
    """All of that Debian but what dpkg and the shadow tools keep for themselves."""
    found = set()
    for where, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not os.path.ismount(f"{where}/{name}")]
        found |= {f"{where}/{name}"[len(ROOT):] for name in names + folders}
    kept = r"/var/(lib/(dpkg|systemd/deb-systemd-helper)|log|cache)/|/etc/(\w+-|\.pwd\.lock)$"
    return {name for name in found if not re.match(kept, name)}


def install():
    before = host()
    dpkg("a lower version is installed", "-i", OLD)
    groups = read(ROOT + "/etc/group")
    tap.ok(re.search(r"^tiod:", groups, re.M) and re.search(r"^tiod-admin:", groups, re.M),
           "the groups are there", groups)
    wanted = os.listdir(ROOT + "/etc/systemd/system/multi-user.target.wants")
    tap.ok({"tiod.service", "tiod-wait.service"} <= set(wanted), "tiod starts at boot", wanted)
    said = asked()
    started = re.findall(r" start (.*)$", said, re.M)
    tap.ok(len(started) == 1 and set(started[0].split()) ==
           {"tiod.service", "tiod.socket", "tiod-helper.socket"}, "and now, alone", said)
    tap.ok(answers()[0] == 0 and "0.0.1" in inside("dpkg", "-s", "tiod")[1], "tiod answers",
           *answers())
    tap.ok(before == host(), "the host is as it was", diff(before, host()))
    return before


def use():
    """What an admin does next."""
    with open(CONFIG, "a", encoding="ascii") as file:
        file.write("WatchInterval=1\n")
    with open(ROOT + "/etc/tiod/vms.d/vm1.conf", "w", encoding="ascii") as file:
        file.write("[VM]\nMemory=1G\n")
    said = inside("sh", "-c", f"tioctl reload && tioctl attach {DRIVE} --vm vm1")
    tap.ok(said[0] == 0 and knows(), "a device is attached", *said, status())


def stays_attached(sentence, attached):
    now = host()
    tap.ok(now == attached, f"{sentence}: nothing about the device has changed",
           diff(attached, now))


def upgrade():
    attached = host()
    pid = read("/run/tiod.pid")
    mine = read(CONFIG)
    said = dpkg("the package is upgraded", "-i", "--force-confdef", "--force-confold", NEW)
    tap.ok(read(CONFIG) == mine and "WatchInterval=1\n" in mine,
           "the changed configuration is kept", read(CONFIG), said)
    tap.ok(os.path.exists(CONFIG + ".dpkg-dist"), "and the new one is laid beside it",
           *os.listdir(ROOT + "/etc/tiod"))
    said = asked()
    tap.ok("restart" in said and not re.search(r"\bstop\b|tiod-wait", said),
           "tiod is started anew, and nothing else", said)
    tap.ok(answers()[0] == 0 and read("/run/tiod.pid") != pid, "the new one answers",
           *answers())
    stays_attached("upgraded", attached)
    tap.ok(knows(), "and it knows the device", status())
    return attached


def remove(attached):
    said = dpkg("the package is removed", "--remove", "tiod")
    tap.ok(DRIVE in said and "tioctl detach" in said, "which says what stays attached", said)
    said = asked()
    tap.ok(re.search(r"\bstop\b.* tiod\.service", said) and
           not os.path.exists("/run/tiod.pid"), "tiod has ended", said)
    stays_attached("removed", attached)
    tap.ok(not os.path.exists(ROOT + "/usr/sbin/tiod") and "WatchInterval=1" in read(CONFIG),
           "programs are gone, the configuration is not")


def come_back(before):
    dpkg("the package is installed again", "-i", NEW)
    tap.ok(knows(), "and knows the device still", *answers(), status())
    said = inside("tioctl", "detach", DRIVE)
    tap.ok(said[0] == 0, "it is given back", *said)
    now = host()
    tap.ok(now == before, "as it was before the first version came", diff(before, now))


def purge(empty):
    said = dpkg("the package is purged", "--purge", "tiod")
    tap.ok("tioctl detach" not in said, "with nothing attached, nothing is said", said)
    # What somebody wrote himself is not the package's.
    own = {"/etc/tiod", "/etc/tiod/vms.d", "/etc/tiod/vms.d/vm1.conf"}
    left = files() - empty
    tap.ok(left == own, "and leaves only what others wrote", *sorted(left ^ own))
    gone = empty - files()
    tap.ok(not gone, "nor takes anything along", *sorted(gone))


def main():
    prepare()
    empty = files()
    try:
        before = install()
        use()
        attached = upgrade()
        remove(attached)
        come_back(before)
        purge(empty)
        log = read("/run/tiod.log")
        tap.ok("rror" not in log.replace("--no-error", ""), "tiod complained of nothing", log)
    finally:
        inside("systemctl", "stop", "tiod.service")
    shutil.rmtree("/run/systemd/system")
    tap.end()


main()
