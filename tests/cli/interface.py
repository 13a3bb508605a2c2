# SPDX-License-Identifier: GPL-2.0-or-later
"""The Varlink interface file, read just far enough to check messages against it.

Used by the fake daemon: a call that tioctl sends, or a recorded reply that a test gives,
must be one that io.tiod.varlink allows.  Otherwise the tests would prove nothing.
"""

import re

PLAIN = {
    "string": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "object": dict,
}


def _fields(text):
    """"a: ?string, b: []int" as {"a": "?string", "b": "[]int"}."""
    fields = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, kind = part.split(":")
        fields[name.strip()] = kind.strip()
    return fields


class Interface:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            text = "\n".join(line for line in file.read().split("\n")
                             if not line.lstrip().startswith("#"))
        self.name = re.search(r"^interface\s+(\S+)", text, re.M)[1]
        self.types = {name: _fields(body) for name, body in
                      re.findall(r"^type\s+(\w+)\s*\(([^()]*)\)", text, re.M)}
        self.methods = {name: (_fields(call), _fields(reply)) for name, call, reply in
                        re.findall(r"^method\s+(\w+)\s*\(([^()]*)\)\s*->\s*\(([^()]*)\)",
                                   text, re.M)}
        self.errors = {name: _fields(body) for name, body in
                       re.findall(r"^error\s+(\w+)\s*\(([^()]*)\)", text, re.M)}

    def _check(self, value, kind, where):
        if kind.startswith("?"):
            return None if value is None else self._check(value, kind[1:], where)
        if kind.startswith("[]"):
            if not isinstance(value, list):
                return f"{where} is not a list"
            for i, item in enumerate(value):
                wrong = self._check(item, kind[2:], f"{where}[{i}]")
                if wrong:
                    return wrong
            return None
        if kind in self.types:
            return self._check_fields(value, self.types[kind], where)
        if isinstance(value, bool) and kind != "bool":
            return f"{where} is a bool, not {kind}"
        return None if isinstance(value, PLAIN[kind]) else f"{where} is not {kind}"

    def _check_fields(self, value, fields, where):
        if not isinstance(value, dict):
            return f"{where} is not an object"
        for name in value:
            if name not in fields:
                return f"{where}.{name} is not in the interface"
        for name, kind in fields.items():
            if name not in value and not kind.startswith("?"):
                return f"{where}.{name} is missing"
            wrong = self._check(value.get(name), kind, f"{where}.{name}")
            if wrong:
                return wrong
        return None

    def _method(self, method):
        prefix, _, name = method.rpartition(".")
        return self.methods.get(name) if prefix == self.name else None

    def check_call(self, method, parameters):
        """What is wrong with a call, or None."""
        known = self._method(method)
        if not known:
            return f"there is no method {method}"
        return self._check_fields(parameters, known[0], method)

    def check_reply(self, method, reply):
        """What is wrong with a reply, or None."""
        if "error" in reply:
            prefix, _, name = reply["error"].rpartition(".")
            if prefix != self.name:
                return None
            return self._check_fields(reply.get("parameters", {}), self.errors[name],
                                      reply["error"])
        return self._check_fields(reply.get("parameters", {}), self._method(method)[1],
                                  method)
