#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes OUTPUT.c with the text of each NAME.varlink as interface_NAME[]."""

import pathlib
import sys


def quoted(line):
    out = ""
    for byte in line.encode():
        if byte in b'"\\':
            out += "\\" + chr(byte)
        elif 0x20 <= byte < 0x7F:
            out += chr(byte)
        else:
            out += f"\\{byte:03o}"
    return f'\t"{out}\\n"'


def main():
    output, *inputs = sys.argv[1:]
    parts = ['#include "interface.h"']
    for name in inputs:
        path = pathlib.Path(name)
        lines = path.read_text(encoding="utf-8").splitlines()
        symbol = "interface_" + path.stem.replace(".", "_")
        body = "\n".join(quoted(line) for line in lines)
        parts.append(f"const char {symbol}[] =\n{body};")
    pathlib.Path(output).write_text("\n\n".join(parts) + "\n", encoding="utf-8")


main()
