#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian package can be built, lintian finds nothing, and it holds what it should."""

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
          r"(/usr)?/lib/systemd/system/tiod\.service", r"(/usr)?/lib/systemd/system/tiod\.socket",
          r"/usr/libexec/tiod-helper", r"(/usr)?/lib/systemd/system/tiod-helper\.socket",
          r"(/usr)?/lib/systemd/system/tiod-helper@\.service",
          r"/usr/share/bash-completion/completions/tioctl",
          r"/usr/share/zsh/site-functions/_tioctl",
          r"/usr/share/fish/vendor_completions\.d/tioctl\.fish"]
COUNT = {"n": 0, "failed": 0}


def ok(good, sentence, *details):
    COUNT["n"] += 1
    COUNT["failed"] += not good
    print(f"{'ok' if good else 'not ok'} {COUNT['n']} - {sentence}", flush=True)
    for line in "\n".join(map(str, details)).splitlines() if not good else ():
        print(f"# {line}")
    return good


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
                COUNT["n"] += 1
                print(f"ok {COUNT['n']} - lintian finds nothing # SKIP it is not installed")
    print(f"1..{COUNT['n']}")
    sys.exit(1 if COUNT["failed"] else 0)


main()
