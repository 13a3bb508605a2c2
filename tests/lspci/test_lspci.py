#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""tiod's reading of IDE registers against lspci's, field by field: test_lspci.py IDE-DUMP LSPCI.

LSPCI is a command that prints the path of an lspci that is new enough, or says why there is
none.  Prints TAP.
"""

import json
import os
import re
import struct
import subprocess
import sys
import tempfile

from spaces import spaces

LINE = re.compile(r"^\t\t(?:\[([0-9a-f]+)\])?(IDECap|IDECtl|(?:Link|Selective)IDE#\d+ "
                  r"(?:Cap|Ctl|Sta|RID#\d+|RID)): (.*)$")
# 'Alg=...', 'En+', 'NPR=4', 'PR-', 'TC0', 'Base=12f0', a bare state or 'Default'.
FIELD = re.compile(r"([A-Za-z_#]+)(?:='([^']*)'|=(\S+)|([+-])(?=\s|$)|(\d+)(?=\s|$)|(?=\s|$))")
STATE = re.compile(r"^(?:Status=)?(\?\?\d+|insecure|secure|reserved) ")


def number_or_word(word):
    """Values that mean nothing have a number in both: '??12', 'reserved (12)'."""
    found = re.search(r"^(?:\?\?|reserved \()(\d+)\)?$", word)
    return f"reserved {found.group(1)}" if found else word


def read_line(name, text):
    """{field: value} of a line of lspci's."""
    fields = {}
    if name.endswith("Sta"):
        state = STATE.match(text)
        fields["state"] = "reserved 1" if state.group(1) == "reserved" else \
            number_or_word(state.group(1))
        text = text[state.end():]
    for key, quoted, value, flag, digits in FIELD.findall(text):
        fields[key] = number_or_word(quoted or value or flag or digits or "+")
    return fields


def read_lspci(text):
    """For each function: {"where": offset or None, "lines": {(name): fields}, "cut": bool}."""
    functions = []
    for block in text.split("\n\n"):
        if not block.strip():
            continue
        found = re.search(r"Capabilities: \[([0-9a-f]+) v(\d+)\] Integrity & Data Encryption",
                          block)
        one = {"where": found and int(found.group(1), 16), "lines": {}, "cut": False,
               "version": found and int(found.group(2)), "offsets": {}}
        # Another capability may follow; these lines are IDE's only.
        for line in block[found.end():].splitlines() if found else ():
            match = LINE.match(line)
            if match:
                one["lines"][match.group(2)] = read_line(match.group(2), match.group(3))
                if match.group(1):
                    one["offsets"][match.group(2)] = int(match.group(1), 16)
            one["cut"] |= "<unreadable>" in line
        functions.append(one)
    return functions


def flag(value):
    return "+" if value else "-"


def level(value):
    return str(value) if value else "-"


def algorithm(word):
    return "reserved" if word.startswith("reserved") else word


def stream(control):
    """The fields of Ctl that link and selective blocks share."""
    return {"En": flag(control["enabled"]), "XT": flag(control["xt"]),
            "NPR": level(control["npr"]), "PR": level(control["pr"]),
            "CPL": level(control["cpl"]), "PCRC": flag(control["pcrc"]),
            "HdrEnc": number_or_word(control["partialHeader"]),
            "Alg": algorithm(control["algorithm"]), "TC": str(control["tc"]),
            "ID": str(control["streamId"])}


def status(register):
    return {"state": number_or_word(register["state"]),
            "RecvChkFail": flag(register["failReceived"])}


def hexadecimal(value):
    return f"{int(value, 16) if isinstance(value, str) else value:x}"


def capability(register):
    return {"Lnk": str(register["linkTcs"] if register["link"] else 0),
            "Sel": str(register["selectiveStreams"] if register["selective"] else 0),
            "FlowThru": flag(register["flowThrough"]),
            "PartHdr": flag(register["partialHeader"]), "Aggr": flag(register["aggregation"]),
            "PCPC": flag(register["pcrc"]), "IDE_KM": flag(register["ideKm"]),
            "SelCfg": flag(register["selectiveConfig"]),
            "Alg": algorithm(register["algorithm"]), "TCs": str(register["linkTcs"]),
            "TeeLim": flag(register["teeLimited"]), "XT": flag(register["xt"])}


def selective(lines, offsets, block):
    name, at = f"SelectiveIDE#{block['index']}", block["offset"]
    lines[f"{name} Cap"] = {"RID#": str(block["capability"]["addressAssociations"])}
    control = stream(block["control"])
    control.update({"CFG": flag(block["control"]["config"]),
                    "TeeLim": flag(block["control"]["teeLimited"])})
    if block["control"]["default"]:
        control["Default"] = "+"
    lines[f"{name} Ctl"] = control
    lines[f"{name} Sta"] = status(block["status"])
    rid = block["rid"]
    lines[f"{name} RID"] = {"Valid": flag(rid["valid"]), "Base": hexadecimal(rid["base"]),
                            "Limit": hexadecimal(rid["limit"]),
                            "SegBase": hexadecimal(rid["segment"])}
    for place, part in enumerate(("Cap", "Ctl", "Sta", "RID")):
        offsets[f"{name} {part}"] = at + 4 * place
    for i, address in enumerate(block["addresses"]):
        lines[f"{name} RID#{i}"] = {"Valid": flag(address["valid"]),
                                    "Base": hexadecimal(address["base"]),
                                    "Limit": hexadecimal(address["limit"])}
        offsets[f"{name} RID#{i}"] = at + 20 + 12 * i


def read_tiod(registers):
    """The same of what tiod says."""
    one = {"where": None, "lines": {}, "cut": False, "version": None, "offsets": {}}
    if not registers or not registers["offset"]:
        return one
    one.update(where=registers["offset"], version=registers["version"],
               cut=registers["problem"] is not None)
    lines, offsets = one["lines"], one["offsets"]
    lines["IDECap"] = capability(registers["capability"])
    lines["IDECtl"] = {"FTEn": flag(registers["control"]["flowThrough"])}
    for link in registers["links"]:
        name = f"LinkIDE#{link['index']}"
        lines[f"{name} Ctl"] = stream(link["control"])
        lines[f"{name} Sta"] = status(link["status"])
        offsets[f"{name} Ctl"] = link["offset"]
        offsets[f"{name} Sta"] = link["offset"] + 4
    for block in registers["selective"]:
        selective(lines, offsets, block)
    return one


class Comparison:
    def __init__(self, known):
        self.known = known  # fields of lspci's that are known to be wrong
        self.fields = 0
        self.skipped = 0
        self.differences = []

    def field(self, where, key, ours, theirs):
        if (re.sub(r"#\d+", "", where.split(": ")[-1]), key) in self.known:
            self.skipped += 1
            return
        self.fields += 1
        if ours != theirs:
            self.differences.append(f"{where}: {key}: tiod {ours}, lspci {theirs}")

    def line(self, where, ours, theirs):
        for key in sorted(set(ours) | set(theirs)):
            # Older ones leave fields out; newer ones may have more than there was to know.
            if key in ("SelCfg", "XT", "CFG", "TeeLim") and key not in theirs:
                continue
            self.field(where, key, ours.get(key), theirs.get(key))

    def space(self, where, ours, theirs):
        """Where the blocks end early tiod gives whole ones, lspci also the part of one.

        Link blocks lspci reads all at once, so that it shows none where one is cut.
        """
        for key in ("where", "version", "cut"):
            self.field(where, key, ours[key], theirs[key])
        names = set(ours["lines"])
        if not ours["cut"]:
            names |= set(theirs["lines"])
        elif "LinkIDE#0 Ctl" not in theirs["lines"]:
            names = {name for name in names if not name.startswith("Link")}
        for name in sorted(names):
            self.line(f"{where}: {name}", ours["lines"].get(name, {}),
                      theirs["lines"].get(name, {}))
            if name in theirs["offsets"]:
                self.field(f"{where}: {name}", "offset", ours["offsets"].get(name),
                           theirs["offsets"][name])
        if ours["cut"]:
            whole = {name.split()[0] for name in ours["lines"]}
            shown = {name.split()[0] for name in theirs["lines"]}
            self.field(where, "at most one block more", True, len(shown - whole) <= 1)


def ide_dump(program, images):
    data = b"".join(struct.pack("<I", len(image)) + image for image in images)
    run = subprocess.run([program], input=data, stdout=subprocess.PIPE, check=True)
    return [read_tiod(json.loads(line)) for line in run.stdout.splitlines()]


def run_lspci(lspci, every):
    with tempfile.NamedTemporaryFile("w", suffix=".dump") as file:
        for i, space in enumerate(every):
            file.write(space.dump(f"{i >> 8:02x}:{i >> 3 & 31:02x}.{i & 7}"))
        file.flush()
        run = subprocess.run([lspci, "-n", "-F", file.name, "-vvv"], check=True,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return read_lspci(run.stdout)


# Which bit of a sound capability's registers is which of lspci's fields.
BITS = [("IDECap", 4, bit) for bit in (2, 3, 4, 5, 6, 7, 24, 25)] + \
    [("IDECtl", 8, 2)]


def changed_bits(program, every, theirs, known):
    """Turns a bit over in one space at a time: the comparison must see each."""
    images, expected = [], []
    for space, one in zip(every, theirs):
        if space.kind != "sound" or len(images) > 200:
            continue
        at, bit = BITS[len(images) % len(BITS)][1:]
        copy = bytearray(space.image())
        copy[one["where"] + at + bit // 8] ^= 1 << bit % 8
        images.append(bytes(copy))
        expected.append(one)
    unseen = 0
    for ours, one in zip(ide_dump(program, images), expected):
        comparison = Comparison(known)
        comparison.space("", ours, one)
        unseen += len(comparison.differences) != 1
    return len(images), unseen


def main(program, finder):
    found = subprocess.run([finder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           check=False)
    if found.returncode != 0:
        why = (found.stderr.strip().splitlines() or ["it says nothing"])[-1]
        print(f"1..0 # SKIP no lspci 3.13 or newer: {why}")
        return 0
    lspci = found.stdout.strip()
    version = subprocess.run([lspci, "--version"], stdout=subprocess.PIPE, text=True,
                             check=True).stdout.split()[-1]

    every = list(spaces())
    theirs = run_lspci(lspci, every)
    ours = ide_dump(program, [space.image() for space in every])
    # It shows a link block's enable bit where it says PCRC.
    known = {("LinkIDE Ctl", "PCRC")}
    comparison = Comparison(known)
    for i, space in enumerate(every):
        comparison.space(f"{i} ({space.kind})", ours[i], theirs[i])

    same = len(ours) == len(theirs) == len(every)
    print("1..3")
    print(f"{'' if same else 'not '}ok 1 - both read all {len(every)} config spaces "
          f"({len(ours)}, {len(theirs)}; lspci {version})")
    good = not comparison.differences and comparison.fields > 20000
    print(f"{'' if good else 'not '}ok 2 - {comparison.fields} fields compared, "
          f"{len(comparison.differences)} differences, {comparison.skipped} left out that "
          "lspci is known to show wrongly")
    for line in comparison.differences[:40]:
        print(f"# {line}")
    turned, unseen = changed_bits(program, every, theirs, known)
    seen = turned > 100 and unseen == 0
    print(f"{'' if seen else 'not '}ok 3 - each of {turned} bits that were turned over is "
          f"seen as one difference ({unseen} are not)")
    return 0 if same and good and seen else 1


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    sys.exit(main(*sys.argv[1:]))
