# SPDX-License-Identifier: GPL-2.0-or-later
"""Whole values of io.tiod's types, for tests to vary."""

GPU, VF, NIC = "0000:e1:00.0", "0000:e1:00.4", "0000:41:00.0"


def failure(sentence="it broke", fix="", **fields):
    value = dict(function=None, step=None, attribute=None, errno=0, errnoName="",
                 sentence=sentence, fix=fix)
    value.update(fields)
    return value


def error(name, sentence="it broke", fix="", **fields):
    return {"error": "io.tiod." + name, "parameters": failure(sentence, fix, **fields)}


def assignment(**fields):
    value = dict(function=GPU, vm="gpu-vm", lead=GPU, named="e1:00.0", port=0,
                 portFunction=0, vf=None, vfSettings=None)
    value.update(fields)
    return value


def function(**fields):
    value = dict(
        address=GPU, kind="endpoint", name="Example GPU", vendor="0x10de", device="0x2901",
        numaNode=1, iommuGroup=42, groupMembers=[GPU, "0000:e1:00.1"], groupSize=2,
        groupWhy="root port 0000:e0:01.1 has no ACS", family=GPU,
        rootPort="0000:e0:01.1", physfn=None, vf=None, teeIo=True, ide=True, doeCma=True,
        doeSecured=True, flr=True, vfsTotal=16, vfs=2, vfsAutoprobe=True,
        netdev="", eswitch=None, vfMsixTotal=0,
        largestBar=137438953472, driver="nvidia", driverOverride="", cdev="", tsm="",
        tsmGroup=True, tsmStatus=False,
        tsmFlavour="upstream", platform="AMD SEV-TIO", link="none",
        linkTrouble="", ideFail=False, linkErrors=[], tdi="unbound",
        power=dict(d3coldAllowed=True, control="auto", resetMethods=["flr", "bus"]),
        assignment=None, state="idle",
        waitsFor="", job=None, error=None, age=1.5, serial="00-11-22", slot="7")
    value["class"] = "0x030200"
    value.update(fields)
    return value


def attached(**fields):
    value = function(driver="vfio-pci", driverOverride="vfio-pci", cdev="vfio0", tsm="tsm0",
                     link="secure", tdi="unbound (this kernel cannot bind)",
                     assignment=assignment(), state="attached")
    value.update(fields)
    return value


def progress(phase, step="connect-tsm", fn=GPU, index=0, total=2, undo=False, text="",
             family=GPU):
    return {"continues": True,
            "parameters": {"progress": dict(family=family, phase=phase, undo=undo,
                                            index=index, total=total, function=fn,
                                            step=step, text=text)}}


def outcome(family=GPU, functions=None, changed=True, seconds=3.25, failed=None, name=None):
    return dict(family=family, functions=functions or [family], changed=changed,
                seconds=seconds, error=failed, errorName=name)


def handoff(**fields):
    value = dict(arguments=["-object", "iommufd,id=iommufd0",
                            "-device", "pcie-root-port,id=tio_rp0,chassis=64,slot=0",
                            "-device", "vfio-pci,host=0000:e1:00.0,iommufd=iommufd0"],
                 objects=[{"qom-type": "iommufd", "id": "iommufd0"}],
                 devices=[{"driver": "vfio-pci", "host": GPU}],
                 libvirt="<hostdev mode='subsystem' type='pci' managed='no'>\n</hostdev>\n",
                 notes=[f"{GPU}: link secure, TDI unbound (this kernel cannot bind)"], ready=True)
    value.update(fields)
    return value


def job(**fields):
    value = dict(id=3, verb="attach", family=GPU, functions=[GPU], vm="gpu-vm",
                 state="running", step="connect-tsm", seconds=1.25, error=None)
    value.update(fields)
    return value


def status(*functions, jobs=()):
    return {"io.tiod.GetStatus": [{"parameters": {"functions": list(functions),
                                                  "jobs": list(jobs)}}]}


def end(*outcomes, given=None):
    parameters = {"outcomes": list(outcomes)}
    if given is not None:
        parameters["handoff"] = given
    return {"parameters": parameters}
