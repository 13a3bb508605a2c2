# SPDX-License-Identifier: GPL-2.0-or-later
"""The hosts that the tests run on, made from the small one of hosts/."""
import copy
import json
import os
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ["base", "modules", "timed", "vftsm", "nocdev", "noiommu", "pool0", "leftover", "dual",
         "stress"]

PLAIN = {"vendor": "0x1af4", "device": "0x1102", "class": "0x120000"}
TDISP = {"vendor": "0x1af4", "device": "0x1100", "class": "0x120000", "tdisp": True}
BOTH = [["0001:01", "0001:02"]]


def load(name):
    with open(os.path.join(HERE, "..", "hosts", name + ".json"), encoding="utf-8") as file:
        return json.load(file)


def port(number, bus, children, ide=2, **more):
    """Root port 00:03.N or beyond, with what is below it."""
    entry = {"address": f"0000:00:{3 + number // 8:02x}.{number % 8}", "type": "root-port",
             "class": "0x060400", "port_number": 10 + number, "bus": bus, "children": children}
    if ide:
        entry["ide"] = {"streams": ide}
    return dict(entry, **more)


def end(bus, kind=None, function=0, **more):
    kind = kind or TDISP
    return dict(kind, address=f"0000:{bus:02x}:00.{function}", **more)


def switch(number, bus):
    """A switch below a port with a single block, and two endpoints that would want it."""
    def leg(device, below):
        return {"address": f"0000:{bus + 1:02x}:{device:02x}.0", "type": "downstream",
                "class": "0x060400", "bus": below, "children": [end(below)]}
    up = {"address": f"0000:{bus:02x}:00.0", "type": "upstream", "class": "0x060400",
          "bus": bus + 1, "children": [leg(0, bus + 2), leg(1, bus + 3)]}
    return port(number, bus, [up], ide=1)


def odd_ones():
    """Endpoints each of which lacks something."""
    no_tee = dict(TDISP, tdisp=False, doe=BOTH, ide={"streams": 1})
    tee_only = dict(TDISP, tdisp=False, doe=BOTH, tee=True)
    sriov = {"total": 4, "vf_device": "0x1101"}
    return [
        port(0, 3, [end(3, tee_only)]),
        port(1, 4, [end(4, no_tee)]),
        port(2, 5, [end(5, doe=[["0001:02"]])]),
        port(3, 6, [end(6, doe=[["0001:01"], ["0001:02"]])]),
        port(4, 7, [end(7)], ide=0),
        port(5, 8, [end(8)]),
        port(6, 9, [end(9, sriov=dict(sriov, error="ENOMEM"))]),
        port(7, 10, [end(10, sriov=dict(sriov, max=2))]),
        port(8, 11, [end(11, sriov=dict(sriov, offset=254, stride=2))]),
        switch(9, 16),
        port(10, 20, [], slot=9),
    ]


def base():
    host = load("minimal")
    functions = host["bridges"][0]["functions"]
    functions.append({"address": "0000:00:02.1", "type": "root-port", "class": "0x060400",
                      "slot": 2, "children": [end(2, PLAIN, multifunction=True, group=7),
                                              end(2, PLAIN, 1, group=7)]})
    functions += odd_ones()
    host["modules"]["plaindrv"] = {"loaded": True, "drivers": {
        "plaindrv": {"ids": ["pci:v00001AF4d00001102sv*sd*bc*sc*i*"]}}}
    host["modules"]["keepdrv"] = {"loaded": True, "drivers": {
        "keepdrv": {"keeps_vfs": True, "sriov": {}}}}
    for module in ("iommufd", "vfio", "vfio-pci-core", "vfio-pci"):
        host["modules"][module]["loaded"] = True
    host["parked"] = {
        "spare": {"below": "0000:00:04.2", "functions": [end(20, ready_ms=150)]},
        "other": {"below": "0000:00:04.2", "functions": [end(20, device="0x1102")]}}
    return host


def timed():
    host = base()
    host["tsm"][0].update(connect_ms=400, disconnect_ms=20, killable=False)
    host["modules"]["plaindrv"]["drivers"]["plaindrv"]["bind_ms"] = 1000
    host["modules"]["gpudrv"]["drivers"]["gpudrv"]["sriov"] = {"enable_ms": 1000}
    host["modules"]["vfio-pci"]["drivers"]["vfio-pci"]["settle_ms"] = 1000
    return host


def slow_enough():
    """Everything takes some milliseconds, so that things meet."""
    host = base()
    host["kernel"]["vf_tsm"] = True
    host["tsm"][0]["connect_ms"] = 10
    modules = host["modules"]
    modules["gpudrv"]["drivers"]["gpudrv"]["sriov"] = {"per_vf_ms": 5}
    for module in ("gpudrv", "plaindrv", "vfio-pci"):
        modules[module]["drivers"][module].update(bind_ms=5, unbind_ms=5)
    return host


def leftover():
    host = base()
    host["bridges"][0]["functions"].append(
        port(11, 21, [end(21, ide={"streams": 2, "firmware_stream": True})]))
    below = port(0, 0x81, [end(0x81, ide={"streams": 2})], address="0000:80:00.0")
    host["bridges"].append({"address": "0000:80", "functions": [below]})
    return host


def make(variant):
    if variant == "leftover":
        return leftover()
    if variant == "stress":
        return slow_enough()
    if variant == "modules":
        return load("minimal")
    if variant == "timed":
        return timed()
    if variant == "dual":
        return load("dual-gpu")
    host = base()
    kernel = {"vftsm": {"vf_tsm": True}, "nocdev": {"iommufd": False},
              "noiommu": {"iommu": False}, "pool0": {"streams": 0}}
    host["kernel"].update(kernel.get(variant, {}))
    return host


def broken_hosts():
    """What is wrong with a description, and the words that must name it."""
    def change(path, value):
        host = copy.deepcopy(load("minimal"))
        at = host
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value
        return host

    function = ["bridges", 0, "functions", 2, "children", 0]
    return [
        ("an unknown key", change(["sped"], 1), 'unknown key "sped"'),
        ("a wrong type", change(["nodes"], "two"), '"nodes" must be an array'),
        ("an unknown key of a function", change(function + ["tdips"], True),
         '0000:01:00.0: unknown key "tdips"'),
        ("a malformed address", change(function + ["address"], "1:0.0"), '"address"'),
        ("a missing class", change(function[:-2] + ["class"], None), '"class" must be'),
        ("an unknown driver kind",
         change(["modules", "vfio-pci", "drivers", "vfio-pci", "kind"], "vifo"), "vifo"),
        ("a TSM without its parent", change(["tsm", 0, "parent"], "0000:00:1f.0"),
         "0000:00:1f.0"),
        ("an unknown flavour", change(["kernel", "flavour"], "blue"), "flavour"),
    ]


def check_refusals(tio_sim):
    lines = []
    for what, host, word in broken_hosts():
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(host, file)
            file.flush()
            done = subprocess.run([tio_sim, "run", file.name, "--", "true"], text=True,
                                  stderr=subprocess.PIPE, check=False)
        sentence = f"a description with {what} is refused by name"
        if done.returncode != 0 and word in done.stderr:
            lines.append(f"ok - {sentence}")
        else:
            lines.append(f"not ok - {sentence}\n# {done.returncode}: {done.stderr[:200]!r}")
    return lines
