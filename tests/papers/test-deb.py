#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian package can be built, lintian finds nothing, it holds what it should, and a host
survives it: test-deb.py SOURCE [TIO-SIM].
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = sys.argv[1]
NEEDED = ("dpkg-buildpackage", "dh", "git")
WANTED = [r"/usr/sbin/tiod", r"/usr/bin/tioctl", r"/usr/bin/tiod-exporter",
          r"/usr/include/tio-plugin\.h", r"/usr/lib/.*/tiod/plugins/generic\.so",
          r"/usr/lib/udev/rules\.d/90-tiod\.rules", r"/usr/lib/sysusers\.d/tiod\.conf",
          r"/usr/lib/tmpfiles\.d/tiod\.conf",
          r"/etc/tiod/tiod\.conf", r"(/usr)?/lib/systemd/system/tiod\.service",
          r"(/usr)?/lib/systemd/system/tiod\.socket",
          r"/usr/libexec/tiod-helper", r"(/usr)?/lib/systemd/system/tiod-helper\.socket",
          r"(/usr)?/lib/systemd/system/tiod-helper@\.service",
          r"/usr/share/bash-completion/completions/tioctl",
          r"/usr/share/zsh/site-functions/_tioctl",
          r"/usr/share/fish/vendor_completions\.d/tioctl\.fish"]
HOST = "tests/sim/hosts/dual-gpu.json"
COUNT = {"n": 0, "failed": 0}


def ok(good, sentence, *details):
    COUNT["n"] += 1
    COUNT["failed"] += not good
    print(f"{'ok' if good else 'not ok'} {COUNT['n']} - {sentence}", flush=True)
    for line in "\n".join(map(str, details)).splitlines() if not good else ():
        print(f"# {line}")
    return good


def skip(sentence, why):
    COUNT["n"] += 1
    print(f"ok {COUNT['n']} - {sentence} # SKIP {why}", flush=True)


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          encoding="utf-8", check=False)


def check_contents(package):
    files = [line.split()[5].lstrip(".") for line in run("dpkg-deb", "-c", package)
             .stdout.splitlines()]
    pages = [rf"/usr/share/man/man\d/{re.escape(name)}\.gz"
             for name in os.listdir(os.path.join(ROOT, "contrib/man"))]
    missing = [want for want in WANTED + pages
               if not any(re.fullmatch(want, file) for file in files)]
    ok(not missing, "it holds programs, plugins, units, pages and completions", *missing)
    folders = ("/etc/tiod", "/lib/systemd", "/usr")
    astray = [file for file in files if file not in ("/", "/etc/", "/lib/") and
              not file.startswith(folders)]
    ok(not astray and "/etc/tiod/vms.d/" in files, "and nothing anywhere else", *astray)


def check_scripts(package, folder):
    run("dpkg-deb", "-e", package, folder + "/control")
    with open(folder + "/control/postinst", encoding="utf-8") as file:
        script = file.read()
    ok("systemd-sysusers" in script and "'tiod.service'" in script,
       "it makes the groups and enables the service", script)
    ok("tiod-exporter" not in script, "what listens on the network is left to an admin", script)
    for name in ("postinst", "prerm", "postrm"):
        done = run("sh", "-n", f"{folder}/control/{name}")
        ok(done.returncode == 0, f"{name} is a script", done.stdout)


def lower(package, folder):
    """The same as a lower version, whose configuration was another one."""
    run("dpkg-deb", "-R", package, folder + "/lower")
    for name, old, new in (("DEBIAN/control", r"(?m)^Version: .*", "Version: 0.0.1-1"),
                           ("etc/tiod/tiod.conf", r"\A", "# As it was once.\n")):
        with open(f"{folder}/lower/{name}", "r+", encoding="utf-8") as file:
            text = re.sub(old, new, file.read(), count=1)
            file.seek(0)
            file.write(text)
            file.truncate()
    done = run("dpkg-deb", "--root-owner-group", "-b", folder + "/lower", folder + "/lower.deb")
    ok(done.returncode == 0, "a lower version is made of it", done.stdout)
    return folder + "/lower.deb"


def check_life(package, folder):
    """Installed, upgraded, removed and purged in a small Debian, on a simulated host."""
    depends = run("dpkg-deb", "-f", package, "Depends").stdout
    names = {re.split(r"[ |:(]", one.strip())[0] for one in depends.split(",")}
    made = run(os.path.join(ROOT, "tests/papers/chroot"), "init-system-helpers", "kmod",
               *sorted(names))
    if made.returncode != 0 or len(sys.argv) < 3:
        skip("a host survives it", (made.stdout.splitlines() or ["there is no tio-sim"])[-1])
        return
    root = folder + "/root"
    os.mkdir(root)
    run("tar", "-C", root, "-xf", made.stdout.splitlines()[-1])
    for name, path in (("old", lower(package, folder)), ("new", package)):
        shutil.copy(path, f"{root}/{name}.deb")
    done = run(sys.argv[2], "run", os.path.join(ROOT, HOST), "--keep-env", "--", sys.executable,
               os.path.join(ROOT, "tests/papers/deb-life.py"), root, "/old.deb", "/new.deb")
    lines = re.split(r"^(not ok|ok) \d+ - ", done.stdout, flags=re.M)
    for good, said in zip(lines[1::2], lines[2::2]):
        ok(good == "ok", *said.splitlines())
    ok(re.search(r"^1\.\.\d+$", done.stdout, re.M), "that was all of it", done.stdout[-3000:])


def main():
    absent = [tool for tool in NEEDED if not shutil.which(tool)]
    if absent or not os.path.exists(os.path.join(ROOT, ".git")):
        print(f"1..0 # SKIP {', '.join(absent) or 'a clone by git'} is not there")
        return
    with tempfile.TemporaryDirectory() as folder:
        done = run(os.path.join(ROOT, "contrib/package-deb"), folder)
        if ok(done.returncode == 0, "the package can be built", done.stdout):
            package = next(os.path.join(folder, name) for name in os.listdir(folder)
                           if name.startswith("tiod_") and name.endswith(".deb"))
            check_contents(package)
            check_scripts(package, folder)
            if shutil.which("lintian"):
                done = run("lintian", "--allow-root", "--fail-on", "error,warning", package)
                ok(done.returncode == 0, "lintian finds nothing", done.stdout)
            else:
                skip("lintian finds nothing", "it is not installed")
            check_life(package, folder)
    print(f"1..{COUNT['n']}")
    sys.exit(1 if COUNT["failed"] else 0)


main()
