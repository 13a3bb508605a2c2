# SPDX-License-Identifier: GPL-2.0-or-later
"""Hugepages and NUMA nodes."""
from .sim import read, same, test, true, write

GLOBAL = "/sys/kernel/mm/hugepages/hugepages-%dkB/"
NODE = "/sys/devices/system/node/node%d/hugepages/hugepages-%dkB/"


def figures(path):
    return [int(read(path + f"{f}_hugepages")) for f in ("nr", "free", "surplus")]


@test("the global hugepage figures are the sums of the nodes', for both sizes", "dual")
def _(sim):
    for size in (2048, 1048576):
        sums = [sum(pair) for pair in zip(figures(NODE % (0, size)), figures(NODE % (1, size)))]
        same(figures(GLOBAL % size), sums)
    same(read(GLOBAL % 2048 + "resv_hugepages"), "1024\n")


@test("a node's pool is changed by its own file and shows in the sum", "dual")
def _(sim):
    path = NODE % (0, 2048)
    same(write(path + "nr_hugepages", "5000"), "")
    same(figures(path), [5000, 5000 - 3584, 0])
    same(figures(GLOBAL % 2048)[0], 65536 + 5000)
    write(path + "nr_hugepages", "4096\n")


@test("a wish for more pages than there is memory succeeds with fewer")
def _(sim):
    path = NODE % (0, 2048)
    same(write(path + "nr_hugepages", "999999999"), "")
    got = figures(path)[0]
    true(1024 < got < 16 * 512, f"{got} pages of 16 GiB")
    write(path + "nr_hugepages", "1024")


@test("pages in use are not taken away: they become surplus", "dual")
def _(sim):
    path = NODE % (0, 2048)
    same(write(path + "nr_hugepages", "0"), "")
    same(figures(path), [3584, 0, 3584])
    same(write(path + "nr_hugepages", "4096"), "")
    same(figures(path), [4096, 512, 0])


@test("nr_hugepages takes decimal numbers and nothing else")
def _(sim):
    path = GLOBAL % 2048 + "nr_hugepages"
    same([write(path, t) for t in ("0x10", "-1", "many")], ["EINVAL"] * 3)
    same(write(GLOBAL % 1048576 + "nr_overcommit_hugepages", "1"), "EINVAL")


@test("the global file spreads pages over the nodes", "dual", keeps=True)
def _(sim):
    path = GLOBAL % 1048576
    same(write(path + "nr_hugepages", "200"), "")
    same(figures(path)[0], 200)
    same([figures(NODE % (n, 1048576))[0] for n in (0, 1)], [100, 100])


@test("a test may set any figures of a node")
def _(sim):
    sim.ctl("hugepages", node=0, size=2048, nr=100, free=7, resv=3)
    same(figures(GLOBAL % 2048), [100, 7, 0])
    same(read(GLOBAL % 2048 + "resv_hugepages"), "3\n")
    sim.ctl("hugepages", node=0, size=2048, nr=1024, free=1024, resv=0)
    same(sim.ask("hugepages", node=9)["ok"], False)
