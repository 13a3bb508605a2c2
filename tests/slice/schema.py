# SPDX-License-Identifier: GPL-2.0-or-later
"""As much of JSON Schema as cdi-schema.json uses; "$ref" names one of its definitions."""

import json
import re

TYPES = {"object": dict, "array": list, "string": str, "integer": int}


class Schema:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.top = json.load(file)

    def mistakes(self, value, rule=None, where=""):
        """What is wrong with @value, a sentence each."""
        rule = self.top if rule is None else rule
        if "$ref" in rule:
            rule = self.top["definitions"][rule["$ref"]]
        if not isinstance(value, TYPES[rule["type"]]) or isinstance(value, bool):
            return [f"{where or 'it'} is no {rule['type']}"]
        if isinstance(value, str):
            good = re.search(rule.get("pattern", ""), value)
            return [] if good else [f"{where} is {value!r}"]
        if isinstance(value, list):
            return [f"{where} is empty"] * (len(value) < rule.get("minItems", 0)) + [
                m for i, item in enumerate(value)
                for m in self.mistakes(item, rule["items"], f"{where}[{i}]")]
        return self._of_object(value, rule, where) if isinstance(value, dict) else []

    def _of_object(self, value, rule, where):
        wrong = [f"{where} lacks {key}" for key in rule.get("required", ()) if key not in value]
        others = rule.get("additionalProperties", False)
        for key, item in value.items():
            known = rule.get("properties", {}).get(key, others)
            if known is False:
                wrong.append(f"{where}.{key} is not known")
            else:
                wrong += self.mistakes(item, known, f"{where}.{key}")
        return wrong
