#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the comparison notice a simulated host that is wrong?  mutate.py REAL [WORD]

For each row of the table a copy of the tree gets that one mistake, is built and compared
with REAL, a transcript of the virtual machine (tests/vm/conformance/run --keep FOLDER
leaves one as FOLDER/real); with WORD only rows with it.  Prints TAP: a test passes when the comparison fails at one of
the sections that are named.  The tree itself is not touched.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
MODEL = "tests/sim/model/"

# What is wrong, where, the words that are replaced, by what, the section that must notice.
MISTAKES = (
    ("driver_override is cleared when the driver is unbound", "driver.c",
     "\tdrop_links(dev);\n\tif (dev->sriov",
     "\tdrop_links(dev);\n\tdev->override = NULL;\n\tif (dev->sriov", "override"),
    ("a newline does not clear driver_override", "attrs.c",
     "dev->override = n ? strndup(buf, n) : NULL;", "dev->override = strndup(buf, n);",
     "override"),
    ("a driver_override that is not set reads as empty", "attrs.c", "name ? name : \"(null)\"",
     "name ? name : \"\"", "override"),
    ("an override does not keep other drivers away", "driver.c",
     "\t\treturn strcmp(dev->override, driver->name) == 0;\n",
     "\t\treturn strcmp(dev->override, driver->name) == 0 || in_table(driver, dev);\n",
     "override"),
    ("bind of a bound function succeeds", "driver.c", "\tif (dev->driver)\n\t\treturn -EBUSY;",
     "\tif (dev->driver)\n\t\treturn 0;", "bind"),
    ("a bind sends no event", "driver.c", "\tdevice_event(&dev->device, \"bind\");\n", "", "bind"),
    ("a second count of VFs is not refused", "sriov.c",
     "\tif (dev->sriov.numvfs > 0)\n\t\treturn -EBUSY;",
     "\tif (dev->sriov.numvfs > 0)\n\t\treturn 0;", "sriov"),
    ("a VF is probed although autoprobe is off", "driver.c",
     "return !dev->physfn || dev->physfn->sriov.autoprobe || dev->override;",
     "return true;", "sriov"),
    ("an override does not help a VF whose autoprobe is off", "driver.c",
     " || dev->override;", ";", "sriov"),
    ("VFs go last first", "sriov.c",
     "\t\tremove_vf(pf, pf->sriov.vfs[i], i);",
     "\t\tremove_vf(pf, pf->sriov.vfs[pf->sriov.numvfs - 1 - i], pf->sriov.numvfs - 1 - i);",
     "sriov"),
    ("connect accepts a second connect", "tsm.c",
     "\tif (dev->tsm.tsm)\n\t\treturn -EBUSY;", "\tif (dev->tsm.tsm)\n\t\treturn 0;", "connect"),
    ("connect to a TSM that isn't there is ENODEV", "tsm.c",
     "\tif (!tsm)\n\t\treturn -ENXIO;", "\tif (!tsm)\n\t\treturn -ENODEV;", "connect"),
    ("a disconnect leaves the stream's link behind", "ide.c",
     ("\t\ttree_remove(stream->link);\n", "\tstream->link = tree_link_to("),
     # It may be there now, and the tree has no two nodes of a name.
     ("", "\tif (tree_find(dev->bridge->device.dir, name))\n\t\treturn;\n"
      "\tstream->link = tree_link_to("), "connect"),
    ("the root port's end of a stream stays insecure", "ide.c",
     "ide_status(dev, status, true, true);", "ide_status(dev, status, true, false);", "connect"),
    ("an insecure stream reads as secure", "ide.c",
     "dev->tsm.insecure ? 0 : IDE_STS_SECURE;", "IDE_STS_SECURE;", "insecure"),
    ("the unbind of a function in use does not wait", "vfio.c",
     "\twhile (vfio->users > 0 ||", "\twhile (false && vfio->users > 0 ||", "vfio-vf"),
    ("vfio-pci takes a PF that has VFs", "vfio.c",
     "\tif (dev->sriov.numvfs > 0)\n\t\treturn -EBUSY;\n", "", "vfio-pf"),
    ("config is whole for everybody", "attrs.c",
     "\tif (!who->sys_admin && !who->snapshot)\n\t\tend = 64;\n", "", "look"),
    ("hugepages take hexadecimal", "mm.c", "parse_number(buf, 10, ~0ul, &wish)",
     "parse_number(buf, 0, ~0ul, &wish)", "memory"),
    ("a pool gives one stream more than it has", "ide.c",
     "if (id >= dev->bridge->streams_size)", "if (id > dev->bridge->streams_size)", "streams"),
    ("a pool of no streams is still shown", "ide.c",
     "\tif (nr > 0)\n\t\tattributes_add", "\tif (true)\n\t\tattributes_add", "streams"),
    ("tsm/ of others can be read while a connect runs", "tsm.c",
     ("return who->snapshot ? 0 : rwsem_read(&host.tsm_rwsem, SIM_INTERRUPTIBLE);",
      "\tif (!who->snapshot)\n\t\trwsem_read_done(&host.tsm_rwsem);"), ("return 0;", ""),
     "waiting"),
    ("a read that waits heeds no signal", "tsm.c",
     "rwsem_read(&host.tsm_rwsem, SIM_INTERRUPTIBLE)",
     "rwsem_read(&host.tsm_rwsem, SIM_KILLABLE)", "waiting"),
    ("a connect that waits heeds any signal", "tsm.c",
     "SIM_KILLABLE);\n\tif (r < 0)\n\t\treturn r;\n\tr = connect_locked(",
     "SIM_INTERRUPTIBLE);\n\tif (r < 0)\n\t\treturn r;\n\tr = connect_locked(", "waiting"),
    ("a disconnect that waits heeds any signal", "tsm.c",
     "int r = rwsem_write(&host.tsm_rwsem, SIM_KILLABLE);",
     "int r = rwsem_write(&host.tsm_rwsem, SIM_INTERRUPTIBLE);", "waiting"),
    ("VFs come while a connect runs", "tsm.c",
     ("\trwsem_read(&host.tsm_rwsem, SIM_UNINTERRUPTIBLE);\n",
      "\ttsm_visibility(dev);\n\trwsem_read_done(&host.tsm_rwsem);\n"),
     ("", "\ttsm_visibility(dev);\n"), "waiting"),
    ("a connect at work dies where it should not", "tsm-hang.c",
     "SIM_KILLABLE : SIM_UNINTERRUPTIBLE", "SIM_KILLABLE : SIM_KILLABLE", "unkillable"),
    ("a card whose link is down says how wide it was", "attrs.c",
     "dev->disconnected ? ~0u : config_get", "config_get", "link-down"),
    ("a card whose link is down shows its config space", "attrs.c",
     "\tif (dev->disconnected)\n\t\tmemset", "\tif (false)\n\t\tmemset", "link-down"),
    ("a disconnect reaches a card whose link is down", "ide.c",
     "\tif (dev->disconnected) {\n\t\tleave_behind(dev);\n\t\treturn;\n\t}\n", "", "link-down"),
    ("a slot is emptied from its first function on", "bus.c",
     "\twhile (child->sibling)\n\t\tchild = child->sibling;\n\treturn child;",
     "\treturn child;", "torn-out"),
    ("what was torn out still answers", "bus.c", "surprise && child;", "false && child;",
     "torn-out-of-use"),
    ("there are counters where there is no AER", "aer.c",
     " || !desc_bool(dev->desc, \"aer\", true)", "", "aer"),
    ("a negative number of vectors is taken", "sriov.c", " || count < 0", "", "msix"),
    ("a number too large for an int is taken", "device.c",
     "(unsigned long)INT_MAX + minus", "~0ul >> 1", "msix"),
    ("there are more reset methods than the kernel keeps", "attrs.c",
     "#define RESET_METHODS_MAX 7", "#define RESET_METHODS_MAX 9", "methods"),
    ("a reset method may have its blanks", "attrs.c",
     "(word = strsep(&rest, \" \\n\"))", "(word = strsep(&rest, \"\\n\"))", "methods"),
    ("power/control takes a beginning", "attrs.c",
     "!streq(buf, \"on\") && !streq(buf, \"auto\")",
     "strncmp(buf, \"on\", 2) != 0 && strncmp(buf, \"auto\", 4) != 0", "power"),
    ("the list of CPUs stays when the node changes", "attrs.c",
     "node ? node_cpulist(dev->node)", "node ? node_cpulist(0)", "numa"),
    ("a bound function can be disabled", "attrs.c",
     "\tif (dev->driver)\n\t\treturn -EBUSY;\n", "", "enable"),
    ("a driver takes away what others enabled", "driver.c",
     "\t\tdev->enabled -= enables(driver);", "\t\tdev->enabled = 0;", "enable"),
    ("the bus's autoprobe takes words", "bus.c", "autoprobe = buf[0] != '0';",
     "autoprobe = buf[0] != '0' && buf[0] != 'n';", "autoprobe"),
    ("a driver is given what it has", "ids.c", "ids_match(driver, &fake) ? -EEXIST : 0",
     "ids_match(driver, &fake) ? 0 : 0", "ids"),
    ("an ID's subsystem is not looked at", "ids.c",
     "!same_or_any(wanted.subvendor, id->subvendor) ||", "", "ids"),
    ("a root port hears of no error", "aer.c",
     "\t\tif (port)\n\t\t\tport->heard += n;\n", "", "told"),
    ("a group's type changes under a driver", "iommu.c", "if (used(group) &&",
     "if (false && used(group) &&", "groups"),
    ("vfio-pci keeps its group's type as it is", "driver.c",
     "return !desc_bool(driver->desc, \"dma\", enables(driver));", "return false;", "groups"),
    ("a card without a mailbox is EFAULT", "tsm.c",
     "\"tdisp\", false) ? 0 : -ENXIO", "\"tdisp\", false) ? 0 : -EFAULT", "no-mailbox"),
    ("a card without the TEE bit has bound", "tsm.c", "show_group(dev, pf0, dsm->tee);",
     "show_group(dev, pf0, true);", "no-tee"),
    ("a card with the TEE bit alone has no tsm/", "tsm.c", "return dev->tee || has_ide(dev);",
     "return has_ide(dev);", "tee-alone"),
    ("a card keeps its IDE below a port without", "tsm.c",
     "return dev->ide_cap && port && port->ide_cap;", "return dev->ide_cap;", "ide-forgotten"),
    ("connect is ENXIO below a port without IDE", "ide.c",
     "!port->ide_cap)\n\t\treturn -EFAULT;", "!port->ide_cap)\n\t\treturn -ENXIO;",
     "port-without-ide"),
)


def copy_tree(target):
    files = subprocess.run(["git", "-C", TREE, "ls-files", "-coz",
                            "--exclude-standard"], capture_output=True,
                           text=True, check=True).stdout
    for name in filter(None, files.split("\0")):
        source = os.path.join(TREE, name)
        if os.path.isfile(source):
            os.makedirs(os.path.dirname(os.path.join(target, name)), exist_ok=True)
            shutil.copy2(source, os.path.join(target, name))


def build(tree, folder):
    if not os.path.exists(folder + "/build.ninja"):
        # Warnings of a mistake are no errors: it is meant to be one.
        subprocess.run(["meson", "setup", "-Dwerror=false", "-Dsim=enabled", "-Dtests=disabled",
                        folder, tree], stdout=subprocess.DEVNULL, check=True)
    subprocess.run(["nice", "-n", "10", "ninja", "-C", folder, "tests/sim/tio-sim"],
                   stdout=subprocess.DEVNULL, check=True)
    return folder + "/tests/sim/tio-sim"


def compare(tree, tio_sim, real):
    run = subprocess.run([tree + "/tests/vm/conformance/run", "--sim", tio_sim, "--real", real],
                         capture_output=True, text=True, check=False)
    failed = re.findall(r"^not ok - ([a-z-]+):", run.stdout, re.M)
    steps = re.findall(r"^# ([a-z-]+\.\d+) (?:differs|is listed)", run.stdout, re.M)
    return run.returncode, failed, steps, run.stdout


def mistaken(text, old, new):
    pairs = [(old, new)] if isinstance(old, str) else zip(old, new)
    for words, others in pairs:
        assert text.count(words) == 1, f"{text.count(words)} places have: {words}"
        text = text.replace(words, others)
    return text


def main():
    real = os.path.abspath(sys.argv[1])
    word = sys.argv[2] if len(sys.argv) > 2 else ""
    mistakes = [m for m in MISTAKES if word in m[0]]
    bad = 0
    with tempfile.TemporaryDirectory(prefix="tiod-mutate.") as folder:
        tree, output = folder + "/tree", folder + "/build"
        copy_tree(tree)
        code, _, _, text = compare(tree, build(tree, output), real)
        print(f"{'not ok' if code else 'ok'} - without a mistake the comparison passes")
        if code:
            print("# " + "\n# ".join(text.splitlines()[-20:]))
            bad += 1
        for what, file, old, new, section in mistakes:
            path = f"{tree}/{MODEL}{file}"
            with open(path, encoding="utf-8") as source:
                right = source.read()
            with open(path, "w", encoding="utf-8") as source:
                source.write(mistaken(right, old, new))
            code, failed, steps, text = compare(tree, build(tree, output), real)
            with open(path, "w", encoding="utf-8") as source:
                source.write(right)
            noticed = code != 0 and section in failed
            bad += not noticed
            print(f"{'ok' if noticed else 'not ok'} - noticed: {what}")
            print(f"# {len(steps)} steps, first {' '.join(steps[:3])}" if steps
                  else "# " + "\n# ".join(text.splitlines()[-3:]), flush=True)
    print(f"1..{len(mistakes) + 1}")
    return bad != 0


sys.exit(main())
