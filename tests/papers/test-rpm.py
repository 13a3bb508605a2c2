#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""contrib/tiod.spec: rpmlint finds nothing, and what rpmbuild makes of it can be installed,
replaced and removed: test-rpm.py SOURCE.
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = sys.argv[1]
sys.path.insert(0, os.path.join(ROOT, "tests", "slice"))

from tree import copy_tree  # noqa: E402
from world import Tap  # noqa: E402

SPEC = "contrib/tiod.spec"
CONFIG = "/etc/tiod/tiod.conf"
WANTED = ["/usr/sbin/tiod", "/usr/bin/tioctl", "/usr/bin/tiod-exporter", CONFIG,
          "/usr/libexec/tiod-helper", "/usr/lib/udev/rules.d/90-tiod.rules",
          "/usr/lib/sysusers.d/tiod.conf", "/etc/tiod/vms.d", "/usr/share/zsh/site-functions/_tioctl"]
tap = Tap()


def run(*command, **keys):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **keys)
    return done.returncode, done.stdout


def check_spec():
    code, said = run("rpmspec", "-P", f"{ROOT}/{SPEC}")
    tap.ok(code == 0 and "%package" not in said.split("%description")[0], "rpmspec reads it",
           said)
    version = re.search(r"version : '([^']+)'", open(f"{ROOT}/meson.build",
                                                     encoding="utf-8").read())[1]
    tap.ok(re.search(rf"^Version: +{re.escape(version)}$", said, re.M),
           "it is of the version that is built", version)
    if not shutil.which("rpmlint"):
        tap.skip("rpmlint finds nothing", "it is not installed")
        return
    code, said = run("rpmlint", "-c", f"{ROOT}/contrib/rpmlint.toml", f"{ROOT}/{SPEC}")
    tap.ok(code == 0 and re.search(r"\b0 errors, 0 warnings", said), "rpmlint finds nothing",
           said)


def build(folder):
    """The packages: of the programs, and of the header."""
    if not copy_tree(ROOT, folder + "/tree"):
        tap.skip("rpmbuild makes packages", "this is no clone by git")
        tap.end()
    # The machine's own packages are not RPM's to know of.
    code, said = run("rpmbuild", "-bb", "--nodeps", "--build-in-place", "--define",
                     f"_topdir {folder}/top", SPEC, cwd=folder + "/tree")
    made = sorted(glob.glob(f"{folder}/top/RPMS/*/*.rpm"))
    if not tap.ok(code == 0 and len(made) == 2, "rpmbuild makes packages", said[-4000:]):
        tap.end()
    return made


def check_contents(packages):
    files = [run("rpm", "-qpl", package)[1].splitlines() for package in packages]
    tap.ok("/usr/include/tio-plugin.h" in files[0] + files[1], "the header is packed",
           *files[0])
    every = set(files[0] + files[1])
    libraries = run("rpm", "--eval", "%{_libdir}")[1].strip()
    missing = [name for name in (*WANTED, libraries + "/tiod/plugins/generic.so")
               if name not in every]
    missing += [page for page in os.listdir(f"{ROOT}/contrib/man")
                if not any(os.path.basename(name).startswith(page) for name in every)]
    tap.ok(not missing, "so are programs, plugins, units, pages and completions", *missing)
    units = {os.path.basename(name).replace(".in", "") for name in
             glob.glob(f"{ROOT}/contrib/systemd/*.s*[et]*") if "client" not in name}
    left = {unit for unit in units if re.search(r"\.(service|socket)$", unit)} - {
        os.path.basename(name) for name in every}
    tap.ok(not left, "with every unit", *left)


def check_life(packages, root):
    os.mkdir(root)
    rpm = ("rpm", "--root", root, "--nodeps", "--noscripts")
    code, said = run(*rpm, "-i", *packages)
    tap.ok(code == 0 and os.path.exists(root + CONFIG), "they can be installed", said)
    code, said = run(f"{root}/usr/sbin/tiod", "--version")
    tap.ok(code == 0 and said.startswith("tiod "), "and run", said)
    with open(root + CONFIG, "a", encoding="ascii") as file:
        file.write("WatchInterval=1\n")
    code, said = run(*rpm, "-U", "--replacepkgs", *packages)
    with open(root + CONFIG, encoding="ascii") as file:
        tap.ok(code == 0 and file.read().endswith("WatchInterval=1\n"),
               "another one keeps a changed configuration", said)
    code, said = run(*rpm, "-e", "tiod", "tiod-devel")
    left = [os.path.join(where, name) for where, _, names in os.walk(root) for name in names
            if "tio" in name]
    tap.ok(code == 0 and left == [root + CONFIG + ".rpmsave"],
           "removed, only that configuration is left", said, *left)


def check_scripts(packages, folder):
    said = run("rpm", "-qp", "--qf", "%{PREIN}\n%{POSTIN}\n%{PREUN}\n%{POSTUN}\n",
               *packages)[1].replace("(none)", "")
    with open(folder + "/script", "w", encoding="utf-8") as file:
        file.write(said)
    code, wrong = run("sh", "-n", folder + "/script")
    tap.ok(code == 0 and "%" not in said, "their scripts are such", said, wrong)
    tap.ok("systemd-sysusers tiod.conf" in said and "try-restart" in said and
           "tiod-exporter" not in said, "make the groups and start tiod anew", said)


def main():
    if not shutil.which("rpmbuild"):
        tap.skip("packages can be made with RPM", "there is no rpmbuild (Debian: rpm)")
        tap.end()
    check_spec()
    with tempfile.TemporaryDirectory(prefix="tiod-rpm-") as folder:
        packages = build(folder)
        check_contents(packages)
        check_scripts(packages, folder)
        check_life(packages, folder + "/root")
    tap.end()


main()
