# SPDX-License-Identifier: BSD-3-Clause
"""Result files, checked against docs/bench-result.schema.json before a word of them is believed."""
import json
import math
import pathlib
import re

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / "docs" / "bench-result.schema.json"
FILE_MAX = 64 << 20
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


class Bad(Exception):
    """A file that is no result: where, what was found, what is expected."""


def _is(value, name):
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


class Schema:
    """As much of JSON Schema (draft 2020-12) as the results' schema uses."""

    def __init__(self, document):
        self.document = document

    def check(self, value, rule, where):
        if "$ref" in rule:
            rule = self.document["$defs"][rule["$ref"].rpartition("/")[2]]
        if "type" in rule:
            names = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
            if not any(_is(value, name) for name in names):
                raise Bad(f"{where}: found {type(value).__name__}, expected {' or '.join(names)}")
        if "enum" in rule and value not in rule["enum"]:
            raise Bad(f"{where}: found {value!r}, expected one of {', '.join(map(str, rule['enum']))}")
        if "minimum" in rule and value < rule["minimum"]:
            raise Bad(f"{where}: found {value}, expected at least {rule['minimum']}")
        if "pattern" in rule and not re.search(rule["pattern"], value):
            raise Bad(f"{where}: found {value!r}, expected {rule['pattern']}")
        if isinstance(value, dict):
            self._object(value, rule, where)
        elif isinstance(value, list) and "items" in rule:
            for i, item in enumerate(value):
                self.check(item, rule["items"], f"{where}[{i}]")

    def _object(self, value, rule, where):
        for name in rule.get("required", ()):
            if name not in value:
                raise Bad(f"{where}: {name} is missing")
        for name, member in value.items():
            inner = rule.get("properties", {}).get(name, rule.get("additionalProperties", True))
            if inner is False:
                raise Bad(f"{where}: {name}: unknown")
            if inner is not True:
                self.check(member, inner, f"{where}: {name}")


def read(path):
    """A JSON object from a file, or Bad."""
    try:
        with open(path, "rb") as file:
            data = file.read(FILE_MAX + 1)
    except OSError as error:
        raise Bad(f"{path}: {error.strerror}") from error
    if len(data) > FILE_MAX:
        raise Bad(f"{path}: larger than {FILE_MAX >> 20} MiB")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Bad(f"{path}: no JSON: {error}") from error
    if not isinstance(document, dict):
        raise Bad(f"{path}: expected an object")
    return document


def _ordered(figure, where):
    if not figure["min"] <= figure["median"] <= figure["max"]:
        raise Bad(f"{where}: the median is not between min and max")


def result(path):
    """A result, or Bad."""
    schema, document = Schema(read(SCHEMA)), read(path)
    schema.check(document, schema.document, str(path))
    for name, figure in document["figures"].items():
        _ordered(figure, f"{path}: figures: {name}")
    return document


def headline(path):
    """The flat object of the figures that the project is measured by, or Bad."""
    schema, document = Schema(read(SCHEMA)), read(path)
    rule = dict(schema.document["$defs"]["figure"], required=["median", "min", "max", "runs"], additionalProperties=True)
    for name, figure in document.items():
        schema.check(figure, rule, f"{path}: {name}")
        _ordered(figure, f"{path}: {name}")
    return document
