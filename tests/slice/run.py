# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs one test of the slice within a simulated host: run.py TIO-SIM HOST VARIANT SCRIPT [ARG…].

HOST is a file of tests/sim/hosts; VARIANT names a change to it, made here, so that no second
copy of a host has to be kept.  The script finds it in $SLICE_VARIANT.
"""

import json
import os
import subprocess
import sys
import tempfile


def functions(host):
    """Every function of @host, with the list that it is in."""
    todo = [bridge["functions"] for bridge in host["bridges"]]
    while todo:
        siblings = todo.pop()
        for function in list(siblings):
            yield function, siblings
            if "children" in function:
                todo.append(function["children"])


def change(host, address, **keys):
    for function, _ in functions(host):
        if function["address"] == address:
            function.update(keys)
            return
    raise KeyError(address)


def plain(host):
    pass


def kernel(**keys):
    return lambda host: host["kernel"].update(keys)


def without_tsm(host):
    host["tsm"] = []


def late_tsm(host):
    host["tsm"][0]["present"] = False


def slow(host):
    """Connects take their time whatever TIO_SIM_SPEED says."""
    host["tsm"][0]["connect_ms"] = 400


def slow_vfs(host):
    """VFs of the network card take 20 s, as on real cards, whatever TIO_SIM_SPEED says."""
    host["speed"] = 1
    for function, _ in functions(host):
        if function["address"] == "0000:41:00.0":
            function["sriov"]["enable_ms"] = 20000


def incapable(host):
    """Cards each of which lacks one thing that TDISP needs."""
    streams = {"streams": 2}
    both = [["0001:01", "0001:02"]]
    change(host, "0000:41:00.0", tdisp=False, ide=streams, doe=both)
    change(host, "0000:61:00.0", tdisp=False, tee=True, doe=both)
    change(host, "0000:e1:00.0", doe=[["0001:02"]])
    for function, _ in functions(host):
        if function["address"] == "0000:20:01.1":
            del function["ide"]


def many_vfs(host):
    """As many VFs as the largest cards have."""
    for function, _ in functions(host):
        if "sriov" in function:
            function["sriov"]["total"] = 1016


def two_tsms(host):
    change(host, "0000:83:00.0", **{"class": "0x108000"})
    host["tsm"].append({"parent": "0000:83:00.0"})


VARIANTS = {
    "plain": plain,
    "no-tsm": without_tsm,
    "late-tsm": late_tsm,
    "two-tsms": two_tsms,
    "no-iommu": kernel(iommu=False),
    "no-iommufd": kernel(iommufd=False),
    "no-cdev": kernel(vfio_cdev=False),
    "incapable": incapable,
    "slow": slow,
    "slow-vfs": slow_vfs,
    "many-vfs": many_vfs,
    "moved": plain,
    "hung-start": plain,
    "amd-sysfs": kernel(flavour="amd-sysfs"),
    "udevd": plain,
}


REAL_TIME = ("slow-vfs",)
UDEVD = ("udevd",)


def main(tio_sim, path, variant, *script):
    with open(path, encoding="utf-8") as file:
        host = json.load(file)
    VARIANTS[variant](host)
    with tempfile.TemporaryDirectory(prefix="tiod-slice-") as folder:
        name = os.path.join(folder, f"{variant}.json")
        with open(name, "w", encoding="utf-8") as file:
            json.dump(host, file)
        env = dict(os.environ, SLICE_VARIANT=variant, SLICE_HOST=name)
        if variant in REAL_TIME:
            env.pop("TIO_SIM_SPEED", None)
        options = ["--udevd"] if variant in UDEVD else []
        return subprocess.call([tio_sim, "run", name, *options, "--keep-env", "--",
                                sys.executable, *script], env=env)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
