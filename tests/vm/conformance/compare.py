#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Compares the transcripts of the two kernels: compare.py REAL SIMULATED DIFFERENCES.

Prints TAP, one test a section, and the figures.  Steps are compared after what no kernel
promises (numbers of groups, devices and TSMs) has been given one name.  DIFFERENCES is
the list of knowing differences: a step that differs and isn't listed fails, and so does
one that is listed and doesn't differ as the list says.  With --write the list's lines of what
differs are printed, to be given their reasons.
"""
import re
import sys

# What no kernel promises.  No other word of a transcript is changed.
PLAIN = (
    (re.compile(r"\b(MAJOR|MINOR)=\d+"), r"\1=N"),
    (re.compile(r"\btsm[012](?!\d)"), "tsmN"),
    (re.compile(r"\b(/tmp/)[^ ]*/attr\b"), "attr"),
)
STEP = re.compile(r"([a-z-]+\.\d+) (.*)")


def bail_out(why):
    print("Bail out! " + why)
    sys.exit(1)


def normal(text):
    for pattern, name in PLAIN:
        text = pattern.sub(name, text)
    return text


def transcript(path):
    """Steps by their name; the events of a step are further lines of it."""
    steps, name, ended = {}, None, False
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file.read().splitlines():
            found = STEP.fullmatch(line)
            if found:
                name = found[1]
                steps[name] = [normal(found[2])]
            elif line.startswith("    ") and name:
                steps[name].append(normal(line.strip()))
            elif line.startswith("# "):
                ended = line == "# end"
            else:
                bail_out(f"{path}: unexpected line: {line}")
    if not ended:
        bail_out(f"{path}: the script did not reach its end; the last step was {name}")
    return steps


def listed(path):
    """[(reason, {step: [real lines]}, {step: [simulated lines]})]"""
    entries, reason = [], []
    sides, name = None, None
    with open(path, encoding="utf-8") as file:
        for line in file.read().splitlines():
            if line.startswith("#") or not line:
                sides = None
                reason = reason + [line[2:]] if line else []
                continue
            if sides is None:
                sides = ({}, {})
                entries.append((" ".join(reason), *sides))
            side = sides["-+".index(line[0])]
            found = STEP.fullmatch(line[2:])
            if found:
                name = found[1]
                side[name] = [found[2]]
            else:
                side[name].append(line[2:].strip())
    return entries


def differences(real, simulated):
    return [name for name in list(real) + [n for n in simulated if n not in real]
            if real.get(name) != simulated.get(name)]


def show(name, lines, sign):
    if lines:
        print(f"{sign} {name} {lines[0]}")
        for line in lines[1:]:
            print(f"{sign}     {line}")


def show_both(name, real, simulated, prefix=""):
    show(name, real.get(name), prefix + "-")
    show(name, simulated.get(name), prefix + "+")


def judge(real, simulated, entries):
    """The steps that fail, with the reason why."""
    wrong = {}
    known = {}
    for reason, ours, theirs in entries:
        for name in set(ours) | set(theirs):
            known[name] = (reason, ours.get(name), theirs.get(name))
    for name in differences(real, simulated):
        if name not in known:
            wrong[name] = "differs, and is not listed"
        elif known[name][1:] != (real.get(name), simulated.get(name)):
            wrong[name] = "differs in another way than listed"
        elif len(known[name][0]) < 10:
            wrong[name] = "is listed without a reason"
    for name in known:
        if name not in real or real[name] == simulated.get(name):
            wrong[name] = "is listed and does not differ any more"
    return wrong, known


def main():
    writing = "--write" in sys.argv
    paths = [a for a in sys.argv[1:] if a != "--write"]
    real, simulated = transcript(paths[0]), transcript(paths[1])
    if writing:
        for name in differences(real, simulated):
            show_both(name, real, simulated)
        return 0
    wrong, known = judge(real, simulated, listed(paths[2]))
    sections = list(dict.fromkeys(n.rpartition(".")[0] for n in [*real, *simulated, *wrong]))
    for section in sections:
        bad = [n for n in wrong if n.rpartition(".")[0] == section]
        count = sum(n.rpartition(".")[0] == section for n in real)
        print(f"{'not ok' if bad else 'ok'} - {section}: {count} steps agree but for what is listed")
        for name in bad:
            print(f"# {name} {wrong[name]}")
            show_both(name, real, simulated, "# ")
    equal = len(real) - sum(n in real for n in differences(real, simulated))
    print(f"# {len(real)} steps, {equal} equal, {len(known)} listed, {len(wrong)} wrong")
    enough = len(real) >= 150
    print(f"{'ok' if enough else 'not ok'} - there are 150 steps or more")
    print(f"1..{len(sections) + 1}")
    return 1 if wrong or not enough else 0


sys.exit(main())
